package poller

import (
	"fmt"
	"strings"
	"testing"
)

// D10: tiny requests with huge answers, and a client that never reads. Over the mark its input is
// neither read nor carried out; when it reads, it has all its answers.
func TestD10AnAnswerFloodStopsAtTheMark(t *testing.T) {
	for _, length := range []int{100, 1000} { // a list that is copied, and one that is shared
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			r := newRig(t)
			s := r.user("s")
			list := "LIST-OK s"
			for i := range 40 {
				name := fmt.Sprintf("%0*d", length, i)
				r.user(name)
				list += "," + name
			}
			list += "\n"
			const lines = 10_000 // 50 KB that ask for 40 or 400 MB
			s.room = 10
			r.says(s, strings.Repeat("LIST\n", lines))
			c := r.l.slots.Find(s.fd).conn
			if c.out.size > highWater+len(list) {
				t.Fatalf("%d bytes are queued, expected at most the mark and one list, %d",
					c.out.size, highWater+len(list))
			}
			if len(s.in) < lines*len("LIST\n")-readBuffer {
				t.Errorf("%d bytes have been left to the kernel, expected all after the first read", len(s.in))
			}
			r.heard(s, list[:10])
			rest := list[10:]
			for heard := 0; heard < 200; heard++ {
				s.room = len(rest)
				r.rest()
				r.heard(s, rest)
				rest = list
			}
		})
	}
}

// D16: a thousand messages in one read leave in few writes: one for each queue and flush.
func TestD16ManyFramesLeaveInOneWrite(t *testing.T) {
	const messages = 1000
	r := newRig(t)
	a, b := r.user("a"), r.user("b")
	r.k.calls = nil
	a.say(strings.Repeat("SEND b x\n", messages))
	r.turn()
	r.heard(b, strings.Repeat("DELIVERY a x\n", messages))
	r.heard(a, strings.Repeat("SEND-OK\n", messages))
	for name, s := range map[string]*socket{"target": b, "sender": a} {
		if times, n := r.k.called("write", s.fd); times != 1 {
			t.Errorf("%d writes to the %s for %d bytes, expected 1", times, name, n)
		}
	}
	if times, _ := r.k.called("modify", a.fd); times > 0 {
		t.Errorf("%d calls of epoll_ctl, expected none: nothing is left of the turn", times)
	}
}

// D16: of a long queue no more than about a chunk is written in one turn, so that one client that
// takes much does not hold up the others.
func TestD16ALongQueueHasItsShareOfATurn(t *testing.T) {
	r := newRig(t)
	b := r.user("b")
	b.room = 0
	for i := range 8 {
		s := r.user(fmt.Sprint(i))
		r.says(s, "SEND b "+strings.Repeat("x", 60<<10)+"\n")
	}
	size := r.l.slots.Find(b.fd).conn.out.size
	if size < 6*chunkSize {
		t.Fatalf("%d bytes are queued; the test needs more", size)
	}
	b.room = plenty
	for left := size; left > 0; {
		r.k.calls = nil
		r.turn()
		_, n := r.k.called("write", b.fd)
		if n == 0 || n >= 2*chunkSize {
			t.Fatalf("%d bytes of %d were written in one turn, expected some and less than %d", n, left, 2*chunkSize)
		}
		left -= n
	}
}

// permutations visits all orders of events.
func permutations(events []Event, visit func([]Event)) {
	var place func(k int)
	place = func(k int) {
		if k == len(events) {
			visit(events)
		}
		for i := k; i < len(events); i++ {
			events[k], events[i] = events[i], events[k]
			place(k + 1)
			events[k], events[i] = events[i], events[k]
		}
	}
	place(0)
}

// H2: in one batch the target ends, or resets, and messages to it come, in every order. Each has
// one answer, SEND-OK only if the target was handed the message, and no ghost stays in the list.
func TestH2TheTargetEndsInTheBatchOfASend(t *testing.T) {
	for _, reset := range []bool{false, true} {
		permutations([]Event{{ID: 0}, {ID: 1}, {ID: 2}}, func(order []Event) {
			r := newRig(t)
			clients := []*socket{r.user("target"), r.user("a"), r.user("b")}
			target := clients[0]
			target.eof, target.reset = !reset, reset
			clients[1].say("SEND target x\n")
			clients[2].say("SEND target x\n")
			for _, e := range order {
				r.k.scripted = append(r.k.scripted, Event{clients[e.ID].id, Readable})
			}
			r.rest()
			r.gone(target)
			heard := strings.Count(string(target.out), " x\n")
			for _, s := range clients[1:] {
				switch string(s.out) {
				case "SEND-OK\n":
					heard--
				case "BAD-DEST-USER\n":
				default:
					t.Fatalf("order %v: the sender heard %q, expected one answer", order, s.out)
				}
				s.out = nil
			}
			if heard != 0 {
				t.Fatalf("order %v: %d deliveries more than SEND-OK", order, heard)
			}
			r.says(clients[1], "LIST\n")
			r.heard(clients[1], "LIST-OK a,b\n")
		})
	}
}

// H3: in one batch a user ends and a newcomer asks for its name. Either order of answers is right;
// the list has the name as often as there is a user of that name.
func TestH3ANameIsAskedForWhenItsHolderEnds(t *testing.T) {
	permutations([]Event{{ID: 0}, {ID: 1}, {ID: 2}}, func(order []Event) {
		r := newRig(t)
		b := r.user("b")
		clients := []*socket{r.user("a"), r.connect(), r.connect()}
		clients[0].eof = true
		for _, s := range clients[1:] {
			s.say("HELLO-FROM a\n")
		}
		for _, e := range order {
			r.k.scripted = append(r.k.scripted, Event{clients[e.ID].id, Readable})
		}
		r.rest()
		r.gone(clients[0])
		users := 0
		for _, s := range clients[1:] {
			switch got := string(s.out); got {
			case "HELLO a\n":
				users++
			case "IN-USE\n":
			default:
				t.Fatalf("order %v: a newcomer heard %q", order, got)
			}
		}
		want := "LIST-OK b\n"
		if users == 1 {
			want = "LIST-OK b,a\n"
		}
		r.says(b, "LIST\n")
		r.heard(b, want)
	})
}
