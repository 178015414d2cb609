package linux

import (
	"time"

	"chatd/poller"
	"chatd/state"

	"golang.org/x/sys/unix"
)

// Poll is a Kernel that waits with poll(2).
//
// The call is given an array with an entry of 8 bytes for each descriptor: its number, what it is
// waited for (events), and room for what holds (revents). It fills in revents and returns how many
// entries have something there. So one array lasts from call to call, and a change of interest is a
// store into it, where epoll needs a system call.
//
// With n entries, however few are ready, a turn costs in the kernel: to copy the array in and revents
// out, to ask each descriptor, and to join and leave its wait queue if none is ready yet; and in the
// process: to look through the array until as many are found as the call has counted. The next turn
// looks on from there, and round again, so no connection starves.
//
// The array is indexed by descriptor. An entry with descriptor -1 is a hole, which the call skips.
//
// Readiness is level-triggered, and POLLERR and POLLHUP are reported without interest, as with Epoll.
// The limit is RLIMIT_NOFILE: with more entries poll fails with EINVAL, and the process ends. That
// happens only if the limit is lowered while the process runs (prlimit(2)).
type Poll struct {
	Sockets
	entries []unix.PollFd
	ids     []state.ID // of the entries
	next    int        // where to look on
}

// Add registers a descriptor (poller.Kernel).
func (p *Poll) Add(id state.ID, interest poller.Readiness) error {
	for len(p.entries) <= id.Slot() {
		p.entries = append(p.entries, unix.PollFd{Fd: -1})
		p.ids = append(p.ids, 0)
	}
	entry := unix.PollFd{Fd: int32(id.Slot())}
	if interest&poller.Readable != 0 {
		entry.Events |= unix.POLLIN
	}
	if interest&poller.Writable != 0 {
		entry.Events |= unix.POLLOUT
	}
	p.entries[id.Slot()], p.ids[id.Slot()] = entry, id
	return nil
}

// Modify changes the interest in a registered descriptor (poller.Kernel).
func (p *Poll) Modify(id state.ID, interest poller.Readiness) error { return p.Add(id, interest) }

// Close closes a descriptor, registered or not (poller.Kernel). A closed descriptor must not stay in
// the array: it would be reported as POLLNVAL, or as another connection when the number is used again.
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

// Wait calls poll (poller.Kernel).
func (p *Poll) Wait(events []poller.Event, timeout time.Duration) (n int, err error) {
	ready, err := unix.Poll(p.entries, milliseconds(timeout))
	if err != nil {
		return 0, waitError("poll", err)
	}
	for ; ready > 0 && n < len(events); p.next++ {
		if p.next >= len(p.entries) {
			p.next = 0
		}
		if holds := p.entries[p.next].Revents; holds != 0 {
			events[n] = poller.Event{ID: p.ids[p.next], Ready: readiness(holds)}
			n, ready = n+1, ready-1
		}
	}
	return n, nil
}

func readiness(holds int16) (r poller.Readiness) {
	if holds&unix.POLLIN != 0 {
		r |= poller.Readable
	}
	if holds&unix.POLLOUT != 0 {
		r |= poller.Writable
	}
	if holds&(unix.POLLERR|unix.POLLHUP) != 0 {
		r |= poller.Ended
	}
	return r
}
