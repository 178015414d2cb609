package poller

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"time"

	"chatd/protocol"
	"chatd/state"
)

// The reasons for which the loop ends connections. A connection that ends for several has the first.
const (
	EOF          protocol.Reason = "eof"           // the client has ended its input
	Reset        protocol.Reason = "reset"         // the connection has failed, or its peer has vanished
	Refused      protocol.Reason = "refused"       // there was no descriptor for it, or no memory
	Evicted      protocol.Reason = "evicted"       // not logged in, and its descriptor was needed
	AddressLimit protocol.Reason = "address_limit" // its address had Config.MaxPerAddress connections
	LoginTimeout protocol.Reason = "login_timeout" // not logged in for too long
	SendTimeout  protocol.Reason = "send_timeout"  // the client took nothing of what was queued for it
	Buffer       protocol.Reason = "buffer"        // all buffers together took too much memory
	Shutdown     protocol.Reason = "shutdown"      // the loop was asked to stop
)

// lingerTime is how long a connection lingers after its last frame. Bytes do not end it: a client that
// had sent a lot before it reads its last frame would lose that to a reset.
const lingerTime = 2 * time.Second

// abort ends a connection at once. What is queued for it is lost, and the senders that wait for its
// receipts get their reply. The descriptor is closed at the end of the turn.
func (l *Loop) abort(c *conn, reason protocol.Reason) {
	if c.phase < draining {
		l.logout(c)
	}
	if c.reason == "" {
		c.reason = reason
	}
	c.phase, c.linesLeft = closed, false
	c.lines.Discard()
	c.timeout.remove()
	c.login.remove()
	c.left.remove()
	l.lost = c.out.discard(l.lost)
	l.activateRecord(c.record, c.ID.Slot())
}

// logout closes a client for the machine, and remembers its name for the line about the end of its
// connection.
func (l *Loop) logout(c *conn) {
	c.name = string(l.Machine.Name(&c.Session))
	l.Machine.Close(&c.Session)
}

// name is the name of a client, for logs.
func (l *Loop) name(c *conn) string {
	if c.phase < draining {
		return string(l.Machine.Name(&c.Session))
	}
	return c.name
}

// advanceClose takes the next steps of closing, where the connection is ready for them.
func (l *Loop) advanceClose(c *conn) {
	if c.phase == finishing && !c.Pending() {
		l.logout(c)
		c.login.remove()
		c.phase = draining
	}
	if c.phase == draining && c.out.size == 0 {
		// With unread input, close(2) would send a reset, and a reset destroys what the client has not
		// read: so read to the end of input first, unless that has been read.
		if c.inputEnded || l.Kernel.Shutdown(c.ID.Slot()) != nil {
			l.abort(c, c.reason)
			return
		}
		c.phase = lingering
		l.lingerTimeouts.set(c, l.Kernel.Now())
	}
}

// updateInterest tells the kernel an interest that differs from what it has.
func (l *Loop) updateInterest(c *conn, wanted Readiness) {
	if err := l.Kernel.Modify(c.ID, wanted); err != nil {
		l.warnLimited("cannot serve a connection", slog.Any("reason", err))
		l.abort(c, Refused)
		return
	}
	c.registered = wanted
}

// release closes the descriptor of a connection that has ended. Its ID is not valid from here on.
func (l *Loop) release(r *record, slot int, reason protocol.Reason, name string) {
	if reason != AddressLimit {
		l.uncountAddress(slot)
	}
	l.closeDescriptor(state.NewID(slot, r.generation), reason, name)
	*r = record{generation: r.generation + 1}
	l.connections--
	if l.reserve < 0 && l.stops == 0 {
		l.openReserve() // this descriptor is the first that has become free
	}
}

// closeDescriptor closes a connection's descriptor and counts why.
func (l *Loop) closeDescriptor(id state.ID, reason protocol.Reason, name string) {
	if l.Log.Enabled(context.Background(), slog.LevelDebug) {
		l.Log.Debug("closed", "reason", reason, "client", id, "peer", l.Kernel.Peer(id.Slot()), "name", name)
	}
	l.closed[reason]++
	l.statsDue = l.statsFrom
	l.Kernel.Close(id.Slot())
}

// handleWake reads the counter that signals add to: requests to stop in its lower half, requests to
// report in its upper half (eventfd(2)).
func (l *Loop) handleWake() error {
	var counter [8]byte
	if _, err := l.Kernel.Read(l.Wake, counter[:]); err != nil && !isTransient(err) {
		return fmt.Errorf("read: %w", err)
	}
	n := binary.NativeEndian.Uint64(counter[:])
	if n>>32 > 0 {
		l.report(Requested)
	}
	if stops := int(uint32(n)); stops > 0 {
		l.stops += stops
		if l.stops == stops {
			l.beginStop()
		}
	}
	return nil
}

// beginStop is called when the loop is asked to stop. Nothing new is accepted or read from then on, and
// what is queued is still written, for DrainTimeout at most. When asked again, the loop stops at once.
//
// A connection is closed at once only if the kernel has no unacknowledged byte for it: if the client
// sends anything after close(2), the kernel answers with a reset and destroys these bytes, for which
// SEND-OK may have left (G18).
func (l *Loop) beginStop() {
	l.Log.Info("stopping", "connections", l.connections)
	l.report(Stopping)
	l.stopUntil = l.Kernel.Now() + l.DrainTimeout
	l.pausedUntil = 0
	// If a service manager has a listener too, closing ours does not take it out of the set (epoll(7)).
	l.listenTo(0)
	for _, fd := range l.Listeners {
		l.Kernel.Close(fd)
	}
	l.records.Each(func(slot int, r *record) {
		switch {
		case !r.inUse():
		case r.conn != nil || l.Kernel.Unacknowledged(slot) > 0:
			l.finish(l.activateRecord(r, slot))
		default: // an idle connection needs no conn to be closed
			session := state.Session{ID: state.NewID(slot, r.generation), LoggedIn: r.loggedIn}
			name := string(l.Machine.Name(&session))
			l.Machine.Close(&session)
			l.release(r, slot, Shutdown, name)
		}
	})
}

// finish makes a connection end as soon as everything queued for it is sent.
func (l *Loop) finish(c *conn) {
	c.lines.Discard()
	c.linesLeft = false
	c.login.remove()
	c.left.remove()
	if c.phase != open {
		return
	}
	if c.out.size == 0 && !c.Pending() && l.Kernel.Unacknowledged(c.ID.Slot()) == 0 {
		l.abort(c, Shutdown)
		return
	}
	c.phase, c.reason = finishing, Shutdown
}

// Stopped reports whether the loop was asked to stop and has.
func (l *Loop) Stopped() bool {
	return l.stops > 1 || l.stops == 1 && (l.connections == 0 || l.Kernel.Now() >= l.stopUntil)
}
