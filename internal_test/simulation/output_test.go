package main

import (
	"fmt"
	"strings"
	"testing"
)

// The kernel takes 1, 2, 3 ... bytes at a time, so that writing stops at every place of every
// frame: all arrives, in order and once.
func TestD1ShortWritesOfEverySize(t *testing.T) {
	for size := 1; size <= 64; size++ {
		play(t, 3, nil, func(s *scene) {
			a, b := s.user("a"), s.user("b")
			a.socket.outRoom, b.socket.outRoom = size, size
			a.says("SEND b one\nLIST\nSEND a two\nnothing\n")
			b.says("SEND a three\nLIST\n")
			s.rest(0)
			for _, c := range []*actor{a, b} {
				if heard, said := string(c.heard), string(c.view().said); heard != said {
					t.Errorf("%d bytes at a time: client %d was told %q, and should have been told %q", size, c.number, heard, said)
				}
			}
			if n := strings.Count(string(a.heard)+string(b.heard), "SEND-OK\n"); n != 3 {
				t.Errorf("%d bytes at a time: 3 messages were sent, and %d SEND-OK came", size, n)
			}
		})
	}
}

// A client asks for far more than it reads. Its queue stays at the mark and one answer more, its
// input stays with the kernel, and when it reads, everything comes.
func TestD10AnswersToOneThatDoesNotRead(t *testing.T) {
	const users, lines = 8, 500
	play(t, 3, nil, func(s *scene) {
		for i := range users {
			s.user(strings.Repeat(string(rune('a'+i)), 2000))
		}
		f := s.user("f")
		f.stalls(1000)
		f.says(strings.Repeat("LIST\n", lines))
		for range 100 {
			s.turn()
			if queued, most := f.view().queue(), mark+users*2001+20; queued > most {
				t.Fatalf("%d bytes are queued, and the mark and one answer are %d", queued, most)
			}
		}
		if read := len("HELLO-FROM f\n") + lines*len("LIST\n") - len(f.socket.in); read > 17<<10 {
			t.Errorf("%d bytes have been read of a client that reads nothing", read)
		}
		f.reads()
		s.rest(0)
		if n := strings.Count(string(f.heard), "LIST-OK "); n != lines {
			t.Errorf("%d of %d were answered", n, lines)
		}
	})
}

// A user has said its last, and its last bytes are still on the way when another takes its name:
// the old bytes go to the old connection, and what is sent to the name goes to the new one.
func TestD15NameTakenWhileItsFormerHolderIsFlushed(t *testing.T) {
	orders := play(t, 1000, nil, func(s *scene) {
		a, old, b := s.user("a"), s.user("n"), s.comes()
		old.stalls(3)
		old.says("LIST\n")
		s.rest(0)
		old.socket.halfClose()
		b.says("HELLO-FROM n\n")
		a.says("SEND n x\n")
		s.batch()
		b.says("LIST\n")
		s.rest(0)
		switch b.is("HELLO n\nLIST-OK a,n\n", "HELLO n\nDELIVERY a x\nLIST-OK a,n\n", "IN-USE\n") {
		case 0, 2:
			a.is("BAD-DEST-USER\n", "")
		case 1:
			a.is("SEND-OK\n")
		}
		old.reads()
		s.rest(0)
		old.is("LIST-OK a,n\n", "LIST-OK a,n\nDELIVERY a x\n")
	})
	every(t, orders, 6)
}

// A thousand small frames for one client are one write.
func TestD16SmallFramesLeaveTogether(t *testing.T) {
	const senders, lines = 10, 100
	play(t, 3, nil, func(s *scene) {
		b := s.user("b")
		var all []*actor
		for i := range senders {
			all = append(all, s.user(fmt.Sprintf("a%d", i)))
		}
		for _, a := range all {
			a.says(strings.Repeat("SEND b x\n", lines))
		}
		s.turn()
		if v := b.view(); v.writes != 1 || v.moved != senders*lines*len("DELIVERY a0 x\n") {
			t.Errorf("%d frames were %d bytes in %d writes", senders*lines, v.moved, v.writes)
		}
	})
}

// A client that takes all it is given has a large queue. It is written to in portions, and
// another's answer leaves in the same turn in which it was asked for.
func TestD16LargeQueueOfAFastClient(t *testing.T) {
	play(t, 10, nil, func(s *scene) {
		a, b, c := s.user("a"), s.user("b"), s.user("c")
		b.stalls(1)
		for i := range 3 {
			s.user(fmt.Sprint("from", i)).says("SEND b " + strings.Repeat("m", 100_000) + "\n")
			s.rest(0)
		}
		b.reads()
		b.socket.outRoom = 1 << 20
		for turns := 0; b.view().queue() > 0; turns++ {
			a.says("SEND c x\n")
			s.turn()
			if v := b.view(); v.moved > 2*share+100_000 {
				t.Fatalf("%d bytes were written to one client in one turn", v.moved)
			}
			s.listen()
			a.is("SEND-OK\n")
			c.is("DELIVERY a x\n")
			if turns > 10 {
				t.Fatalf("%d bytes are still queued", b.view().queue())
			}
		}
	})
}
