package main

import (
	"fmt"
	"strings"
	"testing"
)

// The kernel takes 1, 2, 3 ... bytes at a time, so that writing stops at every place of every frame: all
// arrives, in order and once.
func TestD1ShortWritesOfEverySize(t *testing.T) {
	for size := 1; size <= 64; size++ {
		runScenario(t, 3, nil, func(s *scenario) {
			a, b := s.user("a"), s.user("b")
			a.socket.Buffers.Send, b.socket.Buffers.Send = size, size
			a.sends("SEND b one\nLIST\nSEND a two\nnothing\n")
			b.sends("SEND a three\nLIST\n")
			s.rest(0)
			for _, c := range []*testClient{a, b} {
				if got, want := string(c.received), string(c.connection().Output); got != want {
					t.Errorf("%d bytes at a time: client %d received %q, expected %q", size, c.number, got, want)
				}
			}
			if n := strings.Count(string(a.received)+string(b.received), "SEND-OK\n"); n != 3 {
				t.Errorf("%d bytes at a time: 3 messages were sent, and %d SEND-OK came", size, n)
			}
		})
	}
}

// A client asks for far more than it reads. Its queue has at most the high-water mark and one reply, its
// input stays in the kernel, and when it reads, everything comes.
func TestD10RepliesToAClientThatDoesNotRead(t *testing.T) {
	const users, lines = 8, 500
	runScenario(t, 3, func(p *parameters) { p.maxName = 4 << 10 }, func(s *scenario) {
		for i := range users {
			s.user(strings.Repeat(string(rune('a'+i)), 2000))
		}
		f := s.user("f")
		f.stall(1000)
		f.sends(strings.Repeat("LIST\n", lines))
		for range 100 {
			s.oneTurn()
			if queued, most := f.connection().queue(), highWater+users*2001+20; queued > most {
				t.Fatalf("%d bytes are queued, the high-water mark and one reply are %d", queued, most)
			}
		}
		if read := len("HELLO-FROM f\n") + lines*len("LIST\n") - len(f.socket.Received); read > 17<<10 {
			t.Errorf("%d bytes were read from a client that reads nothing", read)
		}
		f.resume()
		s.rest(0)
		if n := strings.Count(string(f.received), "LIST-OK "); n != lines {
			t.Errorf("%d of %d lines were answered", n, lines)
		}
	})
}

// A user has ended its input and its last frames are still queued when another client logs in with its
// name: they go to the old connection, and messages for the name go to the new one.
func TestD15NameUsedAgainWhileFramesAreQueued(t *testing.T) {
	orders := runScenario(t, 1000, nil, func(s *scenario) {
		a, old, b := s.user("a"), s.user("n"), s.accepted()
		old.stall(3)
		old.sends("LIST\n")
		s.rest(0)
		old.socket.CloseWrite()
		b.sends("HELLO-FROM n\n")
		a.sends("SEND n x\n")
		s.batch()
		b.sends("LIST\n")
		s.rest(0)
		switch b.receives("HELLO n\nLIST-OK a,n\n", "HELLO n\nDELIVERY a x\nLIST-OK a,n\n", "IN-USE\n") {
		case 0, 2:
			a.receives("BAD-DEST-USER\n", "")
		case 1:
			a.receives("SEND-OK\n")
		}
		old.resume()
		s.rest(0)
		old.receives("LIST-OK a,n\n", "LIST-OK a,n\nDELIVERY a x\n")
	})
	expectOrders(t, orders, 6)
}

// Many small frames for one client are one write.
func TestD16SmallFramesLeaveTogether(t *testing.T) {
	const senders, lines = 10, linesPerTurn
	runScenario(t, 3, nil, func(s *scenario) {
		b := s.user("b")
		var all []*testClient
		for i := range senders {
			all = append(all, s.user(fmt.Sprintf("a%d", i)))
		}
		for _, a := range all {
			a.sends(strings.Repeat("SEND b x\n", lines))
		}
		s.oneTurn()
		if v := b.connection(); v.writes != 1 || v.written != senders*lines*len("DELIVERY a0 x\n") {
			t.Errorf("%d frames were %d bytes in %d writes", senders*lines, v.written, v.writes)
		}
	})
}

// A client that takes everything has a large queue. It is written in portions, and the reply to another
// client leaves in the turn of its request.
func TestD16LargeQueueOfAFastClient(t *testing.T) {
	runScenario(t, 10, nil, func(s *scenario) {
		a, b, c := s.user("a"), s.user("b"), s.user("c")
		b.stall(1)
		for i := range 3 {
			s.user(fmt.Sprint("from", i)).sends("SEND b " + strings.Repeat("m", 100_000) + "\n")
			s.rest(0)
		}
		b.resume()
		b.socket.Buffers.Send = 1 << 20
		for turns := 0; b.connection().queue() > 0; turns++ {
			a.sends("SEND c x\n")
			s.oneTurn()
			if v := b.connection(); v.written > 2*turnShare+100_000 {
				t.Fatalf("%d bytes were written to one client in one turn", v.written)
			}
			s.exchange()
			a.receives("SEND-OK\n")
			c.receives("DELIVERY a x\n")
			if turns > 10 {
				t.Fatalf("%d bytes are still queued", b.connection().queue())
			}
		}
	})
}
