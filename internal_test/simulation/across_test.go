package main

import "testing"

// In one batch a user ends its input, and another sends to it. It is sent the message and the
// sender hears SEND-OK, or it is gone and the sender hears that; and then it is in no list.
func TestH2SendAndTheEndOfItsTarget(t *testing.T) {
	for _, resets := range []bool{false, true} {
		orders := play(t, 500, nil, func(s *scene) {
			a, b, c := s.user("a"), s.user("b"), s.user("c")
			if b.socket.halfClose(); resets {
				b.socket.reset()
				b.over = true
			}
			a.says("SEND b x\n")
			c.says("LIST\n")
			s.batch()
			s.rest(0)
			sent := a.is("BAD-DEST-USER\n", "SEND-OK\n")
			if got := b.is("", "DELIVERY a x\n"); !resets && got != sent {
				t.Fatalf("seed %d: sent %d, delivered %d", s.seed, sent, got)
			}
			c.is("LIST-OK a,b,c\n", "LIST-OK a,c\n")
			if got := s.lists(); got != "a,c," {
				t.Fatalf("seed %d: LIST-OK %slister", s.seed, got)
			}
		})
		every(t, orders, 6)
	}
}

// In one batch a user goes and a new client asks for its name: it gets it or is told IN-USE, and
// the list is right either way.
func TestH3LoginAndTheEndOfTheHolder(t *testing.T) {
	for _, end := range []func(*socket){(*socket).halfClose, (*socket).leave, (*socket).reset} {
		orders := play(t, 500, nil, func(s *scene) {
			old, b, c := s.user("a"), s.user("b"), s.comes()
			end(old.socket)
			old.over = old.socket.gone
			c.says("HELLO-FROM a\n")
			b.says("SEND a x\n")
			s.batch()
			s.rest(0)
			got := c.is("HELLO a\n", "HELLO a\nDELIVERY b x\n", "IN-USE\n")
			want := "b,a,"
			if got == 2 {
				want = "b,"
			}
			if list := s.lists(); list != want {
				t.Fatalf("seed %d: LIST-OK %slister, outcome %d", s.seed, list, got)
			}
		})
		every(t, orders, 6)
	}
}

// Users come, go and ask who is there, all in one batch. Each is told the list of one instant (the
// model says which), and the instants are those of the batch's order.
func TestH4ListWhileUsersComeAndGo(t *testing.T) {
	lists := map[string]bool{}
	orders := play(t, 2000, nil, func(s *scene) {
		a, b, c, d := s.user("a"), s.user("b"), s.user("c"), s.comes()
		a.says("LIST\n")
		b.socket.reset()
		b.over = true
		d.says("HELLO-FROM d\nLIST\n")
		c.says("LIST\n")
		s.batch()
		s.rest(0)
		first := a.is("LIST-OK a,b,c\n", "LIST-OK a,c\n", "LIST-OK a,b,c,d\n", "LIST-OK a,c,d\n")
		c.is("LIST-OK a,b,c\n", "LIST-OK a,c\n", "LIST-OK a,b,c,d\n", "LIST-OK a,c,d\n")
		d.is("HELLO d\nLIST-OK a,b,c,d\n", "HELLO d\nLIST-OK a,c,d\n")
		lists[string(rune('0'+first))] = true
	})
	every(t, orders, 24)
	if len(lists) != 4 {
		t.Errorf("of the four lists that there may be, only %v came", lists)
	}
}
