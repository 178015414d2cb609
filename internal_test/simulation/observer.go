package main

import (
	"bytes"
	"fmt"
	"time"

	"chatd/internal_test/model"
	"chatd/poller"
	"chatd/poller/memkernel"
	"chatd/protocol"
	"chatd/state"
)

// An observer observes both interfaces of the loop. It lets every call through, tells the model what
// has happened, and compares what the loop does with the rules. It never looks inside the loop or the
// machine.
type observer struct {
	*parameters
	kernel      *memkernel.Kernel
	faults      *faults
	model       model.Model
	log         logHandler
	memory      memory
	connections []*connection // by descriptor; nil: none
	connected   []*connection
	all         []*connection // in the order in which they were registered
	receipts    map[protocol.Receipt]*pendingReceipt
	trace       func(format string, args ...any) // nil: no trace

	counts      counts
	turn        turn
	calls       int           // of the kernel in this turn
	fullBatches int           // in a row, since timeouts were last judged
	endedAt     time.Duration // the end of the last turn; time passes only in Wait
	injected    int           // faults by then
	reserve     int           // descriptor; -1: the loop has none
	rejected    int           // descriptor of a client that must be told BUSY; -1: none
	listener    struct {
		interest poller.Readiness
		paused   bool // there was no descriptor for another connection
		since    time.Duration
	}
	stopped struct {
		times int // that the loop has been asked to stop, and knows of
		since time.Duration
	}
}

// A turn is what has happened in this turn.
type turn struct {
	batch         []poller.Event
	interrupted   bool          // Wait was interrupted: the loop does nothing
	unjudged      bool          // and so, or because the batch was full, timeouts are not judged (B13, F12)
	timerNow      time.Duration // what was ready by then is in the batch: the time that timeouts are compared with
	effects       int           // what the turn has done so far
	accepts       int           // tried
	closed        bool          // a connection has been closed
	reserveClosed bool          // the reserve descriptor has been closed
	reserveDue    bool          // a connection has been closed, and the reserve was not tried since
	evictable     []*connection // one of which must be evicted
	rejection     string        // what a rejected client was told
}

const (
	highWater    = 64 << 10 // bytes in a queue from which on its client is not read
	turnShare    = 64 << 10 // bytes written to a client in one turn, at least
	linesPerTurn = 32       // of one client
	resumed      = 8        // clients whose lines of earlier turns are carried out in a turn
	lingerTime   = 2 * time.Second
	drainTimeout = 5 * time.Second
	acceptPause  = 100 * time.Millisecond
	busyReply    = "BUSY\n"
)

// A violation is a broken rule. It leaves the loop as a panic, so that the trace ends where it happened.
type violation string

func (o *observer) fail(format string, args ...any) { panic(violation(fmt.Sprintf(format, args...))) }

func newObserver(p *parameters, k *memkernel.Kernel, f *faults, trace func(string, ...any)) *observer {
	return &observer{
		parameters: p,
		kernel:     k,
		faults:     f,
		model:      model.Model{MaxUsers: p.maxUsers, MaxName: p.maxName},
		receipts:   map[protocol.Receipt]*pendingReceipt{},
		trace:      trace,
		reserve:    -1,
		rejected:   -1,
	}
}

func (o *observer) stopping() bool { return o.stopped.times > 0 }

// open reports whether lines that the client sends are still carried out.
func (o *observer) open(c *connection) bool { return !c.inputEnded && !c.ending() && !o.stopping() }

// wanted is the interest that follows from the state of a connection (promise 3, B6, B7).
func (o *observer) wanted(c *connection) (r poller.Readiness) {
	if c.queue() > 0 {
		r |= poller.Writable
	}
	if c.shut || o.open(c) && c.receipts == 0 && c.queue() < highWater && !c.hasLine() {
		r |= poller.Readable
	}
	return r
}

// longestLogin is the length of the longest line before login.
func (p *parameters) longestLogin() int { return min(p.maxLine, len("HELLO-FROM ")+p.maxName) }

// longest is the length of the longest line of a client.
func (o *observer) longest(c *connection) int {
	if c.Name == "" {
		return o.longestLogin()
	}
	return o.maxLine
}

// missedLine reports whether there is a line where the loop found none: a whole one, or before login
// one that is too long already. It takes note of a line that is too long and whose end has not come.
func (o *observer) missedLine(c *connection) bool {
	if !c.searched {
		return false
	}
	rest := c.input
	if c.skipping {
		_, rest, _ = bytes.Cut(rest, newline)
	}
	tooLong := len(bytes.TrimSuffix(rest, []byte("\r"))) > o.longest(c)
	if tooLong || c.skipping {
		c.discarded = len(c.input)
	}
	return bytes.Contains(rest, newline) || c.Name == "" && tooLong
}

// timeout is when the send or linger timeout of a connection expires.
func (o *observer) timeout(c *connection) time.Duration {
	switch {
	case c.shut:
		return c.timeoutSet + lingerTime
	case c.queue() > 0:
		return c.timeoutSet + o.sendTimeout
	}
	return memkernel.Never
}

// loginExpires is when the login timeout of a connection expires. It runs from the connect, whatever the
// client does (C4).
func (o *observer) loginExpires(c *connection) time.Duration {
	if o.loginTimeout == 0 || c.Name != "" || c.Done {
		return memkernel.Never
	}
	return c.registered + o.loginTimeout
}

// find is the connection with a descriptor that the loop uses.
func (o *observer) find(fd int) *connection {
	if fd >= len(o.connections) || o.connections[fd] == nil {
		o.fail("the loop uses descriptor %d, which is no connection's", fd)
	}
	c := o.connections[fd]
	c.touched = o.kernel.Now()
	return c
}

// of is the connection of a session.
func (o *observer) of(s *model.Client) *connection {
	for _, c := range o.connected {
		if c.Client == s {
			return c
		}
	}
	return nil
}

// note writes to the trace, after the calls of the kernel since the last note.
func (o *observer) note(format string, args ...any) {
	if o.trace == nil {
		return
	}
	for _, c := range o.kernel.Calls {
		o.trace("   %v", c)
	}
	o.kernel.Calls = o.kernel.Calls[:0]
	if format != "" {
		o.trace(format, args...)
	}
}

// beginTurn is called when a Wait is over.
func (o *observer) beginTurn(batch []poller.Event, full bool, err error) {
	for _, c := range o.connected {
		c.connectionTurn = connectionTurn{}
	}
	unjudged := err != nil
	if full {
		o.fullBatches++
		unjudged = o.fullBatches*len(batch) < len(o.connected)+2 // the listener and Wake
	}
	if !unjudged {
		o.fullBatches = 0
	}
	o.calls = 0
	o.counts[countTurns]++
	o.turn = turn{batch: append(o.turn.batch[:0], batch...), interrupted: err != nil, unjudged: unjudged}
	if err == nil {
		o.turn.effects = o.dropOwnerless()
	}
	for _, e := range batch {
		if !internal(e.ID) {
			c := o.find(e.ID.Slot())
			c.ready = e.Ready
			if e.Ready&poller.Writable != 0 {
				c.writeBlocked, c.hadShare = false, false
			}
		}
	}
	if o.trace != nil {
		o.note("turn %d at %v", o.counts[countTurns], o.kernel.Now())
	}
}

// internal reports whether an ID is the listener's or Wake's.
func internal(id state.ID) bool {
	return id.Slot() == memkernel.Listener || id.Slot() == memkernel.Wake
}

// readiness is for the trace and violations.
func readiness(r poller.Readiness) string {
	return [...]string{"", "R", "W", "RW", "E", "RE", "WE", "RWE"}[r]
}
