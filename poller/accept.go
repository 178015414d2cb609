package poller

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	acceptsPerTurn = 64                     // connections; a burst of them does not hold up users
	acceptPause    = 100 * time.Millisecond // when there is no room for another connection
	warnEvery      = time.Second
)

// accept takes new connections from the listener's backlog.
func (l *Loop) accept() error {
	if l.stops > 0 {
		return nil // the listener's event is older than its end
	}
	for range acceptsPerTurn {
		fd, err := l.Kernel.Accept(l.Listener)
		switch err {
		case nil:
			l.register(fd)
		case unix.EAGAIN:
			return nil
		case unix.EMFILE, unix.ENFILE:
			return l.acceptWithReserve(err)
		case unix.ENOBUFS, unix.ENOMEM:
			return l.pause(os.NewSyscallError("accept4", err))
		case unix.EBADF, unix.EFAULT, unix.EINVAL, unix.ENOTSOCK:
			return os.NewSyscallError("accept4", err) // there is no listener
		default:
			// That one connection failed before it was ours, or a signal came. accept(2) has a
			// list, and asks for the next.
		}
	}
	return nil
}

// acceptWithReserve serves one more client when there is no descriptor for it. accept(2) says so before it
// looks whether anybody waits, so the spare descriptor is given up first and somebody is sent away
// only for a client that is there. The spare comes back with the next descriptor that is closed.
func (l *Loop) acceptWithReserve(reason error) error {
	if l.reserve < 0 {
		if l.evict() {
			return nil
		}
		return l.pause(os.NewSyscallError("accept4", reason))
	}
	l.Kernel.Close(l.reserve)
	l.reserve = -1
	fd, err := l.Kernel.Accept(l.Listener)
	switch {
	case err == nil && l.evict():
		l.register(fd)
		return nil
	case err == nil:
		l.rejectBusy(fd)
	}
	l.openReserve()
	if err == unix.EMFILE || err == unix.ENFILE {
		return l.pause(os.NewSyscallError("accept4", err))
	}
	return nil
}

// evict makes room: a connection that lingers, or else the oldest of those that have not logged in,
// is closed at the end of this turn. A user never goes for that.
func (l *Loop) evict() bool {
	oldest := l.lingerTimeouts.first
	if oldest == nil {
		oldest = l.loginTimeouts.first
	}
	if oldest == nil {
		return false
	}
	l.warnLimited("no descriptor left, evicting strangers", unix.EMFILE)
	l.abort(oldest.conn, Evicted)
	return true
}

// rejectBusy tells a client that there is no room.
func (l *Loop) rejectBusy(fd int) {
	l.warnLimited("no descriptor left, turning clients away", unix.EMFILE)
	l.Kernel.Read(fd, l.buffer) // unread, it would turn the end into a reset
	l.Kernel.Write(fd, l.BusyReply)
	l.Kernel.Shutdown(fd)
	l.closeDescriptor(internalID(fd), Refused)
}

func (l *Loop) openReserve() {
	var err error
	if l.reserve, err = l.Kernel.Reserve(); err != nil {
		l.reserve = -1
	}
}

// pause leaves the backlog alone for a while. The listener stays readable, so to keep waiting for
// it would turn the loop without end.
func (l *Loop) pause(reason error) error {
	l.pausedUntil = l.Kernel.Now() + acceptPause
	l.warnLimited("not accepting for a moment", reason)
	return l.Kernel.Modify(internalID(l.Listener), 0)
}

func (l *Loop) unpause() error {
	l.pausedUntil = 0
	if l.reserve < 0 {
		l.openReserve()
	}
	return l.Kernel.Modify(internalID(l.Listener), Readable)
}

// warnLimited tells the log, not too often.
func (l *Loop) warnLimited(message string, reason error) {
	if now := l.Kernel.Now(); now >= l.warnAt {
		l.warnAt = now + warnEvery
		l.Log.Warn(message, "reason", reason, "connections", l.count)
	}
}
