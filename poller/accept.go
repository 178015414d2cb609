package poller

import (
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"chatd/state"
)

const (
	acceptsPerTurn = 64                     // connections, so that a burst of them does not hold up users
	acceptPause    = 100 * time.Millisecond // when there is no descriptor for another connection
	warnEvery      = time.Second
)

// accept takes new connections from a listener's backlog.
func (l *Loop) accept(listener int) error {
	if l.stops > 0 {
		return nil // the listeners were closed earlier in this turn
	}
	for range acceptsPerTurn {
		fd, err := l.Kernel.Accept(listener)
		switch err {
		case nil:
			l.register(fd)
		case syscall.EAGAIN:
			return nil
		case syscall.EMFILE, syscall.ENFILE:
			return l.acceptWithReserve(listener, err)
		case syscall.ENOBUFS, syscall.ENOMEM:
			return l.pause(err)
		case syscall.EBADF, syscall.EFAULT, syscall.EINVAL, syscall.ENOTSOCK:
			return fmt.Errorf("accept4: %w", err) // there is no listener
		default:
			// That one connection failed before it was accepted, or a signal came: accept(2) has a list,
			// and asks for the next.
		}
	}
	return nil
}

// register begins to serve a connection.
func (l *Loop) register(fd int) {
	r := l.records.At(fd)
	r.generation++
	l.connections++
	reason := Refused
	if !l.countAddress(fd) {
		reason = AddressLimit
	}
	if err := l.Kernel.Add(state.NewID(fd, r.generation), Readable); err != nil {
		l.warnLimited("cannot serve a connection", slog.Any("reason", err))
		l.release(r, fd, reason, "")
		return
	}
	c := l.activateRecord(r, fd)
	if reason == AddressLimit {
		l.rejectAddress(c)
		return
	}
	l.loginTimeouts.setLogin(c, l.Kernel.Now())
}

// acceptWithReserve accepts one client when there is no descriptor for it. accept4 returns EMFILE even
// when the backlog is empty, so it closes the reserve descriptor and tries again, and evicts only if a
// client was really waiting. The reserve is opened again with the next descriptor that is closed. Until
// then the loop cannot know whether a client waits, and evicts for each call that fails.
func (l *Loop) acceptWithReserve(listener int, reason error) error {
	if l.reserve < 0 {
		if l.evict(reason) {
			return nil
		}
		return l.pause(reason)
	}
	l.Kernel.Close(l.reserve)
	l.reserve = -1
	fd, err := l.Kernel.Accept(listener)
	switch {
	case err == nil && l.evict(reason):
		l.register(fd)
		return nil
	case err == nil:
		l.rejectBusy(fd, reason)
	}
	l.openReserve()
	if err == syscall.EMFILE || err == syscall.ENFILE {
		return l.pause(err)
	}
	return nil
}

// evict makes room: of the lingering connections, or else of the unauthenticated ones, it closes the
// oldest at the end of this turn. A user is never evicted.
func (l *Loop) evict(reason error) bool {
	oldest := l.lingerTimeouts.first
	if oldest == nil {
		oldest = l.loginTimeouts.first
	}
	if oldest == nil {
		return false
	}
	l.warnLimited("no descriptor left, evicting clients that are not logged in", slog.Any("reason", reason),
		slog.Any("client", oldest.conn.ID), slog.Any("peer", peer{l.Kernel, oldest.conn.ID.Slot()}))
	l.abort(oldest.conn, Evicted)
	return true
}

// rejectBusy tells a client that there is no room and closes its connection.
func (l *Loop) rejectBusy(fd int, reason error) {
	l.warnLimited("no descriptor left, rejecting clients", slog.Any("reason", reason),
		slog.Any("peer", peer{l.Kernel, fd}))
	l.busy++
	l.Kernel.Read(fd, l.input) // unread input would turn the end into a reset
	l.Kernel.Write(fd, l.BusyReply)
	l.Kernel.Shutdown(fd)
	l.closeDescriptor(state.NewID(fd, 0), Refused, "")
}

// openReserve opens the reserve descriptor.
func (l *Loop) openReserve() {
	var err error
	if l.reserve, err = l.Kernel.Reserve(); err != nil {
		l.reserve = -1
	}
}

// pause stops accepting for a while. The listeners stay readable, so the loop would turn without end if it
// waited for them.
func (l *Loop) pause(reason error) error {
	l.pausedUntil = l.Kernel.Now() + acceptPause
	l.warnLimited("accepting is paused", slog.String("reason", "accept4: "+reason.Error()))
	return l.listenTo(0)
}

// unpause accepts again.
func (l *Loop) unpause() error {
	l.pausedUntil = 0
	if l.reserve < 0 {
		l.openReserve()
	}
	return l.listenTo(Readable)
}

// listenTo changes the interest in all listeners.
func (l *Loop) listenTo(interest Readiness) error {
	for _, fd := range l.Listeners {
		if err := l.Kernel.Modify(state.NewID(fd, 0), interest); err != nil {
			return err
		}
	}
	return nil
}

// A peer is a client's address in a log line. The kernel is asked for it only if the line is written.
type peer struct {
	kernel Kernel
	fd     int
}

// LogValue returns the address (slog.LogValuer).
func (p peer) LogValue() slog.Value { return slog.StringValue(p.kernel.Peer(p.fd)) }

// warnLimited writes a warning to the log, at most one every warnEvery, with the number of those that
// were suppressed since the last one.
func (l *Loop) warnLimited(message string, attrs ...any) {
	now := l.Kernel.Now()
	if now < l.warnAt {
		l.suppressed++
		return
	}
	l.warnAt = now + warnEvery
	l.Log.Warn(message, append(attrs, "connections", l.connections, "suppressed", l.suppressed)...)
	l.suppressed = 0
}
