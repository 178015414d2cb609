package main

import (
	"bytes"
	"time"

	"chatd/internal_test/model"
	"chatd/poller"
	"chatd/poller/memkernel"
	"chatd/state"
)

// A connection is what the observer knows of one connection of the loop.
type connection struct {
	*model.Client
	id         state.ID
	socket     *memkernel.Socket
	interest   poller.Readiness
	registered time.Duration // when
	input      []byte        // read, and not carried out yet
	searched   bool          // the loop has found that there is no line in input
	discarded  int           // bytes of input that are part of a line that is too long, and so not kept
	skipping   bool          // input begins in the middle of a line that was answered before its end
	taken      int           // bytes that writes have taken
	receipts   int           // not complete, of what the client sent
	throttled  bool          // one of these deliveries is behind a queue above the high-water mark
	sharedText []sharedText  // in the queue

	inputEnded   bool // the end of input has been read
	loggedOut    bool // the machine has been told that it is closed
	closedEarly  bool // while it had a pending reply or a line
	unreadable   bool // while it was not to be read
	idleAtStop   bool
	lostDelivery bool // a delivery to it was lost
	shut         bool // its write side
	closed       bool
	complete     bool // when it was closed, it had been written everything

	timeoutSet   time.Duration // when its send or linger timeout was set
	unsent       int           // bytes that its kernel had not sent by then
	queued       bool          // its queue was not empty when this turn began
	hadLine      bool          // it had a line that could be carried out when this turn began
	waited       int           // turns that it had such a line and none was carried out
	writeBlocked bool          // a write took less than it was offered, and it has not been writable since
	hadShare     bool          // it was written its share of a turn, and has not been writable since
	failed       error         // of the kernel
	eviction     evictionClass
	evictionTurn int           // in which it came into this class
	touched      time.Duration // the last call for it, or frame
	progress     time.Duration // the last time at which it took bytes of its queue
	connectionTurn
}

// A connectionTurn is what has happened to a connection in this turn.
type connectionTurn struct {
	ready    poller.Readiness // as reported
	reads    int              // calls
	writes   int              // calls
	written  int              // bytes
	lines    int              // carried out
	asked    bool             // the machine was asked for its next line
	full     bool             // its queue was at the high-water mark
	timedOut bool             // it took nothing until its send timeout
}

// A pendingReceipt is a delivery whose receipt is not complete, with its connections.
type pendingReceipt struct {
	*model.Delivery
	from, to *connection
}

// queue is the number of bytes that are to be written.
func (c *connection) queue() int { return len(c.Output) - c.taken }

// ending reports whether nothing more is queued for the client.
func (c *connection) ending() bool { return c.loggedOut || c.Done }

// hasLine reports whether the loop must look for a line: there is input, and the loop has not found that
// there is no line in it.
func (c *connection) hasLine() bool { return len(c.input) > 0 && !c.searched }

// mayExecute reports whether there is input that may be carried out (B12).
func (c *connection) mayExecute() bool {
	return c.hasLine() && c.receipts == 0 && c.queue() < highWater
}

// nextLine takes the next line off the input.
func (c *connection) nextLine(longest int) (text []byte, tooLong bool) {
	if c.skipping {
		_, c.input, _ = bytes.Cut(c.input, newline)
		c.skipping = false
	}
	text, rest, ended := bytes.Cut(c.input, newline)
	c.input, c.skipping, c.discarded = rest, !ended, 0
	text = bytes.TrimSuffix(text, []byte("\r"))
	return text, len(text) > longest
}

var newline = []byte("\n")
