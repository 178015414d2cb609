package linux

import (
	"os"
	"time"
	"unsafe"

	"chatd/poller"
	"chatd/state"

	"golang.org/x/sys/unix"
)

// Epoll is the Kernel that waits with epoll(7), and the default.
//
// epoll_create1 makes a set of descriptors inside the kernel; epoll_ctl says what each is waited for,
// and is called again only when that changes; epoll_wait returns those that are ready. It returns no
// others, from a list that the kernel keeps up to date as packets come: a turn costs what is ready in
// it, and an idle connection in the set costs nothing. With Select and Poll the call is given the whole
// set each time. In return, each change costs Epoll a system call and them none.
//
// What is ready and does not fit stays at the head of the list, and what was reported goes to its end,
// so no connection starves. There is no limit but that of open descriptors.
//
// The set is level-triggered: what was reported and not handled is reported again. So the loop may
// leave input unread, and no event can be missed. The price is that a condition which is not handled
// turns the loop without end; so interest is removed when it is not wanted. EPOLLERR and EPOLLHUP are
// reported without interest and must always be handled.
type Epoll struct {
	Sockets
	fd    int
	ready []unix.EpollEvent
}

// NewEpoll makes an empty set, which is closed with the process.
func NewEpoll() (*Epoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &Epoll{fd: fd}, nil
}

// Add registers a descriptor (poller.Kernel).
func (e *Epoll) Add(id state.ID, interest poller.Readiness) error {
	return e.control(unix.EPOLL_CTL_ADD, id, interest)
}

// Modify changes the interest in a registered descriptor (poller.Kernel). Close needs no counterpart:
// the kernel removes a descriptor from the set when it is closed.
func (e *Epoll) Modify(id state.ID, interest poller.Readiness) error {
	return e.control(unix.EPOLL_CTL_MOD, id, interest)
}

// control calls epoll_ctl. The 64 bits of data that come back with each event hold the whole ID.
func (e *Epoll) control(operation int, id state.ID, interest poller.Readiness) error {
	event := unix.EpollEvent{Fd: int32(uint32(id)), Pad: int32(uint32(id >> 32))}
	if interest&poller.Readable != 0 {
		event.Events |= unix.EPOLLIN
	}
	if interest&poller.Writable != 0 {
		event.Events |= unix.EPOLLOUT
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(e.fd, operation, id.Slot(), &event))
}

// shortWait is how long Wait keeps its processor from Go's scheduler, in milliseconds. The garbage
// collector and the signal goroutine wait at most so long.
const shortWait = 10

// Wait calls epoll_wait (poller.Kernel), twice where it has to sleep for long.
//
// Go's scheduler treats a thread in a system call as blocked: it gives the thread's processor away and
// finds another one when the call returns. With that call alone a message between 50 pairs of clients
// takes 1.2 times the CPU time. So the first call is a raw one, which the scheduler does not see, and
// ends after shortWait. Only a loop that has nothing to do for so long makes the second call, and
// sleeps in it without waking.
func (e *Epoll) Wait(events []poller.Event, timeout time.Duration) (int, error) {
	if len(e.ready) < len(events) {
		e.ready = make([]unix.EpollEvent, len(events))
	}
	ready, whole := e.ready[:len(events)], milliseconds(timeout)
	short := whole
	if whole < 0 || whole > shortWait {
		short = shortWait
	}
	n, err := e.waitRaw(ready, short)
	if n == 0 && err == nil && short != whole {
		n, err = unix.EpollWait(e.fd, ready, max(whole-shortWait, -1))
	}
	if err != nil {
		return 0, waitError("epoll_wait", err)
	}
	for i := range n {
		events[i] = event(&ready[i])
	}
	return n, nil
}

func (e *Epoll) waitRaw(ready []unix.EpollEvent, timeout int) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.fd),
		uintptr(unsafe.Pointer(&ready[0])), uintptr(len(ready)), uintptr(timeout), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func event(from *unix.EpollEvent) poller.Event {
	e := poller.Event{ID: state.NewID(int(from.Fd), uint32(from.Pad))}
	if from.Events&unix.EPOLLIN != 0 {
		e.Ready |= poller.Readable
	}
	if from.Events&unix.EPOLLOUT != 0 {
		e.Ready |= poller.Writable
	}
	if from.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		e.Ready |= poller.Ended
	}
	return e
}
