package main

import (
	"syscall"
	"time"

	"chatd/poller"
	"chatd/poller/memkernel"
)

// A fault is something that goes wrong on a real machine. The parameters say how often each happens.
type fault int

const (
	shortRead   fault = iota // read returns less than there is
	shortWrite               // write takes less than there is room for
	spurious                 // a descriptor is reported ready and is not (B9)
	interrupt                // EINTR (B1)
	tableFull                // EMFILE, ENFILE, ENOBUFS or ENOMEM from accept, several times in a row (A1, A3)
	aborted                  // a connection that fails before it is accepted (A4)
	noBuffers                // ENOBUFS from write (F2)
	addFails                 // epoll_ctl ADD fails (A6)
	modifyFails              // epoll_ctl MOD fails
	fewEvents                // Wait reports fewer events than there are (B10)
	meanwhile                // clients act between two system calls of one turn
	jump                     // the clock has moved by up to an hour (B13)
	reset                    // a client resets, mostly in the middle of a line
	halfClose                // a client ends its stream and still reads
	leave                    // a client closes
	stall                    // a client does not read for a while
	vanish                   // no packet comes from a client any more
	limit                    // the descriptor limit is changed (prlimit(2))
	figures                  // the loop is asked to report its figures (G5)
	stop                     // the loop is asked to stop, and perhaps again
	faultKinds

	order = faultKinds // of a batch: no fault
)

var faultNames = [faultKinds]string{
	"short-read", "short-write", "spurious", "interrupt", "table-full", "aborted", "no-buffers", "add-fails",
	"modify-fails", "few-events", "meanwhile", "jump", "reset", "half-close", "leave", "stall", "vanish", "limit",
	"figures", "stop",
}

// Faults are the kernel's hook: they choose how each call of the loop ends.
type faults struct {
	dice
	kernel    *memkernel.Kernel
	between   func() // what clients do between two calls of the loop
	met       func(fault, *memkernel.Socket)
	socket    *memkernel.Socket // of the call; nil: no connection's
	absence   time.Duration     // by how much the clock will have moved during the next wait (B13)
	fullCalls int               // how often accept still fails
	fullErr   error
	injected  int // faults so far
}

// happens reports whether a fault happens now, and counts it.
func (f *faults) happens(kind fault) bool {
	if !f.dice.happens(kind) {
		return false
	}
	f.injected++
	if f.socket != nil || kind != interrupt {
		f.met(kind, f.socket)
	}
	return true
}

// before is called before each call (memkernel.Options).
func (f *faults) before(c *memkernel.Call) {
	if c.Name != "report" {
		f.between()
	}
	connection := c.FD > memkernel.Wake
	if f.socket = nil; connection {
		f.socket = f.kernel.Find(c.FD)
	}
	switch c.Name {
	case "accept":
		c.Err = f.accept()
	case "reserve":
		if f.fullCalls > 0 {
			c.Err = syscall.EMFILE
		}
	case "read":
		if c.Err = f.transient(); c.Err == nil && connection && f.happens(shortRead) {
			c.Data = c.Data[:f.size(len(c.Data), "read")]
		}
	case "write":
		if c.Err = f.transient(); c.Err == nil && f.happens(noBuffers) {
			c.Err = syscall.ENOBUFS
		} else if c.Err == nil && f.happens(shortWrite) {
			c.Data = c.Data[:f.size(len(c.Data), "write")]
		}
	case "close":
		if f.happens(interrupt) {
			c.Err = syscall.EINTR
		}
	case "add":
		if connection && f.happens(addFails) {
			c.Err = syscall.ENOSPC
		}
	case "modify":
		if connection && f.happens(modifyFails) {
			c.Err = syscall.ENOMEM
		}
	case "wait":
		if f.happens(jump) {
			f.absence = time.Duration(f.size(int(time.Hour), "jump"))
		}
		f.kernel.Advance(f.absence)
		f.absence = 0
	case "report":
		f.report(c)
	}
}

func (f *faults) accept() error {
	if f.fullCalls == 0 && f.happens(tableFull) {
		f.fullCalls = f.size(8, "full table")
		f.fullErr = pick(f.dice, "accept fails", syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM)
	}
	switch {
	case f.fullCalls > 0:
		f.fullCalls--
		f.injected++
		return f.fullErr
	case f.happens(interrupt):
		return syscall.EINTR
	case len(f.kernel.Backlog) == 0:
		return nil
	}
	if f.socket = f.kernel.Backlog[0]; f.happens(aborted) {
		f.socket.Abort()
		return pick(f.dice, "aborted", syscall.ECONNABORTED, syscall.EPROTO, syscall.EPERM)
	}
	return nil
}

// transient is an error after which the call can be retried, or nil.
func (f *faults) transient() error {
	switch {
	case f.happens(interrupt):
		return syscall.EINTR
	case f.happens(spurious):
		return syscall.EAGAIN
	}
	return nil
}

// report changes a batch: events that are not so come into it, some that are so stay out, and epoll
// promises no order.
func (f *faults) report(c *memkernel.Call) {
	if f.happens(interrupt) {
		c.Err = syscall.EINTR
		return
	}
	for fd := memkernel.Listener; fd < len(f.kernel.Sockets) && f.odds[spurious] > 0; fd++ {
		f.socket = f.kernel.Sockets[fd]
		if s := f.socket; isReady(s, false) && s.Interest != 0 && f.happens(spurious) {
			c.Events = append(c.Events, poller.Event{ID: s.ID, Ready: s.Interest})
		}
	}
	f.socket = nil
	n := len(c.Events)
	if n > 1 && f.happens(fewEvents) {
		n = f.size(n, "batch")
		c.Events = c.Events[:n]
	}
	for epoll := f.kernel.Method != "poll" && f.kernel.Method != "select"; epoll && n > 1; n-- {
		i := f.Choose(n, "order of the batch")
		c.Events[i], c.Events[n-1] = c.Events[n-1], c.Events[i]
	}
	if f.happens(jump) { // the process is stopped before it can look at the clock (B13)
		f.kernel.Advance(time.Duration(f.size(int(time.Hour), "jump")))
	}
}
