package poller

import (
	"time"
	"unsafe"

	"chatd/state"

	"golang.org/x/sys/unix"
)

// Poll is a Kernel that waits with poll(2).
//
// The call is told an array with an entry of 8 bytes for each descriptor: which it is, what it is
// waited for (events), and room for what holds (revents). It fills in revents, returns how many
// entries have something there, and leaves the rest as it was, so that one array lasts from call to
// call. A change of interest is a store into it, where epoll needs a system call.
//
// With n entries, however few are ready, a turn costs: in the kernel, to copy the array in and
// revents out, to ask each descriptor, and, as long as none has been found ready, to join its wait
// queue, which has to be left again; in the process, to look through the array until as many are
// found as the call has counted. The next turn looks on from there, and round again, so that nobody
// starves.
//
// The array is indexed by descriptor. Descriptors are given out lowest first, so it has few holes; an
// entry with descriptor -1 is a hole, which the call passes over.
//
// Readiness is level-triggered, and POLLERR and POLLHUP come unasked, as with Epoll. The limit is
// RLIMIT_NOFILE: with more entries than that, poll fails with EINVAL. It is reached only where the
// limit is lowered while we run (prlimit(2)), and ends the process then.
type Poll struct {
	Sockets
	entries []unix.PollFd
	ids     []state.ID // of the entries
	next    int        // where to look on
}

// Add registers a descriptor (Kernel).
func (p *Poll) Add(id state.ID, interest Readiness) error {
	for len(p.entries) <= id.Slot() {
		p.entries = append(p.entries, unix.PollFd{Fd: -1})
		p.ids = append(p.ids, 0)
	}
	entry := unix.PollFd{Fd: int32(id.Slot())}
	if interest&Readable != 0 {
		entry.Events |= unix.POLLIN
	}
	if interest&Writable != 0 {
		entry.Events |= unix.POLLOUT
	}
	p.entries[id.Slot()], p.ids[id.Slot()] = entry, id
	return nil
}

// Modify changes the interest in a registered descriptor (Kernel).
func (p *Poll) Modify(id state.ID, interest Readiness) error { return p.Add(id, interest) }

// Close closes a descriptor, which may not have been registered (Kernel). What is closed must not
// stay in the array: it would be reported as POLLNVAL, or as somebody else when the number is used
// again.
func (p *Poll) Close(fd int) error {
	if fd < len(p.entries) {
		p.entries[fd].Fd = -1
	}
	last := len(p.entries)
	for last > 0 && p.entries[last-1].Fd < 0 {
		last--
	}
	p.entries, p.ids = p.entries[:last], p.ids[:last]
	return p.Sockets.Close(fd)
}

// Wait sleeps in the kernel (Kernel).
func (p *Poll) Wait(events []Event, timeout time.Duration) (n int, err error) {
	ready, err := waitTwice("ppoll", timeout, p.unseen, p.seen)
	for ; ready > 0 && n < len(events); p.next++ {
		if p.next >= len(p.entries) {
			p.next = 0
		}
		if holds := p.entries[p.next].Revents; holds != 0 {
			events[n] = Event{p.ids[p.next], readiness(holds)}
			n, ready = n+1, ready-1
		}
	}
	return n, err
}

func (p *Poll) unseen(timeout int) (int, error) {
	limit := unix.NsecToTimespec(int64(timeout) * int64(time.Millisecond))
	return counted(unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(unsafe.SliceData(p.entries))),
		uintptr(len(p.entries)), uintptr(unsafe.Pointer(&limit)), 0, 0, 0))
}

func (p *Poll) seen(timeout int) (int, error) { return unix.Poll(p.entries, timeout) }

func readiness(holds int16) (r Readiness) {
	if holds&unix.POLLIN != 0 {
		r |= Readable
	}
	if holds&unix.POLLOUT != 0 {
		r |= Writable
	}
	if holds&(unix.POLLERR|unix.POLLHUP) != 0 {
		r |= Ended
	}
	return r
}
