package main

import (
	"testing"

	"chatd/poller/memkernel"
)

// In one batch a user ends its input, and another sends to it. Either the message is delivered and the
// sender receives SEND-OK, or the sender receives BAD-DEST-USER. The user is in no later list.
func TestH2SendAndTheEndOfItsTarget(t *testing.T) {
	for _, resets := range []bool{false, true} {
		orders := runScenario(t, 500, nil, func(s *scenario) {
			a, b, c := s.user("a"), s.user("b"), s.user("c")
			if b.socket.CloseWrite(); resets {
				b.resets()
			}
			a.sends("SEND b x\n")
			c.sends("LIST\n")
			s.batch()
			s.rest(0)
			sent := a.receives("BAD-DEST-USER\n", "SEND-OK\n")
			if got := b.receives("", "DELIVERY a x\n"); !resets && got != sent {
				t.Fatalf("seed %d: sent %d, delivered %d", s.seed, sent, got)
			}
			c.receives("LIST-OK a,b,c\n", "LIST-OK a,c\n")
			if got := s.users(); got != "a,c," {
				t.Fatalf("seed %d: LIST-OK %slister", s.seed, got)
			}
		})
		expectOrders(t, orders, 6)
	}
}

// In one batch a user ends and a new client logs in with its name: it gets HELLO or IN-USE, and the list
// is right in both cases.
func TestH3LoginAndTheEndOfTheHolder(t *testing.T) {
	for _, end := range []func(*memkernel.Socket){
		(*memkernel.Socket).CloseWrite, (*memkernel.Socket).Close, (*memkernel.Socket).Reset,
	} {
		orders := runScenario(t, 500, nil, func(s *scenario) {
			old, b, c := s.user("a"), s.user("b"), s.accepted()
			end(old.socket)
			old.ended = old.socket.Left
			c.sends("HELLO-FROM a\n")
			b.sends("SEND a x\n")
			s.batch()
			s.rest(0)
			got := c.receives("HELLO a\n", "HELLO a\nDELIVERY b x\n", "IN-USE\n")
			want := "b,a,"
			if got == 2 {
				want = "b,"
			}
			if list := s.users(); list != want {
				t.Fatalf("seed %d: LIST-OK %slister, outcome %d", s.seed, list, got)
			}
		})
		expectOrders(t, orders, 6)
	}
}

// In one batch users log in, end and ask for the list. Each list is that of one instant (the model says
// which), and the instants follow the order of the batch.
func TestH4ListWhileUsersComeAndGo(t *testing.T) {
	lists := map[string]bool{}
	orders := runScenario(t, 2000, nil, func(s *scenario) {
		a, b, c, d := s.user("a"), s.user("b"), s.user("c"), s.accepted()
		a.sends("LIST\n")
		b.resets()
		d.sends("HELLO-FROM d\nLIST\n")
		c.sends("LIST\n")
		s.batch()
		s.rest(0)
		first := a.receives("LIST-OK a,b,c\n", "LIST-OK a,c\n", "LIST-OK a,b,c,d\n", "LIST-OK a,c,d\n")
		c.receives("LIST-OK a,b,c\n", "LIST-OK a,c\n", "LIST-OK a,b,c,d\n", "LIST-OK a,c,d\n")
		d.receives("HELLO d\nLIST-OK a,b,c,d\n", "HELLO d\nLIST-OK a,c,d\n")
		lists[string(rune('0'+first))] = true
	})
	expectOrders(t, orders, 24)
	if len(lists) != 4 {
		t.Errorf("the four possible lists did not all come: %v", lists)
	}
}
