package poller

import (
	"context"
	"log/slog"

	"chatd/protocol"
	"chatd/state"
)

// The reasons for which the loop ends connections. A connection that ends for several has the
// first.
const (
	EOF          protocol.Reason = "eof"           // the client has ended its input
	Reset        protocol.Reason = "reset"         // the connection has failed, or its peer has vanished
	Refused      protocol.Reason = "refused"       // there was no descriptor for it, or no memory
	Evicted      protocol.Reason = "evicted"       // a stranger made room for somebody else
	LoginTimeout protocol.Reason = "login_timeout" // a stranger stayed too long
	SendTimeout  protocol.Reason = "send_timeout"  // the client took nothing of what was queued for it
	Buffer       protocol.Reason = "buffer"        // all clients held too much, and this one most
	Shutdown     protocol.Reason = "shutdown"      // the loop was asked to stop
)

// register gives an accepted connection its slot. Until it logs in it is one of the strangers.
func (l *Loop) register(fd int) {
	s := l.slots.At(fd)
	s.nextGeneration(fd)
	l.count++
	if err := l.Kernel.Add(s.id, Readable); err != nil {
		l.warnLimited("cannot serve a connection", err)
		l.release(s, Refused)
		return
	}
	l.Machine.Open(s.id)
	c := l.activate(s.id)
	c.unauthenticated = true
	l.setTimeout(c) // now, for it may have to make room in this very turn
}

// abort ends a connection at once. What is queued for it is lost, and those who wait for a receipt
// for that will be told. The descriptor is closed at the end of the turn.
func (l *Loop) abort(c *conn, reason protocol.Reason) {
	if c.listens() {
		l.Machine.Close(c.id)
	}
	if c.reason == "" {
		c.reason = reason
	}
	c.phase = dead
	c.timeout.remove()
	l.lost = c.out.discard(l.lost)
	l.activate(c.id)
}

// abortAndLog kills a connection for a reason that somebody may want to know.
func (l *Loop) abortAndLog(c *conn, reason protocol.Reason) {
	l.Log.Warn("closing", "reason", reason, "client", c.id, "peer", l.Kernel.Peer(c.id.Slot()),
		"queued", c.out.size, "held", c.held)
	l.abort(c, reason)
}

// endTurn goes through the connections that were touched in this turn and leaves each in the state in
// which it can wait for the next.
func (l *Loop) endTurn() {
	if len(l.active) > 0 {
		l.markStatsChanged()
	}
	for _, c := range l.active {
		l.advanceClose(c)
		if c.phase != dead {
			l.setTimeout(c)
			l.updateInterest(c)
		}
		l.updateMemory(c)
		s := l.slots.Find(c.id.Slot())
		switch {
		case c.phase == dead:
			l.release(s, c.reason)
			fallthrough
		case c.idle():
			s.conn = nil
			l.pool.put(c)
		case c.mayResume():
			l.resumed = append(l.resumed, c)
		}
		c.active = false
	}
	l.active = l.active[:0]
}

// advanceClose takes the next steps of a connection's life, where it is ready for them.
func (l *Loop) advanceClose(c *conn) {
	if c.phase == finishing && len(c.in) == 0 && c.pendingReplies == 0 {
		l.Machine.Close(c.id)
		c.phase = draining
	}
	if c.phase == draining && c.out.size == 0 {
		// With unread input, close(2) would send a reset, and a reset destroys what the client has
		// not read yet: so listen for the end first, unless it has been read.
		if c.ended || l.Kernel.Shutdown(c.id.Slot()) != nil {
			l.abort(c, c.reason)
			return
		}
		c.phase = lingering
		l.lingerTimeouts.set(c, l.Kernel.Now())
	}
}

// setTimeout gives a connection the deadline that its state asks for.
func (l *Loop) setTimeout(c *conn) {
	switch {
	case c.out.size > 0:
		if c.timeout.list != &l.writeTimeouts.list {
			l.writeTimeouts.set(c, l.Kernel.Now())
			c.unsent = l.Kernel.Unsent(c.id.Slot())
		}
	case c.unauthenticated && c.phase == open && c.timeout.list == nil:
		l.loginTimeouts.set(c, l.Kernel.Now())
	}
}

// updateInterest makes the kernel wait for what the connection's state asks for. Mostly it does already.
func (l *Loop) updateInterest(c *conn) {
	wanted := c.interest()
	if wanted == c.registered {
		return
	}
	if err := l.Kernel.Modify(c.id, wanted); err != nil {
		l.warnLimited("cannot serve a connection", err)
		l.abort(c, Refused)
		return
	}
	c.registered = wanted
}

// release closes a connection. Its ID is nobody's from here on.
func (l *Loop) release(s *slot, reason protocol.Reason) {
	l.closeDescriptor(s.id, reason)
	s.nextGeneration(s.id.Slot())
	l.count--
	if l.reserve < 0 && l.stops == 0 {
		l.openReserve()
	}
}

// closeDescriptor closes the descriptor of a connection, and counts why.
func (l *Loop) closeDescriptor(id state.ID, reason protocol.Reason) {
	if l.Log.Enabled(context.Background(), slog.LevelDebug) {
		l.Log.Debug("closed", "reason", reason, "client", id, "peer", l.Kernel.Peer(id.Slot()))
	}
	l.closed[reason]++
	l.markStatsChanged()
	l.Kernel.Close(id.Slot())
}

// handleWake does what signals have asked for.
func (l *Loop) handleWake() error {
	stops, reports, err := readWake(l.Kernel, l.Wake)
	if err != nil {
		return err
	}
	if reports > 0 {
		l.report("figures")
	}
	if stops > 0 {
		l.stop(stops)
	}
	return nil
}

// stop is called when the loop is asked to stop. The first time, nothing new is accepted or read
// any more, and what is queued still leaves, for DrainTimeout at most. The second time, it is over
// at once.
//
// A connection is closed at once only if the kernel has no unacknowledged byte left for it: if the
// client sends something after close(2), its kernel is answered with a reset, and a reset destroys
// what has not been acknowledged, though SEND-OK was said for it (G18).
func (l *Loop) stop(times uint32) {
	first := l.stops == 0
	l.stops += times
	if !first {
		return
	}
	l.Log.Info("stopping", "connections", l.count)
	l.Supervisor.Tell("STOPPING=1", l.status())
	l.stopUntil = l.Kernel.Now() + l.DrainTimeout
	l.pausedUntil = 0
	// If a supervisor has the listener too, closing ours does not take it out of the set (epoll(7)).
	l.Kernel.Modify(internalID(l.Listener), 0)
	l.Kernel.Close(l.Listener)
	l.slots.Each(func(_ int, s *slot) {
		switch {
		case !s.inUse():
		case s.conn == nil && l.Kernel.Unsent(s.id.Slot()) == 0: // idle: there is nothing to wait for
			l.Machine.Close(s.id)
			l.release(s, Shutdown)
		default:
			c := l.activate(s.id)
			c.in = c.in[:0]
			switch {
			case c.phase != open:
			case c.out.size == 0 && c.pendingReplies == 0 && l.Kernel.Unsent(c.id.Slot()) == 0:
				l.abort(c, Shutdown)
			default:
				c.phase, c.reason = finishing, Shutdown
			}
		}
	})
}

// Stopped reports whether the loop has been asked to stop and has.
func (l *Loop) Stopped() bool {
	return l.stops > 1 || l.stops == 1 && (l.count == 0 || l.Kernel.Now() >= l.stopUntil)
}
