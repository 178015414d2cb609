package poller

import (
	"os"
	"time"
	"unsafe"

	"chatd/state"

	"golang.org/x/sys/unix"
)

// Epoll is the Kernel that waits with epoll(7), and the one that chatd takes unless told otherwise.
//
// Three system calls are all there is to it. epoll_create1 makes a set of descriptors inside the
// kernel; epoll_ctl says what each is waited for, and is called again only when that changes;
// epoll_wait returns those that are ready. It returns them and no others, from a list that the
// kernel keeps up to date as packets come: a turn costs what is ready in it. An idle connection is
// in the set and costs nothing, which is what Select and Poll cannot offer: their calls are told the
// whole set each time. In return, each change costs Epoll a system call, and them none.
//
// What is ready and does not fit stays at the head of that list, and what was reported goes to its
// end, so that nobody starves. There is no limit but that of open descriptors.
//
// The set is level-triggered: what was reported and not dealt with is reported again. So the loop
// may leave input where it is, and a missed event is not a lost one. The price is that a condition
// that nobody deals with turns the loop without end; interest is therefore taken back when it is
// not wanted. EPOLLERR and EPOLLHUP cannot be taken back and must always be acted on.
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

// Add registers a descriptor (Kernel).
func (e *Epoll) Add(id state.ID, interest Readiness) error {
	return e.control(unix.EPOLL_CTL_ADD, id, interest)
}

// Modify changes the interest in a registered descriptor (Kernel). Close needs no counterpart: the
// kernel takes a descriptor out of the set when it is closed.
func (e *Epoll) Modify(id state.ID, interest Readiness) error {
	return e.control(unix.EPOLL_CTL_MOD, id, interest)
}

// control arms a descriptor. The 64 bits that the kernel hands back with each event hold the whole
// ID.
func (e *Epoll) control(operation int, id state.ID, interest Readiness) error {
	event := unix.EpollEvent{Fd: int32(uint32(id)), Pad: int32(uint32(id >> 32))}
	if interest&Readable != 0 {
		event.Events |= unix.EPOLLIN
	}
	if interest&Writable != 0 {
		event.Events |= unix.EPOLLOUT
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(e.fd, operation, id.Slot(), &event))
}

// Wait sleeps in the kernel (Kernel).
func (e *Epoll) Wait(events []Event, timeout time.Duration) (int, error) {
	if len(e.ready) < len(events) {
		e.ready = make([]unix.EpollEvent, len(events))
	}
	ready := e.ready[:len(events)]
	n, err := waitTwice("epoll_wait", timeout,
		func(timeout int) (int, error) { return e.unseen(ready, timeout) },
		func(timeout int) (int, error) { return unix.EpollWait(e.fd, ready, timeout) })
	for i := range n {
		events[i] = event(&ready[i])
	}
	return n, err
}

func (e *Epoll) unseen(ready []unix.EpollEvent, timeout int) (int, error) {
	return counted(unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.fd),
		uintptr(unsafe.Pointer(&ready[0])), uintptr(len(ready)), uintptr(timeout), 0, 0))
}

func event(from *unix.EpollEvent) Event {
	e := Event{ID: state.NewID(int(from.Fd), uint32(from.Pad))}
	if from.Events&unix.EPOLLIN != 0 {
		e.Ready |= Readable
	}
	if from.Events&unix.EPOLLOUT != 0 {
		e.Ready |= Writable
	}
	if from.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		e.Ready |= Ended
	}
	return e
}
