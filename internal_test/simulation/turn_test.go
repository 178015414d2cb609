package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const batchSize = 256 // events of one turn

// A client stalls and reads again. Afterwards nothing turns the loop: it does not wait for room to write.
func TestB7InterestInWritableEnds(t *testing.T) {
	runScenario(t, 20, nil, func(s *scenario) {
		a, b := s.user("a"), s.user("b")
		b.stall(4)
		a.sends("SEND b x\n")
		s.rest(0)
		b.resume()
		s.rest(0)
		b.receives("DELIVERY a x\n")
		a.receives("SEND-OK\n")
		if turns := s.turns(time.Hour); turns > 1 {
			t.Errorf("%d turns in an hour in which no client acts", turns)
		}
	})
}

// Everything is reported ready and is not: each read, write and accept returns EAGAIN. Afterwards all is
// as before.
func TestB9SpuriousReadiness(t *testing.T) {
	runScenario(t, 50, nil, func(s *scenario) {
		a, b := s.user("a"), s.user("b")
		b.stall(4)
		a.sends("SEND b x\nLIST\nLI")
		s.rest(0)
		s.rates[spurious] = 1000
		for range 5 {
			s.oneTurn()
		}
		s.rates[spurious] = 0
		b.resume()
		a.sends("ST\n")
		s.rest(0)
		b.receives("DELIVERY a x\n")
		a.receives("SEND-OK\nLIST-OK a,b\nLIST-OK a,b\n")
	})
}

// More connections are ready than fit into a batch. Each is served within as many turns as it takes to
// see them all.
func TestB10MoreReadyThanABatchHolds(t *testing.T) {
	const clients = 600
	runScenario(t, 3, nil, func(s *scenario) {
		var all []*testClient
		for i := range clients {
			all = append(all, s.connects())
			all[i].sends(fmt.Sprintf("HELLO-FROM u%d\n", i))
		}
		s.rest(0)
		for _, a := range all {
			a.sends("SEND nobody x\n")
			a.checked = len(a.received)
		}
		late := s.connects()
		for range (clients + 1 + batchSize - 1) / batchSize {
			s.oneTurn()
		}
		s.exchange()
		for _, a := range all {
			a.receives("BAD-DEST-USER\n")
		}
		if late.connection() == nil {
			t.Errorf("the last client has not been accepted")
		}
	})
}

// One client floods. In one turn at most linesPerTurn of its lines are carried out (the observer checks
// it), and two other clients need no more turns than without it (B16).
func TestB11FlooderAndAPair(t *testing.T) {
	const lines = 100_000
	runScenario(t, 3, nil, func(s *scenario) {
		a, b, flooder := s.user("a"), s.user("b"), s.user("f")
		flooder.sends(strings.Repeat("LIST\n", lines))
		for i := range 20 {
			a.sends(fmt.Sprintf("SEND b %d\n", i))
			s.oneTurn()
			s.exchange()
			a.receives("SEND-OK\n")
			b.receives(fmt.Sprintf("DELIVERY a %d\n", i))
		}
		s.rest(0)
		if got := strings.Count(string(flooder.received), "LIST-OK a,b,f\n"); got != lines {
			t.Errorf("%d of %d lines were answered", got, lines)
		}
	})
}

// More clients flood than have their share of one turn (the observer checks it, and that each has its own
// in its order). Two other clients need no more turns than without them.
func TestB16ManyFloodersAndAPair(t *testing.T) {
	const flooders, lines = 5 * resumed, 1000
	runScenario(t, 3, nil, func(s *scenario) {
		a, b := s.user("a"), s.user("b")
		var all []*testClient
		for i := range flooders {
			all = append(all, s.user(fmt.Sprint("f", i)))
		}
		for _, f := range all {
			f.sends(strings.Repeat("\n", lines))
		}
		for i := range 20 {
			a.sends(fmt.Sprintf("SEND b %d\n", i))
			s.oneTurn()
			s.exchange()
			a.receives("SEND-OK\n")
			b.receives(fmt.Sprintf("DELIVERY a %d\n", i))
		}
		s.rest(0)
		for _, f := range all {
			f.receives(strings.Repeat("BAD-RQST-HDR\n", lines))
		}
	})
}

// Lines have been read and may not be carried out yet. They are as soon as they may be, although no event
// comes for them; and the loop does not sleep before (the observer checks that).
func TestB12LinesThatAreLeftAreCarriedOut(t *testing.T) {
	for _, c := range []struct{ sends, receives string }{
		{"SEND b x\nLIST\nLIST\nLIST\n", "SEND-OK\nLIST-OK a,b\nLIST-OK a,b\nLIST-OK a,b\n"},
		{"SEND b x\nLIST\nSEND b y\nSEND c z\n", "SEND-OK\nLIST-OK a,b\nSEND-OK\nBAD-DEST-USER\n"},
	} {
		runScenario(t, 20, nil, func(s *scenario) {
			a, b := s.user("a"), s.user("b")
			b.stall(1)
			a.sends(c.sends)
			s.rest(0)
			a.receives("")
			if len(a.connection().input) == 0 {
				t.Fatalf("no line of %q is left", c.sends)
			}
			b.resume()
			s.rest(0)
			a.receives(c.receives)
		})
	}
}

// The process was stopped for longer than the send timeout. A client that has read meanwhile is not
// closed: the loop writes before it judges timeouts.
func TestB13ProgressDuringAnAbsence(t *testing.T) {
	orders := runScenario(t, 100, nil, func(s *scenario) {
		a, b, c := s.user("a"), s.user("b"), s.user("c")
		b.stall(4)
		a.sends("SEND b x\n")
		s.rest(0)
		s.faults.absence = s.sendTimeout + time.Second
		b.resume()
		b.socket.Deliver(1 << 20)
		c.sends("LIST\n")
		s.batch()
		s.rest(0)
		c.receives("LIST-OK a,b,c\n")
		a.receives("SEND-OK\n")
		b.receives("DELIVERY a x\n")
	})
	expectOrders(t, orders, 2)
}

// The process was stopped for longer than the send timeout, and more clients have read meanwhile than fit
// into a batch: those of the later batches are not closed either.
func TestB13ProgressOfMoreThanABatchHolds(t *testing.T) {
	const clients = 600
	runScenario(t, 3, nil, func(s *scenario) {
		var all []*testClient
		for i := range clients {
			all = append(all, s.user(fmt.Sprint("u", i)))
			all[i].stall(4)
		}
		for i, a := range all {
			a.sends(fmt.Sprintf("SEND u%d x\n", (i+1)%clients))
		}
		s.rest(0)
		s.faults.absence = s.sendTimeout + time.Second
		for _, b := range all {
			b.resume()
			b.socket.Deliver(1 << 20)
		}
		s.rest(0)
		for i, b := range all {
			d := fmt.Sprintf("DELIVERY u%d x\n", (i+clients-1)%clients)
			b.receives(d+"SEND-OK\n", "SEND-OK\n"+d)
		}
	})
}

// The loop uses no clock but the kernel's: half a minute of it passes at once, and the same seed gives the
// same run at any time of the day.
func TestB14OnlyTheKernelsClockCounts(t *testing.T) {
	runScenario(t, 5, nil, func(s *scenario) {
		a, b := s.user("a"), s.user("b")
		b.stall(1)
		a.sends("SEND b x\n")
		s.rest(s.sendTimeout - 1)
		a.receives("")
		s.rest(1)
		a.receives("BAD-DEST-USER\n")
	})
	for seed := range uint64(20) {
		if first, second := traceOf(seed), traceOf(seed); first != second {
			t.Fatalf("seed %d has two traces:\n%s\n\nand\n\n%s", seed, first, second)
		}
	}
}

func traceOf(seed uint64) string {
	var b strings.Builder
	run(settings{seed: seed}, seeded(seed), func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) })
	return b.String()
}

// A timeout expires in less than a millisecond, or has expired: the loop sleeps once, or not at all, and
// has then closed the connection.
func TestB15TimeoutNearOrPast(t *testing.T) {
	for _, late := range []time.Duration{0, time.Hour} {
		runScenario(t, 20, func(p *parameters) { p.sendTimeout = 400 * time.Microsecond }, func(s *scenario) {
			a, b := s.user("a"), s.user("b")
			b.stall(1)
			a.sends("SEND b x\n")
			s.oneTurn()
			s.faults.absence = late
			if turns := s.turns(time.Second); turns > 2 {
				t.Errorf("%d turns until a timeout of 400 us", turns)
			}
			a.receives("BAD-DEST-USER\n")
		})
	}
}
