package poller

import (
	"reflect"
	"testing"
	"unsafe"

	"chatd/protocol"
	"chatd/state"
)

// withQueued is a connection with so many bytes queued for its client.
func withQueued(n int) *conn {
	c := &conn{Session: state.Session{ID: state.NewID(7, 1)}, registered: Readable}
	if n > 0 {
		c.out.push(&protocol.Frame{Text: make([]byte, n)})
	}
	return c
}

// B6, B7, B8, B12: each state of a connection asks for exactly what can make it go on. Too much,
// and the kernel reports it for ever; too little, and the connection hangs.
func TestB6B7InterestFollowsFromTheState(t *testing.T) {
	const none = Readiness(0)
	for _, test := range []struct {
		phase  phase
		queued int
		owed   int
		want   Readiness
	}{
		{open, 0, 0, Readable},
		{open, 1, 0, Readable | Writable},
		{open, highWater - 1, 0, Readable | Writable},
		{open, highWater, 0, Writable},
		{open, 3 * highWater, 0, Writable},
		{open, 0, 1, none}, // the reply will come by the target's event
		{open, 1, 2, Writable},
		{finishing, 0, 0, none}, // the end of input has been read: it would be reported for ever
		{finishing, 0, 1, none},
		{finishing, 1, 0, Writable},
		{finishing, highWater, 1, Writable},
		{draining, 0, 0, none},
		{draining, 1, 0, Writable},
		{draining, 1, 1, Writable},
		{lingering, 0, 0, Readable}, // for the end, whatever is owed
		{lingering, 0, 1, Readable},
		{closed, 0, 0, none},
		{closed, 0, 1, none},
	} {
		c := withQueued(test.queued)
		c.phase = test.phase
		for range test.owed {
			c.Append(state.Unresolved)
		}
		if got := c.interest(); got != test.want {
			t.Errorf("phase %d, %d bytes queued, %d replies pending: interest %02b, expected %02b",
				test.phase, test.queued, test.owed, got, test.want)
		}
	}
}

// B12, D10: lines that are left are executed when nothing stands against it, and not before.
func TestB12WhatHoldsLinesBack(t *testing.T) {
	for _, test := range []struct {
		name               string
		phase              phase
		left               bool
		queued, owed       int
		throttled          bool
		execute, mayResume bool
	}{
		{"nothing left", open, false, 0, 0, false, true, false},
		{"left", open, true, 0, 0, false, true, true},
		{"below the mark", open, true, highWater - 1, 0, false, true, true},
		{"at the mark", open, true, highWater, 0, false, false, false},
		{"a reply pending", open, true, 0, 1, false, true, false},
		{"behind a full queue", open, true, 0, 1, true, false, false},
		{"after the end of input", finishing, true, 0, 0, false, true, true},
		{"after the last frame", draining, true, 0, 0, false, false, false},
		{"lingering", lingering, true, 0, 0, false, false, false},
		{"closed", closed, true, 0, 0, false, false, false},
	} {
		c := withQueued(test.queued)
		c.phase, c.linesLeft, c.throttled = test.phase, test.left, test.throttled
		for range test.owed {
			c.Append(state.Unresolved)
		}
		if c.mayExecute() != test.execute || c.mayResume() != test.mayResume {
			t.Errorf("%s: mayExecute %v, mayResume %v; expected %v, %v",
				test.name, c.mayExecute(), c.mayResume(), test.execute, test.mayResume)
		}
	}
}

func TestAConnectionIsIdleWhenNothingIsLeftOfIt(t *testing.T) {
	if c := withQueued(0); !c.idle() {
		t.Error("a connection that has just been made is not idle")
	}
	for name, change := range map[string]func(c *conn){
		"the end of input read": func(c *conn) { c.phase = finishing },
		"lingering":             func(c *conn) { c.phase = lingering },
		"closed":                func(c *conn) { c.phase = closed },
		"not waited for":        func(c *conn) { c.registered = 0 },
		"registered writable":   func(c *conn) { c.registered |= Writable },
		"something queued":      func(c *conn) { c.out.push(&protocol.Frame{Text: []byte("x")}) },
		"a line begun":          func(c *conn) { c.lines.Feed([]byte("x")) },
		"a reply pending":       func(c *conn) { c.Append(state.Unresolved) },
		"a timeout":             func(c *conn) { new(timeouts).set(c, 0) },
		"a login timeout":       func(c *conn) { new(timeouts).setLogin(c, 0) },
	} {
		c := withQueued(0)
		if change(c); c.idle() {
			t.Errorf("%s: idle, so that the next turn would not know of it", name)
		}
	}
}

// What one connection was in the middle of must never reach the next that uses its conn.
func TestThePoolForgets(t *testing.T) {
	var p pool
	used := &conn{
		Session: state.Session{ID: state.NewID(7, 1), LoggedIn: true}, record: new(record), phase: closed, reason: EOF,
		linesLeft: true, inputEnded: true, throttled: true, writeBlocked: true, unacknowledged: 9, registered: Writable,
		timeout: link{at: 9}, login: link{at: 9}, memory: link{at: 9}, held: 9, progress: true, active: true, writePending: true,
	}
	used.Append(state.Unresolved)
	used.lines.Feed([]byte("SEND b secret\n"))
	used.out.push(&protocol.Frame{Text: []byte("secret"), Receipt: protocol.Receipt{Owner: 1, Place: 1}})
	used.lines.Discard() // as abort does
	used.out.discard(nil)
	p.put(used)
	c := p.get()
	c.Reset(0, false) // as activateRecord does
	if c != used {
		t.Fatal("the pool did not give the conn out again")
	}
	if c.out.size != 0 || len(c.out.chunks) != 0 || len(c.out.receipts) != 0 || !c.lines.Empty() || c.Pending() {
		t.Errorf("the next connection inherits %+v", *c)
	}
	c.out, c.lines, c.Session = outQueue{}, protocol.LineBuffer{}, state.Session{} // they keep their memory
	if fresh := new(conn); !reflect.DeepEqual(c, fresh) {
		t.Errorf("the next connection inherits %+v, expected %+v", *c, *fresh)
	}
}

func TestThePoolIsBounded(t *testing.T) {
	for _, kept := range []int{0, 16 << 10, 2 * poolBytes} { // bytes with each conn
		var p pool
		for range 2 * poolBytes / (kept + 400) {
			p.put(&conn{out: outQueue{spare: make([]byte, 0, kept), own: kept}})
		}
		held := 0
		for _, c := range p.conns {
			held += c.capacity()
		}
		if held > poolBytes || held != p.bytes || len(p.conns) > poolConns {
			t.Errorf("the pool holds %d bytes and counts %d, expected at most %d", held, p.bytes, poolBytes)
		}
		if kept == 0 && len(p.conns) < 1000 {
			t.Errorf("the pool keeps %d conns that hold nothing, expected more", len(p.conns))
		}
		for len(p.conns) > 0 {
			p.get()
		}
		if p.bytes != 0 {
			t.Errorf("the pool is empty and counts %d bytes", p.bytes)
		}
	}
}

// With the descriptor limit at a million, each word more is 8 MB.
func TestKindSizeOfARecord(t *testing.T) {
	if size := unsafe.Sizeof(record{}); size > 16 {
		t.Errorf("a record is %d bytes, expected 16 at most", size)
	}
}
