package linux

import (
	"fmt"
	"time"

	"chatd/poller"
	"chatd/state"

	"golang.org/x/sys/unix"
)

// Select is a Kernel that waits with select(2), the oldest of the three calls.
//
// The call is given sets of descriptors, with a bit for each: those that are waited for until they are
// readable, and those until they are writable. (A third, for urgent data, is not used.) It is also given
// how many bits to look at, which is the highest descriptor plus one. It overwrites the sets with those
// that are ready, so each call needs fresh copies, and returns how many bits are left.
//
// With n bits to look at, however few are ready, a turn costs in the kernel: to copy the sets in and
// out, to ask each descriptor that is in one, and to join and leave its wait queue if none is ready
// yet; and in the process: to copy the sets and to look through them until as many bits are found as
// the call has counted. The next turn looks on from there, and round again, so no connection starves. A
// change of interest is a bit, where epoll needs a system call.
//
// It has two limits that the others do not have.
//
//  1. A set has room for the descriptors 0 to 1023 (FD_SETSIZE), however few of them are in it. Add
//     refuses higher ones; a program that does not check writes beyond the set.
//  2. There is no set for Ended. A reset makes a descriptor readable and writable, so the loop finds it
//     when it waits for either. A client to which a reply is owed is in no set: if it resets, it keeps
//     its name and its descriptor until the reply is known.
type Select struct {
	Sockets
	wanted, ready sets
	ids           [unix.FD_SETSIZE]state.ID // of what is registered; 0: not registered
	end           int                       // the highest registered descriptor, plus one
	next          int                       // where to look on
}

type sets struct{ readable, writable unix.FdSet }

var errTooHigh = fmt.Errorf("select cannot wait for descriptor %d or above", unix.FD_SETSIZE)

// Add registers a descriptor (poller.Kernel).
func (s *Select) Add(id state.ID, interest poller.Readiness) error {
	if id.Slot() >= unix.FD_SETSIZE {
		return errTooHigh
	}
	s.ids[id.Slot()] = id
	s.end = max(s.end, id.Slot()+1)
	s.want(id.Slot(), interest)
	return nil
}

// Modify changes the interest in a registered descriptor (poller.Kernel).
func (s *Select) Modify(id state.ID, interest poller.Readiness) error {
	s.want(id.Slot(), interest)
	return nil
}

func (s *Select) want(fd int, interest poller.Readiness) {
	s.wanted.readable.Clear(fd)
	s.wanted.writable.Clear(fd)
	if interest&poller.Readable != 0 {
		s.wanted.readable.Set(fd)
	}
	if interest&poller.Writable != 0 {
		s.wanted.writable.Set(fd)
	}
}

// Close closes a descriptor, registered or not (poller.Kernel). A closed descriptor must not stay in a
// set: select would fail with EBADF, or report another connection when the number is used again.
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

// Wait calls select (poller.Kernel).
func (s *Select) Wait(events []poller.Event, timeout time.Duration) (n int, err error) {
	s.ready = s.wanted
	var limit *unix.Timeval
	if timeout >= 0 {
		t := unix.NsecToTimeval(int64(milliseconds(timeout)) * int64(time.Millisecond))
		limit = &t
	}
	bits, err := unix.Select(s.end, &s.ready.readable, &s.ready.writable, nil, limit)
	if err != nil {
		return 0, waitError("select", err)
	}
	for ; bits > 0 && n < len(events); s.next++ {
		if s.next >= s.end {
			s.next = 0
		}
		e := poller.Event{ID: s.ids[s.next]}
		if s.ready.readable.IsSet(s.next) {
			e.Ready |= poller.Readable
			bits--
		}
		if s.ready.writable.IsSet(s.next) {
			e.Ready |= poller.Writable
			bits--
		}
		if e.Ready != 0 {
			events[n] = e
			n++
		}
	}
	return n, nil
}
