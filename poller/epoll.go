package poller

import (
	"math"
	"os"
	"time"
	"unsafe"

	"chatd/state"

	"golang.org/x/sys/unix"
)

// Epoll is the real Kernel, with epoll(7) for the waiting.
//
// Three system calls are all there is to it. epoll_create1 makes a set of descriptors inside the
// kernel; epoll_ctl says what each is waited for, and is called again only when that changes;
// epoll_wait returns those that are ready. An idle connection is in the set and costs nothing per
// turn, which is what select(2) and poll(2) cannot offer: they are told the whole set each time.
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
	return unix.EpollCtl(e.fd, operation, id.Slot(), &event)
}

// Wait sleeps in the kernel (Kernel).
//
// Go's scheduler takes a thread that blocks in a system call for lost: it hands the thread's
// processor on and, when the call returns, finds it another, which in sparse traffic costs more
// system calls than the message itself. So the first wait, of at most shortWait, is one that the
// scheduler does not see. Traffic that is not sparse never needs the second, and a server at rest
// sleeps in the second and wakes for nothing.
func (e *Epoll) Wait(events []Event, timeout time.Duration) (int, error) {
	if len(e.ready) < len(events) {
		e.ready = make([]unix.EpollEvent, len(events))
	}
	ready, left := e.ready[:len(events)], milliseconds(timeout)
	n, err := e.waitUnseen(ready, left)
	if n == 0 && err == nil && (left < 0 || left > shortWait) {
		n, err = unix.EpollWait(e.fd, ready, max(left-shortWait, -1))
	}
	n = max(n, 0) // it is -1 with an error
	for i := range n {
		events[i] = event(&ready[i])
	}
	return n, err
}

// shortWait is how long the loop may keep its processor from the scheduler, in milliseconds. The
// collector and the signal goroutine have to wait so long at most.
const shortWait = 10

func (e *Epoll) waitUnseen(ready []unix.EpollEvent, timeout int) (int, error) {
	if timeout < 0 || timeout > shortWait {
		timeout = shortWait
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.fd),
		uintptr(unsafe.Pointer(&ready[0])), uintptr(len(ready)), uintptr(timeout), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
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

// milliseconds rounds a timeout up: one that is not over must not become 0 and turn the loop.
func milliseconds(timeout time.Duration) int {
	if timeout < 0 {
		return -1
	}
	return int(min((timeout+time.Millisecond-1)/time.Millisecond, math.MaxInt32))
}
