package poller

import (
	"time"

	"chatd/state"

	"golang.org/x/sys/unix"
)

// A Kernel is everything the loop asks of the operating system, and the only way in which the world
// reaches it: give the loop the same answers in the same order and it does the same things.
//
// The errors are those of the system calls, as unix.Errno. EINTR may come from any of them. Any other
// error of Add, Modify and Wait says which call it comes from, since that is each Kernel's own affair.
type Kernel interface {
	// Accept takes one connection from a listener's backlog and returns its descriptor, which does
	// not block. EAGAIN: there is none.
	Accept(listener int) (fd int, err error)

	// Read reads what has come, at most len(p) bytes. 0 and no error: the peer says no more.
	Read(fd int, p []byte) (n int, err error)

	// Write hands bytes over, as many as there is room for. The n bytes are with the kernel from
	// then on: that, and nothing earlier, is what makes a receipt due.
	Write(fd int, p []byte) (n int, err error)

	// Unsent is how many of the bytes written are still here: not sent, or not acknowledged.
	Unsent(fd int) int

	// Shutdown tells the peer that we say no more; what it says can still be read.
	Shutdown(fd int) error

	// Close gives the descriptor back, and with it what Add registered.
	Close(fd int) error

	// Reserve takes a descriptor that is good for nothing but to be given up when there is no other.
	Reserve() (fd int, err error)

	// Add registers the descriptor id.Slot(). Its events carry id.
	Add(id state.ID, interest Readiness) error

	// Modify changes what a registered descriptor is waited for.
	Modify(id state.ID, interest Readiness) error

	// Wait sleeps until something is ready, or for a time; with Forever, as long as it takes. It
	// reports at most len(events) events, and what is still so at the next call it reports again
	// (level-triggered, epoll(7)). What is ready and did not fit comes before that.
	Wait(events []Event, timeout time.Duration) (n int, err error)

	// Now is the time since some fixed moment. It never goes back.
	Now() time.Duration

	// Peer is the address of the other end, for logs; empty when it is not known any more.
	Peer(fd int) string
}

// Forever is the timeout of a Wait that has no deadline to keep.
const Forever time.Duration = -1

// Readiness is a set of conditions of a descriptor. One word serves three questions: which are
// wanted (interest), which the kernel has been asked for (armed), and which hold (ready).
type Readiness uint8

const (
	Readable Readiness = 1 << iota // there is something to read, if only the end of input
	Writable                       // there is room to write
	Ended                          // reset, failed, or shut on both sides; reported unasked, but see Select
)

// An Event says that a descriptor is ready.
type Event struct {
	ID    state.ID
	Ready Readiness
}

// isTransient reports whether an error says no more than "not now". The others end the connection on
// which they come, or the process; nothing else is ever done about an error.
func isTransient(err error) bool {
	switch err {
	case unix.EAGAIN, unix.EINTR, unix.ENOBUFS, unix.ENOMEM:
		return true
	}
	return false
}

// NewKernel makes the Kernel that waits in the way that is asked for: select, poll or epoll.
func NewKernel(name string) (Kernel, error) {
	switch name {
	case "select":
		return new(Select), nil
	case "poll":
		return new(Poll), nil
	}
	return NewEpoll()
}
