package poller

import (
	"fmt"
	"time"
	"unsafe"

	"chatd/state"

	"golang.org/x/sys/unix"
)

// Select is a Kernel that waits with select(2), the oldest way of the three.
//
// The call is told sets of descriptors, a bit for each: those that are waited for until they are
// readable, and those until they are writable. (A third, for urgent data, is left out.) It is told
// how many bits to look at, which is the highest descriptor plus one. In place of the sets it returns
// those that are ready, so each call needs fresh copies, and how many bits it has left.
//
// With n bits to look at, however few are ready, a turn costs: in the kernel, to copy the sets in and
// out, to ask each descriptor that is in one, and, as long as none has been found ready, to join its
// wait queue, which has to be left again; in the process, to copy the sets and to look through them
// until as many bits are found as the call has counted. The next turn looks on from there, and round
// again, so that nobody starves. A change of interest is a bit, where epoll needs a system call.
//
// It has two limits that the others have not.
//
//  1. A set has room for the descriptors 0 to 1023 (FD_SETSIZE), however few of them are in it. Add
//     refuses the others; programs that do not look write beyond the set.
//  2. There is no set for Ended. A reset makes a descriptor readable and writable, so that who is
//     waited for in either way is found to have ended when it is read or written. But who is waited
//     for in neither way is in no set, and its end is not seen until it is again. That is a client
//     to whom a reply is pendingReplies: if it resets, it stays in the list, with its name and its
//     descriptor, until the reply falls due.
type Select struct {
	Sockets
	wanted, ready sets
	ids           [unix.FD_SETSIZE]state.ID // of what is registered; 0: is not
	end           int                       // the highest descriptor that is, plus one
	next          int                       // where to look on
}

type sets struct{ readable, writable unix.FdSet }

var errTooHigh = fmt.Errorf("select cannot wait for descriptor %d or above", unix.FD_SETSIZE)

// Add registers a descriptor (Kernel).
func (s *Select) Add(id state.ID, interest Readiness) error {
	if id.Slot() >= unix.FD_SETSIZE {
		return errTooHigh
	}
	s.ids[id.Slot()] = id
	s.end = max(s.end, id.Slot()+1)
	s.want(id.Slot(), interest)
	return nil
}

// Modify changes the interest in a registered descriptor (Kernel).
func (s *Select) Modify(id state.ID, interest Readiness) error {
	s.want(id.Slot(), interest)
	return nil
}

func (s *Select) want(fd int, interest Readiness) {
	s.wanted.readable.Clear(fd)
	s.wanted.writable.Clear(fd)
	if interest&Readable != 0 {
		s.wanted.readable.Set(fd)
	}
	if interest&Writable != 0 {
		s.wanted.writable.Set(fd)
	}
}

// Close closes a descriptor, which may not have been registered (Kernel). What is closed must not
// stay in a set: select would fail with EBADF, or report somebody else when the number is used again.
func (s *Select) Close(fd int) error {
	if fd < unix.FD_SETSIZE {
		s.want(fd, 0)
		s.ids[fd] = 0
	}
	for s.end > 0 && s.ids[s.end-1] == 0 {
		s.end--
	}
	return s.Sockets.Close(fd)
}

// Wait sleeps in the kernel (Kernel).
func (s *Select) Wait(events []Event, timeout time.Duration) (n int, err error) {
	bits, err := waitTwice("pselect6", timeout, s.unseen, s.seen)
	for ; bits > 0 && n < len(events); s.next++ {
		if s.next >= s.end {
			s.next = 0
		}
		e := Event{ID: s.ids[s.next]}
		if s.ready.readable.IsSet(s.next) {
			e.Ready |= Readable
			bits--
		}
		if s.ready.writable.IsSet(s.next) {
			e.Ready |= Writable
			bits--
		}
		if e.Ready != 0 {
			events[n] = e
			n++
		}
	}
	return n, err
}

func (s *Select) unseen(timeout int) (int, error) {
	s.ready = s.wanted
	limit := unix.NsecToTimespec(int64(timeout) * int64(time.Millisecond))
	return counted(unix.RawSyscall6(unix.SYS_PSELECT6, uintptr(s.end), uintptr(unsafe.Pointer(&s.ready.readable)),
		uintptr(unsafe.Pointer(&s.ready.writable)), 0, uintptr(unsafe.Pointer(&limit)), 0))
}

func (s *Select) seen(timeout int) (int, error) {
	s.ready = s.wanted
	var limit *unix.Timeval
	if timeout >= 0 {
		t := unix.NsecToTimeval(int64(timeout) * int64(time.Millisecond))
		limit = &t
	}
	return unix.Select(s.end, &s.ready.readable, &s.ready.writable, nil, limit)
}
