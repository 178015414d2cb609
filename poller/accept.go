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
		case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
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

// pause leaves the backlog alone for a while. The listener stays readable, so to keep waiting for
// it would turn the loop without end.
func (l *Loop) pause(reason error) error {
	l.pausedUntil = l.Kernel.Now() + acceptPause
	l.complain("not accepting for a moment", reason)
	return os.NewSyscallError("epoll_ctl", l.Kernel.Modify(standing(l.Listener), 0))
}

func (l *Loop) unpause() error {
	l.pausedUntil = 0
	return os.NewSyscallError("epoll_ctl", l.Kernel.Modify(standing(l.Listener), Readable))
}

// complain tells the log, not too often.
func (l *Loop) complain(message string, reason error) {
	if now := l.Kernel.Now(); now >= l.complainAt {
		l.complainAt = now + complainEvery
		l.Log.Warn(message, "reason", reason, "connections", l.count)
	}
}
