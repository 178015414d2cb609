package poller

import (
	"syscall"
	"time"

	"chatd/state"
)

// A Kernel is everything that the loop asks of the operating system. The loop does the same things
// whenever it gets the same answers in the same order.
//
// The errors are those of the system calls, as syscall.Errno; EINTR may come from Accept, Read, Write, Close
// and Wait. Other errors of Add, Modify and Wait are wrapped and say which call they come from.
type Kernel interface {
	// Accept takes one connection from a listener's backlog and returns its descriptor, which does not
	// block. EAGAIN: there is none.
	Accept(listener int) (fd int, err error)

	// Read reads what has come, at most len(p) bytes. 0 and no error: the end of input.
	Read(fd int, p []byte) (n int, err error)

	// Write gives bytes to the kernel, as many as it has room for. Only the n bytes are sent: that, and
	// nothing earlier, completes a receipt.
	Write(fd int, p []byte) (n int, err error)

	// Unacknowledged is how many of the bytes written are not sent or not acknowledged (SIOCOUTQ, tcp(7)).
	Unacknowledged(fd int) int

	// Shutdown ends the write side; input can still be read.
	Shutdown(fd int) error

	// Close closes a descriptor, and with it what Add registered.
	Close(fd int) error

	// Reserve opens a descriptor that has no use but to be closed when there is no other.
	Reserve() (fd int, err error)

	// Add registers the descriptor id.Slot(). Its events carry id.
	Add(id state.ID, interest Readiness) error

	// Modify changes the interest in a registered descriptor.
	Modify(id state.ID, interest Readiness) error

	// Wait sleeps until a descriptor is ready, for a time at most; with Forever, without a limit. It
	// reports at most len(events) events. A condition that still holds at the next call is reported again
	// (level-triggered, epoll(7)). Descriptors that were ready and did not fit come first then.
	Wait(events []Event, timeout time.Duration) (n int, err error)

	// Now is the time since some fixed moment. It never goes back.
	Now() time.Duration

	// Peer is the address of the other end, for logs; empty if it is not known.
	Peer(fd int) string
}

// Forever is the timeout of a Wait that sleeps until a descriptor is ready.
const Forever time.Duration = -1

// Readiness is a set of conditions of a descriptor: those that are waited for (interest), or those that
// hold (ready).
type Readiness uint8

const (
	Readable Readiness = 1 << iota // there is something to read, or the end of input
	Writable                       // there is room to write
	Ended                          // reset, failed, or shut on both sides; reported without interest, except by select
)

// An Event says that a descriptor is ready.
type Event struct {
	ID    state.ID
	Ready Readiness
}

// isTransient reports whether the call can be retried later. Any other error ends the connection or
// the process.
func isTransient(err error) bool {
	switch err {
	case syscall.EAGAIN, syscall.EINTR, syscall.ENOBUFS, syscall.ENOMEM:
		return true
	}
	return false
}
