package main

import (
	"strings"
	"testing"
	"time"
)

// The stop closes an idle connection whose own event comes later in the batch: the event is ignored.
func TestB2StopBeforeTheEventOfAClosedConnection(t *testing.T) {
	orders := runScenario(t, 200, nil, func(s *scenario) {
		a, b := s.user("a"), s.user("b")
		a.sends("SEND b x\n")
		b.sends("LIST\n")
		s.kernel.Signal(1, 0)
		s.batch()
		s.rest(time.Minute)
		if !s.loop.Stopped() {
			t.Fatalf("seed %d: the loop has not stopped", s.seed)
		}
	})
	expectOrders(t, orders, 6)
}

// A user resets, and in the same batch one client sends to it and another one logs in with its name: a
// connection that has ended is not used any more.
func TestB2ResetInABatchWithItsNameAndATarget(t *testing.T) {
	orders := runScenario(t, 500, nil, func(s *scenario) {
		a, b, c := s.user("a"), s.user("b"), s.accepted()
		b.resets()
		a.sends("SEND b x\n")
		c.sends("HELLO-FROM b\n")
		s.batch()
		s.rest(0)
		switch c.receives("IN-USE\n", "HELLO b\n", "HELLO b\nDELIVERY a x\n") {
		case 0, 1:
			a.receives("BAD-DEST-USER\n")
		case 2:
			a.receives("SEND-OK\n")
		}
	})
	expectOrders(t, orders, 6)
}

// A descriptor is not used again within the batch in which its connection ends. The next connection that
// has it has another ID, and receives nothing that was meant for the former one.
func TestB3DescriptorReuseInABatch(t *testing.T) {
	orders := runScenario(t, 500, nil, func(s *scenario) {
		a, b := s.user("a"), s.user("b")
		a.resets()
		b.sends("SEND a x\n")
		c := s.connects()
		c.sends("HELLO-FROM c\n")
		s.batch()
		if c.connection().id.Slot() == a.connection().id.Slot() {
			t.Fatalf("seed %d: the descriptor of %s was used again within the batch", s.seed, a.connection().id)
		}
		d := s.connects()
		s.rest(0)
		if d.connection().id.Slot() != a.connection().id.Slot() {
			t.Fatalf("the descriptor of %s is not used again", a.connection().id)
		}
		b.receives("BAD-DEST-USER\n")
		c.receives("HELLO c\n")
		d.receives("")
	})
	expectOrders(t, orders, 6)
}

// A receipt is complete after its owner has ended and another client has its descriptor: no client
// receives a reply.
func TestB3ReceiptForAFormerOwner(t *testing.T) {
	runScenario(t, 20, nil, func(s *scenario) {
		b, a := s.user("b"), s.user("a")
		b.stall(1)
		a.sends("SEND b x\n")
		s.rest(0)
		a.resets()
		s.rest(0)
		c := s.user("c")
		if c.connection().id.Slot() != a.connection().id.Slot() {
			t.Fatalf("the descriptor of %s is not used again", a.connection().id)
		}
		b.resume()
		s.rest(0)
		b.receives("DELIVERY a x\n")
		c.receives("")
		c.sends("SEND b y\n")
		s.rest(0)
		c.receives("SEND-OK\n")
	})
}

// A connection ends while the client's own lines are carried out: its input is read, writing each reply
// fails, and the connection is not used after its end.
func TestB4EndsWhileItsLinesAreCarriedOut(t *testing.T) {
	orders := runScenario(t, 200, nil, func(s *scenario) {
		a, b := s.user("a"), s.user("b")
		a.sends(strings.Repeat("SEND a x\nSEND b y\nLIST\n", 30))
		a.resets()
		b.sends("SEND a z\nLIST\n")
		s.batch()
		s.rest(0)
		b.checked = len(b.received)
		if got := s.users(); got != "b," {
			t.Fatalf("seed %d: LIST-OK %slister", s.seed, got)
		}
	})
	expectOrders(t, orders, 2)
}

// A client that is not read, because of a pending reply, resets: it is closed in one turn, and the loop
// sleeps.
func TestB5ResetWhileNotRead(t *testing.T) {
	runScenario(t, 20, nil, func(s *scenario) {
		a, b := s.user("a"), s.user("b")
		b.stall(1)
		a.sends("SEND b x\n")
		s.rest(0)
		if a.connection().interest != 0 {
			t.Fatalf("the interest is %q", readiness(a.connection().interest))
		}
		a.resets()
		if turns := s.turns(time.Second); turns > 2 || !a.connection().closed {
			t.Errorf("%d turns after the reset; closed: %v", turns, a.connection().closed)
		}
	})
}
