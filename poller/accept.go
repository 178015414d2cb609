package poller

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	acceptsPerTurn = 64                     // connections; a burst of them does not hold up users
	acceptPause    = 100 * time.Millisecond // when there is no room for another connection
	complainEvery  = time.Second
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
			l.begin(fd)
		case unix.EAGAIN:
			return nil
		case unix.EMFILE, unix.ENFILE:
			return l.squeeze(err)
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

// squeeze serves one more client when there is no descriptor for it. accept(2) says so before it
// looks whether anybody waits, so the spare descriptor is given up first and somebody is sent away
// only for a client that is there. The spare comes back with the next descriptor that is closed.
func (l *Loop) squeeze(reason error) error {
	if l.spare < 0 {
		if l.evict() {
			return nil
		}
		return l.pause(os.NewSyscallError("accept4", reason))
	}
	l.Kernel.Close(l.spare)
	l.spare = -1
	fd, err := l.Kernel.Accept(l.Listener)
	switch {
	case err == nil && l.evict():
		l.begin(fd)
		return nil
	case err == nil:
		l.turnAway(fd)
	}
	l.takeSpare()
	if err == unix.EMFILE || err == unix.ENFILE {
		return l.pause(os.NewSyscallError("accept4", err))
	}
	return nil
}

// evict makes room: a connection that lingers, or else the oldest of those that have not logged in,
// is closed at the end of this turn. A user never goes for that.
func (l *Loop) evict() bool {
	oldest := l.linger.first
	if oldest == nil {
		oldest = l.strangers.first
	}
	if oldest == nil {
		return false
	}
	l.complain("no descriptor left, evicting strangers", unix.EMFILE)
	l.kill(oldest.conn, Evicted)
	return true
}

// turnAway tells a client that there is no room.
func (l *Loop) turnAway(fd int) {
	l.complain("no descriptor left, turning clients away", unix.EMFILE)
	l.Kernel.Read(fd, l.buffer) // unread, it would turn the end into a reset
	l.Kernel.Write(fd, l.Refusal)
	l.Kernel.Shutdown(fd)
	l.end(standing(fd), Refused)
}

func (l *Loop) takeSpare() {
	var err error
	if l.spare, err = l.Kernel.Spare(); err != nil {
		l.spare = -1
	}
}

// pause leaves the backlog alone for a while. The listener stays readable, so to keep waiting for
// it would turn the loop without end.
func (l *Loop) pause(reason error) error {
	l.pausedUntil = l.Kernel.Now() + acceptPause
	l.complain("not accepting for a moment", reason)
	return l.Kernel.Modify(standing(l.Listener), 0)
}

func (l *Loop) unpause() error {
	l.pausedUntil = 0
	if l.spare < 0 {
		l.takeSpare()
	}
	return l.Kernel.Modify(standing(l.Listener), Readable)
}

// complain tells the log, not too often.
func (l *Loop) complain(message string, reason error) {
	if now := l.Kernel.Now(); now >= l.complainAt {
		l.complainAt = now + complainEvery
		l.Log.Warn(message, "reason", reason, "connections", l.count)
	}
}
