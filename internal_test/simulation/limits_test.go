package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chatd/poller"
)

// delivers lets a new user send a long message to a client that is stalled.
func (s *scenario) delivers(to string, bytes int) {
	from := s.user(fmt.Sprint("from", len(s.all)))
	from.sends("SEND " + to + " " + strings.Repeat("m", bytes) + "\n")
	s.oneTurn()
}

// Memory is short: many clients begin lines of 20 KB and do not end them. They are closed until the limit
// holds (the observer checks that it does after each turn), and two users notice nothing.
func TestF1MemoryLimit(t *testing.T) {
	runScenario(t, 3, func(p *parameters) { p.maxBuffer = 200 << 10 }, func(s *scenario) {
		a, b := s.user("a"), s.user("b")
		for i := range 50 {
			s.user(fmt.Sprint("u", i)).sends("SEND a " + strings.Repeat("x", 20<<10))
			a.sends("SEND b x\n")
			s.rest(0)
			a.receives("SEND-OK\n")
			b.receives("DELIVERY a x\n")
		}
		// Of a buffer that doubles, at least half is used: between 5 and 10 lines fit.
		if n := s.observer.counts[countMemory]; n < 40 || n > 45 || s.reason() != string(poller.Buffer) {
			t.Errorf("%d clients were closed, the last one for %q; expected 40 to 45 for memory", n, s.reason())
		}
	})
}

// A client is closed for memory in a turn that leaves lines of it. Nothing is left to do for it: the loop
// sleeps.
func TestF1ClosedWithLinesLeft(t *testing.T) {
	runScenario(t, 1, func(p *parameters) { p.maxBuffer = 8 << 10 }, func(s *scenario) {
		s.user("a").sends(strings.Repeat("x\n", 8<<10))
		if s.rest(0); s.observer.counts[countMemory] != 1 {
			t.Errorf("%d clients were closed for memory, expected 1", s.observer.counts[countMemory])
		}
	})
}

// Memory becomes short because of a client that reads slowly. The stalled clients are closed, the one
// that holds most first, and not the one that reads, although it holds more.
func TestF11StalledClientsAreClosedFirst(t *testing.T) {
	runScenario(t, 5, func(p *parameters) { p.maxBuffer = 256 << 10 }, func(s *scenario) {
		small, large := s.user("small"), s.user("large")
		small.stall(1)
		large.stall(1)
		s.delivers("small", 12<<10)
		s.delivers("large", 40<<10)
		s.rest(2 * time.Second)
		reader := s.user("reader")
		reader.stall(4 << 10)
		for i := 0; !large.connection().closed; i++ {
			if s.delivers("reader", 60<<10); i > 4 {
				t.Fatal("memory is not short")
			}
			reader.socket.Buffers.Client += 4 << 10
			reader.socket.Deliver(4 << 10)
			s.oneTurn()
		}
		if small.connection().closed || reader.connection().closed {
			t.Errorf("closed: small %v, reader %v; expected only the stalled one that holds most",
				small.connection().closed, reader.connection().closed)
		}
	})
}

// Many stalled clients hold the same long LIST-OK, which counts once: below the limit none is closed.
func TestF11SharedTextCountsOnce(t *testing.T) {
	runScenario(t, 1, func(p *parameters) { p.maxBuffer = 128 << 10 }, func(s *scenario) {
		var all []*testClient
		for i := range 100 {
			all = append(all, s.user(strings.Repeat("n", 250)+fmt.Sprint(i)))
			all[i].stall(4 << 10)
		}
		for _, c := range all {
			c.sends("LIST\n")
		}
		s.rest(2 * time.Second)
		if n := s.observer.counts[countMemory]; n > 0 || all[0].connection().queue() < 20_000 {
			t.Errorf("%d clients were closed; expected none, with a LIST-OK of %d bytes", n, all[0].connection().queue())
		}
	})
}

// Each stalled client holds a long LIST-OK of its own, because the users change between the requests.
// Each text counts: clients are closed until the limit holds, which the observer checks after each turn.
func TestF11EachSharedTextCounts(t *testing.T) {
	runScenario(t, 1, func(p *parameters) { p.maxBuffer = 128 << 10 }, func(s *scenario) {
		for i := range 80 {
			s.user(strings.Repeat("n", 250) + fmt.Sprint(i))
		}
		for i := range 20 {
			c := s.user(fmt.Sprint("stalled", i))
			c.stall(4 << 10)
			c.sends("LIST\n")
			s.rest(0)
		}
		if s.observer.counts[countMemory] < 10 {
			t.Errorf("%d clients were closed for memory, expected about 15 of 20", s.observer.counts[countMemory])
		}
	})
}

// Clients that are not logged in are closed at the login timeout, which runs from the connect: one that
// sends nothing, one that sends a byte at a time, and one that lets its BUSYs queue.
func TestC4LoginTimeout(t *testing.T) {
	change := func(p *parameters) { p.maxUsers, p.loginTimeout = 1, 2*time.Second }
	runScenario(t, 5, change, func(s *scenario) {
		s.user("a")
		silent, slow, queues := s.accepted(), s.accepted(), s.accepted()
		queues.stall(1)
		for i := range 19 {
			slow.sends("HELLO-FROM b.............."[i : i+1])
			queues.sends("HELLO-FROM b\n")
			s.rest(100 * time.Millisecond)
		}
		all := []*testClient{silent, slow, queues}
		for i, c := range all {
			if c.connection().closed {
				t.Errorf("client %d was closed before the login timeout", i)
			}
		}
		s.rest(100 * time.Millisecond)
		for i, c := range all {
			if !c.connection().closed || s.reason() != string(poller.LoginTimeout) {
				t.Errorf("client %d is not closed after the login timeout; the last reason is %q", i, s.reason())
			}
		}
	})
}

// The process was stopped for longer than the login timeout, and meanwhile more clients have logged in than
// fit into two batches. The first batch has the time before it; the second one must not end the rest.
func TestB13LoginsDuringAnAbsence(t *testing.T) {
	const clients = 2*batchSize + 50
	runScenario(t, 2, func(p *parameters) { p.loginTimeout = 2 * time.Second }, func(s *scenario) {
		var all []*testClient
		for range clients {
			all = append(all, s.accepted())
		}
		s.faults.absence = time.Minute
		for i, c := range all {
			c.sends(fmt.Sprintf("HELLO-FROM u%d\n", i))
		}
		s.rest(0)
		for i, c := range all {
			c.receives(fmt.Sprintf("HELLO u%d\n", i))
		}
	})
}

// Every batch is full, and will be for a long time. A client whose timeout expires is closed in as many
// turns as it takes to see every connection once.
func TestF12TimeoutsWhileEveryBatchIsFull(t *testing.T) {
	const clients = 300
	runScenario(t, 1, func(p *parameters) { p.loginTimeout = 2 * time.Second }, func(s *scenario) {
		silent := s.accepted()
		var busy []*testClient
		for i := range clients {
			busy = append(busy, s.user(fmt.Sprint("u", i)))
		}
		full := 0
		s.faults.absence = time.Minute
		for !silent.connection().closed {
			for _, c := range busy {
				c.sends("\n")
			}
			if s.oneTurn(); len(s.observer.turn.batch) < batchSize || full > clients/batchSize+2 {
				t.Fatalf("after %d full batches the client is not closed", full)
			}
			full++
		}
	})
}

// A client sends 10 MB more after its last reply before it reads that. Only time ends the lingering, so
// the reply and the end of the stream arrive.
func TestD17LingeringEndsByTimeAlone(t *testing.T) {
	runScenario(t, 1, nil, func(s *scenario) {
		a := s.accepted()
		a.stalled = 1 << 30
		a.sends("GET / HTTP/1.1\n")
		for range 640 {
			a.sends(strings.Repeat("x", 16<<10))
			s.oneTurn()
		}
		if a.connection().closed {
			t.Fatalf("the connection is closed after %v", s.kernel.Now())
		}
		a.resume()
		s.exchange()
		a.receives("BAD-RQST-HDR\n")
		if s.exchange(); !a.orderly {
			t.Errorf("the stream has no orderly end")
		}
	})
	runScenario(t, 1, nil, func(s *scenario) {
		a := s.accepted()
		a.stalled = 1 << 30
		a.sends("GET / HTTP/1.1\n")
		s.rest(lingerTime - 1)
		a.sends("more")
		s.rest(0)
		if a.connection().closed {
			t.Errorf("the connection is closed before the linger timeout")
		}
		if s.rest(1); !a.connection().closed {
			t.Errorf("the connection is not closed after the linger timeout")
		}
	})
}

// Clients take all of a long message but its last bytes. The memory of their queues is held on, and
// counts (F1).
func TestF10AnAlmostEmptyQueueHoldsItsMemory(t *testing.T) {
	runScenario(t, 1, func(p *parameters) { p.maxBuffer = 256 << 10 }, func(s *scenario) {
		for i := range 20 {
			c := s.user(fmt.Sprint("u", i))
			c.stall(59 << 10)
			s.delivers(fmt.Sprint("u", i), 60<<10)
		}
		if n := s.observer.counts[countMemory]; n < 15 {
			t.Errorf("%d clients were closed for memory; 20 queues of 60 KB were to be held", n)
		}
	})
}
