package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"chatd/poller"
	"chatd/protocol"
	"chatd/state"
)

// A watch stands at both seams of the loop. It lets every call through, tells the model what has
// happened, and holds what the loop does against the rules. It never looks inside the loop or the
// machine.
type watch struct {
	*figures
	kernel   *kernel
	model    model
	journal  journal
	views    []*view // by descriptor; nil: no connection's
	all      []*view // in the order of their coming
	receipts map[protocol.Receipt]*parcel
	trace    func(format string, args ...any) // nil: nobody listens

	counts   counts
	calls    int            // of the kernel in this turn
	batch    []poller.Event // of this turn
	partial  bool           // the batch may not be all there is: nobody is judged by it (B13)
	woken    time.Duration  // when the turn before ended, and began: time passes in waits only
	injected int            // faults by then
	effects  int            // what this turn has done so far
	accepts  int            // tried in this turn
	timeouts int            // of clients that took nothing, in this turn
	buried   bool           // a connection has been closed in this turn
	next     []*view        // one of whom has to make room in this turn
	spare    int            // descriptor; -1: the loop has none
	spent    bool           // it has been given up in this turn
	turned   int            // descriptor of a client that has to be turned away; -1: none
	refused  string         // what that was told

	listener struct {
		interest poller.Readiness
		paused   bool // there was no room for another connection
		since    time.Duration
	}
	stopped struct {
		times uint64 // that the loop has been asked to stop, and knows of
		since time.Duration
	}
}

// A view is what can be seen of one connection at the seams.
type view struct {
	*party
	id        state.ID
	socket    *socket
	interest  poller.Readiness
	pending   []byte // read, and not carried out yet
	exhausted bool   // the loop has found no line in pending
	skipping  bool   // pending begins in the middle of a line that was answered before its end
	taken     int    // bytes that writes have taken
	waits     int    // receipts out for what it sent
	behind    bool   // one of those deliveries is behind a queue above the mark

	ended  bool // the end of its input has been read
	left   bool // the machine has been told that it is gone
	early  bool // and it was owed something then
	deaf   bool // and nothing was to be read of it then
	idle   bool // it was in the middle of nothing at the stop
	fated  bool // a delivery to it was given up
	shut   bool // the write side is shut
	closed bool

	since  time.Duration // when its deadline was set
	unsent int           // bytes that its kernel had then
	queued bool          // something was queued when this turn began
	work   bool          // there was input that could be carried out when this turn began
	full   bool          // a write took less than it was offered, and it has not been writable since
	sated  bool          // it has had its share of a turn, and has not been writable since
	failed error         // what the kernel said against it
	whole  bool          // it was closed when all had been said

	standing standing // when it is to make room
	turn     uint64   // since when it has that standing

	thisTurn
}

// This turn of a connection.
type thisTurn struct {
	ready  poller.Readiness // as reported
	reads  int              // calls
	writes int              // calls
	moved  int              // bytes written
	ran    int              // lines carried out
	asked  bool             // whether there is a line
	held   bool             // the queue was at the mark

	stalled bool // it has taken nothing up to its deadline
}

// A parcel is a delivery, with those concerned.
type parcel struct {
	*delivery
	from, to *view
}

const (
	mark         = 64 << 10 // bytes queued from which a client's input is left alone
	share        = 64 << 10 // bytes written to a client in one turn, at least
	lingerFor    = 2 * time.Second
	linesPerTurn = 32
	drainFor     = 5 * time.Second
	acceptPause  = 100 * time.Millisecond
	refusal      = "BUSY\n"
)

// A violation is a broken rule. It leaves the loop as a panic, so that the trace ends where it
// happened.
type violation string

func (w *watch) fail(format string, args ...any) { panic(violation(fmt.Sprintf(format, args...))) }

func newWatch(f *figures, k *kernel, trace func(string, ...any)) *watch {
	return &watch{
		figures:  f,
		kernel:   k,
		model:    model{maxUsers: f.maxUsers, maxName: f.maxName},
		receipts: map[protocol.Receipt]*parcel{},
		trace:    trace,
		spare:    -1,
		turned:   -1,
	}
}

func (w *watch) stopping() bool { return w.stopped.times > 0 }

// queue is the number of bytes that are to be written.
func (v *view) queue() int { return len(v.said) - v.taken }

// speaks reports whether what the client says still counts.
func (w *watch) speaks(v *view) bool { return !v.ended && !v.left && !v.dismissed && !w.stopping() }

// interested is the interest that follows from the state of a connection (promise 3, B6, B7).
func (w *watch) interested(v *view) (r poller.Readiness) {
	if v.queue() > 0 {
		r |= poller.Writable
	}
	if v.shut || w.speaks(v) && v.waits == 0 && v.queue() < mark {
		r |= poller.Readable
	}
	return r
}

// runnable reports whether there is input that nothing holds back (B12).
func (w *watch) runnable(v *view) bool {
	return w.hasLine(v) && v.waits == 0 && v.queue() < mark
}

// limit is the length of the longest line.
func (w *watch) limit(v *view) int {
	if v.name == "" {
		return min(w.maxLine, len("HELLO-FROM ")+w.maxName)
	}
	return w.maxLine
}

// hasLine reports whether the loop has to look for another line: there is input, and it has not found
// that there is no line in it.
func (w *watch) hasLine(v *view) bool { return len(v.pending) > 0 && !v.exhausted }

// missed reports whether there is a line where the loop found none: a whole one, or before login one
// that is too long already.
func (w *watch) missed(v *view) bool {
	rest := v.pending
	if v.skipping {
		_, rest, _ = bytes.Cut(rest, newline)
	}
	return v.exhausted && (bytes.Contains(rest, newline) ||
		v.name == "" && len(bytes.TrimSuffix(rest, []byte("\r"))) > w.limit(v))
}

// cut takes the next line off what is pending.
func (v *view) cut(limit int) (text []byte, tooLong bool) {
	if v.skipping {
		_, v.pending, _ = bytes.Cut(v.pending, newline)
		v.skipping = false
	}
	text, rest, ended := bytes.Cut(v.pending, newline)
	v.pending, v.skipping = rest, !ended
	text = bytes.TrimSuffix(text, []byte("\r"))
	return text, len(text) > limit
}

var newline = []byte("\n")

// deadline is when a connection is given up.
func (w *watch) deadline(v *view) time.Duration {
	switch {
	case v.shut:
		return v.since + lingerFor
	case v.queue() > 0:
		return v.since + w.sendTimeout
	}
	return never
}

// live visits the connections that are there.
func (w *watch) live(visit func(v *view)) {
	for _, v := range w.views {
		if v != nil {
			visit(v)
		}
	}
}

// view is that of the connection with a descriptor.
func (w *watch) view(fd int) *view {
	if fd >= len(w.views) || w.views[fd] == nil {
		w.fail("descriptor %d is used and is nobody's", fd)
	}
	return w.views[fd]
}

// of is the view of a party that is there.
func (w *watch) of(p *party) (found *view) {
	w.live(func(v *view) {
		if v.party == p {
			found = v
		}
	})
	return found
}

func (w *watch) note(format string, args ...any) {
	if w.trace != nil {
		w.trace(format, args...)
	}
}

// begin is the beginning of a turn, when the wait is over.
func (w *watch) begin(batch []poller.Event, partial bool) {
	w.partial = partial
	w.counts.turns++
	w.batch = append(w.batch[:0], batch...)
	dropped := 0
	if !partial {
		dropped = w.dropOwnerless()
	}
	w.calls, w.effects, w.accepts, w.timeouts, w.buried, w.next = 0, 0, 0, 0, false, nil
	w.spent, w.refused, w.effects = false, "", dropped
	w.live(func(v *view) { v.thisTurn = thisTurn{} })
	for _, e := range batch {
		if !standsApart(e.ID) {
			v := w.view(e.ID.Slot())
			v.ready = e.Ready
			if e.Ready&poller.Writable != 0 {
				v.full, v.sated = false, false
			}
		}
	}
	if w.trace != nil {
		w.trace("turn %d at %v, %v later: %s", w.counts.turns, w.kernel.clock, w.kernel.clock-w.woken, batchName(batch))
	}
}

func batchName(batch []poller.Event) string {
	names := make([]string, len(batch))
	for i, e := range batch {
		names[i] = e.ID.String()
		switch e.ID.Slot() {
		case listenerFD:
			names[i] = "listener"
		case wakeFD:
			names[i] = "wake"
		}
		names[i] += " " + readinessName(e.Ready)
	}
	return strings.Join(names, ", ")
}

func readinessName(r poller.Readiness) string {
	name := ""
	for i, word := range []string{"R", "W", "E"} {
		if r&(1<<i) != 0 {
			name += word
		}
	}
	return name
}
