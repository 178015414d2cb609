package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A client stalls and drains. Afterwards nothing turns the loop, neither room to write nor anything
// else.
func TestB7WritableIsTakenBack(t *testing.T) {
	play(t, 20, nil, func(s *scene) {
		a, b := s.user("a"), s.user("b")
		b.stalls(4)
		a.says("SEND b x\n")
		s.rest(0)
		b.reads()
		s.rest(0)
		b.is("DELIVERY a x\n")
		a.is("SEND-OK\n")
		turns := s.watch.counts.turns
		s.rest(time.Hour)
		if turns = s.watch.counts.turns - turns; turns > 1 {
			t.Errorf("%d turns in an hour in which nobody does anything", turns)
		}
	})
}

// Everything is reported ready and nothing is: each read, write and accept says EAGAIN. Afterwards
// all is as before.
func TestB9SpuriousReadiness(t *testing.T) {
	play(t, 50, nil, func(s *scene) {
		a, b := s.user("a"), s.user("b")
		b.stalls(4)
		a.says("SEND b x\nLIST\nLI")
		s.rest(0)
		s.rates[spurious] = 1000
		for range 5 {
			s.turn()
		}
		s.rates[spurious] = 0
		b.reads()
		a.says("ST\n")
		s.rest(0)
		b.is("DELIVERY a x\n")
		a.is("SEND-OK\nLIST-OK a,b\nLIST-OK a,b\n")
	})
}

// More are ready than a turn takes. Each is served within as many turns as it takes to go round.
func TestB10MoreReadyThanABatchHolds(t *testing.T) {
	const clients, perTurn = 600, 256
	play(t, 3, nil, func(s *scene) {
		var all []*actor
		for i := range clients {
			all = append(all, s.connects())
			all[i].says(fmt.Sprintf("HELLO-FROM u%d\n", i))
		}
		s.rest(0)
		for _, a := range all {
			a.says("SEND nobody x\n")
			a.checked = len(a.heard)
		}
		newcomer := s.connects()
		for range (clients + 1 + perTurn - 1) / perTurn {
			s.turn()
		}
		s.listen()
		for _, a := range all {
			a.is("BAD-DEST-USER\n")
		}
		if newcomer.view() == nil {
			t.Errorf("the newcomer has not been accepted")
		}
	})
}

// One client floods. It is served no more than 16 KiB of its input in one turn, and two who talk to
// each other meanwhile need no more turns than without it.
func TestB11FlooderAndAPair(t *testing.T) {
	const lines = 100_000
	play(t, 3, nil, func(s *scene) {
		a, b, flooder := s.user("a"), s.user("b"), s.user("f")
		flooder.says(strings.Repeat("LIST\n", lines))
		for i := range 20 {
			a.says(fmt.Sprintf("SEND b %d\n", i))
			s.turn()
			if v := flooder.view(); v.ran > 16<<10 {
				t.Fatalf("%d bytes of the flooder's were carried out in one turn", v.ran)
			}
			s.listen()
			a.is("SEND-OK\n")
			b.is(fmt.Sprintf("DELIVERY a %d\n", i))
		}
		s.rest(0)
		if got := strings.Count(string(flooder.heard), "LIST-OK a,b,f\n"); got != lines {
			t.Errorf("%d of %d lines were answered", got, lines)
		}
	})
}

// Input has been read and kept back. It is carried out when what held it back is over, though no
// event will ever come for it; and the loop does not sleep before (the watch sees to that).
func TestB12InputKeptBackIsCarriedOut(t *testing.T) {
	for _, story := range []struct{ says, hears string }{
		{"SEND b x\nLIST\nLIST\nLIST\n", "SEND-OK\nLIST-OK a,b\nLIST-OK a,b\nLIST-OK a,b\n"},
		{"SEND b x\nLIST\nSEND b y\nSEND c z\n", "SEND-OK\nLIST-OK a,b\nSEND-OK\nBAD-DEST-USER\n"},
	} {
		play(t, 20, nil, func(s *scene) {
			a, b := s.user("a"), s.user("b")
			b.stalls(1)
			a.says(story.says)
			s.rest(0)
			a.is("")
			if len(a.view().pending) == 0 {
				t.Fatalf("nothing of %q is kept back", story.says)
			}
			b.reads()
			s.rest(0)
			a.is(story.hears)
		})
	}
}

// The process was stopped for longer than the send timeout. A client that has made room meanwhile
// has done what it is asked for and stays: what is ready is written before deadlines are judged.
func TestB13ProgressDuringAnAbsence(t *testing.T) {
	orders := play(t, 100, nil, func(s *scene) {
		a, b, c := s.user("a"), s.user("b"), s.user("c")
		b.stalls(4)
		a.says("SEND b x\n")
		s.rest(0)
		s.kernel.absence = s.sendTimeout + time.Second
		b.reads()
		b.socket.carry(1 << 20)
		c.says("LIST\n")
		s.batch()
		s.rest(0)
		c.is("LIST-OK a,b,c\n")
		a.is("SEND-OK\n")
		b.is("DELIVERY a x\n")
	})
	every(t, orders, 2)
}

// The process was stopped for longer than the send timeout, and more clients have made room
// meanwhile than a batch holds: those who are not in the first batch stay as well.
func TestB13ProgressOfMoreThanABatchHolds(t *testing.T) {
	const clients = 600
	play(t, 3, nil, func(s *scene) {
		a := s.user("a")
		var all []*actor
		for i := range clients {
			all = append(all, s.user(fmt.Sprintf("u%d", i)))
			all[i].stalls(4)
		}
		for i := range clients {
			a.says(fmt.Sprintf("SEND u%d x\n", i))
		}
		s.turn()
		s.kernel.absence = s.sendTimeout + time.Second
		for _, b := range all {
			b.reads()
			b.socket.carry(1 << 20)
		}
		s.rest(0)
		for _, b := range all {
			b.is("DELIVERY a x\n")
		}
	})
}

// No clock but the kernel's counts: half a minute of it passes in no time at all, and the same seed
// gives the same run at any time of the day.
func TestB14OnlyTheKernelsClockCounts(t *testing.T) {
	play(t, 5, nil, func(s *scene) {
		a, b := s.user("a"), s.user("b")
		b.stalls(1)
		a.says("SEND b x\n")
		s.rest(s.sendTimeout - 1)
		a.is("")
		s.rest(1)
		a.is("BAD-DEST-USER\n")
	})
	for seed := range uint64(20) {
		if first, second := told(seed), told(seed); first != second {
			t.Fatalf("seed %d goes two ways:\n%s\n\nand\n\n%s", seed, first, second)
		}
	}
}

func told(seed uint64) string {
	var b strings.Builder
	run(settings{seed: seed}, func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) })
	return b.String()
}

// A deadline is less than a millisecond ahead, or past: the loop sleeps once, or not at all, and
// has then done what was due.
func TestB15DeadlineNearOrPast(t *testing.T) {
	for _, late := range []time.Duration{0, time.Hour} {
		play(t, 20, func(f *figures) { f.sendTimeout = 400 * time.Microsecond }, func(s *scene) {
			a, b := s.user("a"), s.user("b")
			b.stalls(1)
			a.says("SEND b x\n")
			s.turn()
			s.kernel.absence = late
			turns := s.watch.counts.turns
			s.rest(time.Second)
			if turns = s.watch.counts.turns - turns; turns > 2 {
				t.Errorf("%d turns until a deadline 400 us ahead", turns)
			}
			a.is("BAD-DEST-USER\n")
		})
	}
}
