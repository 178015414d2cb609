package main

import (
	"strings"
	"testing"
	"time"
)

// The stop closes an idle connection whose own event comes later in the batch: the event goes
// nowhere.
func TestB2StopBeforeTheEventOfWhatItCloses(t *testing.T) {
	orders := play(t, 200, nil, func(s *scene) {
		a, b := s.user("a"), s.user("b")
		a.says("SEND b x\n")
		b.says("LIST\n")
		s.kernel.wakes = 1
		s.batch()
		s.rest(time.Minute)
		if !s.loop.Stopped() {
			t.Fatalf("seed %d: the loop has not stopped", s.seed)
		}
	})
	every(t, orders, 6)
}

// A user resets, and in the same batch one sends to it and one comes under its name: whatever is
// closed, nobody uses it any more.
func TestB2ResetInABatchWithThoseWhoNeedIt(t *testing.T) {
	orders := play(t, 500, nil, func(s *scene) {
		a, b, c := s.user("a"), s.user("b"), s.comes()
		b.socket.reset()
		b.over = true
		a.says("SEND b x\n")
		c.says("HELLO-FROM b\n")
		s.batch()
		s.rest(0)
		switch c.is("IN-USE\n", "HELLO b\n", "HELLO b\nDELIVERY a x\n") {
		case 0, 1:
			a.is("BAD-DEST-USER\n")
		case 2:
			a.is("SEND-OK\n")
		}
	})
	every(t, orders, 6)
}

// A descriptor is given back and handed out again while there are events of its former owner in the
// batch: the new owner has another ID, and is told and asked nothing that was meant for the old
// one.
func TestB3DescriptorReuseInABatch(t *testing.T) {
	orders := play(t, 500, nil, func(s *scene) {
		a, b := s.user("a"), s.user("b")
		a.socket.reset()
		a.over = true
		b.says("SEND a x\n")
		c := s.connects()
		c.says("HELLO-FROM c\n")
		s.batch()
		if c.view().id.Slot() == a.view().id.Slot() {
			t.Fatalf("seed %d: the descriptor of %s was used again within the batch", s.seed, a.view().id)
		}
		d := s.connects()
		s.rest(0)
		if d.view().id.Slot() != a.view().id.Slot() {
			t.Fatalf("the descriptor of %s is not used again", a.view().id)
		}
		b.is("BAD-DEST-USER\n")
		c.is("HELLO c\n")
		d.is("")
	})
	every(t, orders, 6)
}

// A receipt falls due after its owner has gone and another client has its descriptor: nobody is
// told.
func TestB3ReceiptForAFormerOwner(t *testing.T) {
	play(t, 20, nil, func(s *scene) {
		b, a := s.user("b"), s.user("a")
		b.stalls(1)
		a.says("SEND b x\n")
		s.rest(0)
		a.socket.reset()
		a.over = true
		s.rest(0)
		c := s.user("c")
		if c.view().id.Slot() != a.view().id.Slot() {
			t.Fatalf("the descriptor of %s is not used again", a.view().id)
		}
		b.reads()
		s.rest(0)
		b.is("DELIVERY a x\n")
		c.is("")
		c.says("SEND b y\n")
		s.rest(0)
		c.is("SEND-OK\n")
	})
}

// A client's connection ends while its own commands are carried out: its input is still read, every
// answer fails to be written, and nothing of it is touched after its end.
func TestB4EndsWhileItsInputIsCarriedOut(t *testing.T) {
	orders := play(t, 200, nil, func(s *scene) {
		a, b := s.user("a"), s.user("b")
		a.says(strings.Repeat("SEND a x\nSEND b y\nLIST\n", 30))
		a.socket.reset()
		a.over = true
		b.says("SEND a z\nLIST\n")
		s.batch()
		s.rest(0)
		b.checked = len(b.heard)
		if got := s.lists(); got != "b," {
			t.Fatalf("seed %d: LIST-OK %slister", s.seed, got)
		}
	})
	every(t, orders, 2)
}

// A client that is not read, being owed a reply, is reset: it is gone in one turn, and the loop
// rests.
func TestB5ResetWhileNotRead(t *testing.T) {
	play(t, 20, nil, func(s *scene) {
		a, b := s.user("a"), s.user("b")
		b.stalls(1)
		a.says("SEND b x\n")
		s.rest(0)
		if a.view().interest != 0 {
			t.Fatalf("the client is armed for %q", readinessName(a.view().interest))
		}
		a.socket.reset()
		a.over = true
		turns := s.watch.counts.turns
		s.rest(time.Second)
		if turns = s.watch.counts.turns - turns; turns > 2 || !a.view().closed {
			t.Errorf("%d turns after the reset; closed: %v", turns, a.view().closed)
		}
	})
}
