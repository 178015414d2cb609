package poller

import (
	"reflect"
	"testing"

	"chatd/protocol"
	"chatd/state"
)

// withQueued is a connection with so many bytes queued for its client.
func withQueued(n int) *conn {
	c := &conn{id: state.NewID(7, 1), registered: Readable}
	if n > 0 {
		c.out.push(&protocol.Frame{Text: make([]byte, n)})
	}
	return c
}

// B6, B7, B8, B12: each state of a connection asks for exactly what can make it go on. Too much,
// and the kernel reports for ever what nobody deals with; too little, and the connection hangs.
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
		{dead, 0, 0, none},
		{dead, 0, 1, none},
	} {
		c := withQueued(test.queued)
		c.phase, c.pendingReplies = test.phase, test.owed
		if got := c.interest(); got != test.want {
			t.Errorf("phase %d, %d bytes queued, %d replies pendingReplies: interest %02b, expected %02b",
				test.phase, test.queued, test.owed, got, test.want)
		}
	}
}

// B12, D10: input that is kept is carried out when nothing stands against it, and not before.
func TestB12WhatHoldsInputBack(t *testing.T) {
	for _, test := range []struct {
		name           string
		phase          phase
		in             string
		queued, owed   int
		throttled      bool
		run, mayResume bool
	}{
		{"nothing kept", open, "", 0, 0, false, true, false},
		{"kept", open, "LIST\n", 0, 0, false, true, true},
		{"below the mark", open, "LIST\n", highWater - 1, 0, false, true, true},
		{"at the mark", open, "LIST\n", highWater, 0, false, false, false},
		{"owed", open, "LIST\n", 0, 1, false, true, false},
		{"behind a full queue", open, "LIST\n", 0, 1, true, false, false},
		{"after the end of input", finishing, "LIST\n", 0, 0, false, true, true},
		{"after the last words", draining, "LIST\n", 0, 0, false, false, false},
		{"lingering", lingering, "LIST\n", 0, 0, false, false, false},
		{"dead", dead, "LIST\n", 0, 0, false, false, false},
	} {
		c := withQueued(test.queued)
		c.phase, c.in, c.pendingReplies, c.throttled = test.phase, []byte(test.in), test.owed, test.throttled
		if c.mayRun() != test.run || c.mayResume() != test.mayResume {
			t.Errorf("%s: mayRun %v, mayResume %v; expected %v, %v",
				test.name, c.mayRun(), c.mayResume(), test.run, test.mayResume)
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
		"dead":                  func(c *conn) { c.phase = dead },
		"not waited for":        func(c *conn) { c.registered = 0 },
		"armed for writing too": func(c *conn) { c.registered |= Writable },
		"something queued":      func(c *conn) { c.out.push(&protocol.Frame{Text: []byte("x")}) },
		"input kept":            func(c *conn) { c.in = []byte("x") },
		"a reply owed":          func(c *conn) { c.pendingReplies = 1 },
		"a deadline":            func(c *conn) { new(timeouts).set(c, 0) },
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
		id: state.NewID(7, 1), phase: dead, writeBlocked: true,
		in: []byte("SEND b secret\n"), ended: true, pendingReplies: 3, throttled: true, thrown: 9,
		timeout: link{at: 9}, memory: link{at: 9}, progress: true, active: true, writePending: true,
	}
	used.out.push(&protocol.Frame{Text: []byte("secret"), Receipt: protocol.Receipt{Owner: 1, Slot: 1}})
	p.put(used)
	c := p.take(state.NewID(8, 3))
	if c != used {
		t.Fatal("the pool did not give the conn out again")
	}
	if c.out.size != 0 || len(c.out.chunks) != 0 || len(c.out.receipts) != 0 || len(c.in) != 0 {
		t.Errorf("the next connection inherits %d bytes to send, %d marks, input %q",
			c.out.size, len(c.out.receipts), c.in)
	}
	c.out, c.in = outQueue{}, nil // they keep their memory, and nothing in it
	if fresh := (&conn{id: state.NewID(8, 3), registered: Readable}); !reflect.DeepEqual(c, fresh) {
		t.Errorf("the next connection inherits %+v, expected %+v", *c, *fresh)
	}
}

func TestThePoolIsBounded(t *testing.T) {
	for _, kept := range []int{0, 16 << 10, 2 * poolBytes} { // bytes with each conn
		var p pool
		for range 2 * poolBytes / (kept + 300) {
			p.put(&conn{in: make([]byte, 0, kept)})
		}
		held := 0
		for _, c := range p.spare {
			held += c.capacity()
		}
		if held > poolBytes || held != p.bytes {
			t.Errorf("the pool holds %d bytes and counts %d, expected at most %d", held, p.bytes, poolBytes)
		}
		if kept == 0 && len(p.spare) < 1000 {
			t.Errorf("the pool keeps %d conns that hold nothing, expected more", len(p.spare))
		}
		for len(p.spare) > 0 {
			p.take(1)
		}
		if p.bytes != 0 {
			t.Errorf("the pool is empty and counts %d bytes", p.bytes)
		}
	}
}

// An ID names a connection for ever: one for each that had the slot, and none while nobody has it.
func TestASlotNeverHasAnIDAgain(t *testing.T) {
	const fd = 7
	met := map[state.ID]bool{}
	var s slot
	for range 1000 {
		s.nextGeneration(fd)
		if !s.inUse() || met[s.id] || s.id.Slot() != fd || s.id == internalID(fd) {
			t.Fatalf("a connection got the ID %v after %d others; taken %v", s.id, len(met), s.inUse())
		}
		met[s.id] = true
		if s.nextGeneration(fd); s.inUse() || met[s.id] {
			t.Fatalf("a free slot has the ID %v; taken %v", s.id, s.inUse())
		}
	}
}
