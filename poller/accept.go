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
			if !l.evict() && !l.turnAway() {
				return l.pause(os.NewSyscallError("accept4", err))
			}
			return nil
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

// evict makes room for the next connection: by one that lingers, or else by the oldest of those
// that have not logged in. It is closed at the end of this turn, and the backlog is there in the
// next. A user never goes for that.
func (l *Loop) evict() bool {
	c := l.linger.first
	if c == nil {
		c = l.strangers.first
	}
	if c == nil {
		return false
	}
	l.complain("no descriptor left, evicting strangers", unix.EMFILE)
	l.kill(c, Evicted)
	return true
}

// turnAway spends the spare descriptor on one client, to tell it that there is no room.
func (l *Loop) turnAway() bool {
	if l.spare < 0 {
		return false
	}
	l.Kernel.Close(l.spare)
	fd, err := l.Kernel.Accept(l.Listener)
	if err == nil {
		l.Kernel.Read(fd, l.buffer) // unread, it would turn the end into a reset
		l.Kernel.Write(fd, l.Refusal)
		l.Kernel.Shutdown(fd)
		l.Kernel.Close(fd)
		l.closed[Refused]++
		l.complain("no descriptor left, turning clients away", unix.EMFILE)
	}
	l.takeSpare()
	return err == nil || err == unix.EAGAIN // accept(2) looks for a descriptor before it looks for a client
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
	return os.NewSyscallError("epoll_ctl", l.Kernel.Modify(standing(l.Listener), 0))
}

func (l *Loop) unpause() error {
	l.pausedUntil = 0
	if l.spare < 0 {
		l.takeSpare()
	}
	return os.NewSyscallError("epoll_ctl", l.Kernel.Modify(standing(l.Listener), Readable))
}

// complain tells the log, not too often.
func (l *Loop) complain(message string, reason error) {
	if now := l.Kernel.Now(); now >= l.complainAt {
		l.complainAt = now + complainEvery
		l.Log.Warn(message, "reason", reason, "connections", l.count)
	}
}
