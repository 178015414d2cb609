package poller

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// D1, PR12: the kernel takes so many bytes a call, of every size. Nothing is lost, doubled or out
// of order, and at no moment have more SEND-OK left than whole deliveries.
func TestD1ShortWritesOfEverySize(t *testing.T) {
	want := "DELIVERY a one\nDELIVERY a two\nDELIVERY a three\n"
	for size := 1; size <= len(want); size++ {
		r := newRig(t)
		a, b := r.user("a"), r.user("b")
		a.short, b.short = size, size
		r.k.wrote = func() {
			said, delivered := bytes.Count(a.out, []byte("SEND-OK")), bytes.Count(b.out, []byte("\n"))
			if said > delivered {
				t.Fatalf("%d bytes a write: %d SEND-OK after %d deliveries", size, said, delivered)
			}
		}
		r.says(a, "SEND b one\nSEND b two\nSEND b three\n")
		r.heard(b, want)
		r.heard(a, "SEND-OK\nSEND-OK\nSEND-OK\n")
	}
}

// D1: the kernel is full at every place of two deliveries.
func TestD1EAGAINAtEveryPlace(t *testing.T) {
	first, second := "DELIVERY a one\n", "DELIVERY a two\n"
	for room := range len(first + second) {
		r := newRig(t)
		a, b := r.user("a"), r.user("b")
		b.room = room
		r.says(a, "SEND b one\nSEND b two\nLIST\n")
		r.heard(b, (first + second)[:room])
		r.heard(a, strings.Repeat("SEND-OK\n", room/len(first)))
		b.room = plenty
		r.rest()
		r.heard(b, (first + second)[room:])
		r.heard(a, strings.Repeat("SEND-OK\n", 2-room/len(first))+"LIST-OK a,b\n")
	}
}

// D2: the target's socket is full. Its senders wait, also with their later requests; everyone else,
// and what others say to the senders, goes on.
func TestD2AFullTargetHoldsUpItsSendersOnly(t *testing.T) {
	r := newRig(t)
	a, b, c := r.user("a"), r.user("b"), r.user("c")
	b.room = 0
	r.says(a, "SEND b hello\nLIST\n")
	r.says(c, "SEND a hi\nLIST\n")
	r.heard(a, "DELIVERY c hi\n")
	r.heard(c, "SEND-OK\nLIST-OK a,b,c\n")
	r.says(a, "LIST\n") // not read
	if len(a.in) == 0 {
		t.Error("a client to whom a reply is owed was read")
	}
	b.room = plenty
	r.rest()
	r.heard(b, "DELIVERY a hello\n")
	r.heard(a, "SEND-OK\nLIST-OK a,b,c\nLIST-OK a,b,c\n")
}

// D3: the target dies with deliveries half sent or still queued. Their senders are told so, in the
// order of their requests, and go on.
func TestD3TheTargetDiesWithADeliveryHalfSent(t *testing.T) {
	r := newRig(t)
	a, b, c := r.user("a"), r.user("b"), r.user("c")
	b.room = len("DELIVERY a one\nDELI")
	r.says(a, "SEND b one\nSEND b two\nLIST\nSEND b three\n")
	r.says(c, "SEND b four\n")
	r.heard(a, "SEND-OK\n")
	b.reset = true
	r.rest()
	r.heard(b, "DELIVERY a one\nDELI")
	r.heard(a, "BAD-DEST-USER\nLIST-OK a,c\nBAD-DEST-USER\n") // the list of when it leaves
	r.heard(c, "BAD-DEST-USER\n")
	r.says(a, "LIST\n")
	r.heard(a, "LIST-OK a,c\n")
}

// D3, D14: the target has gone and the write to it fails, for ten senders in one turn.
func TestD3D14AWriteToATargetThatHasGone(t *testing.T) {
	r := newRig(t)
	b := r.user("b")
	var senders []*socket
	for i := range 10 {
		senders = append(senders, r.user(fmt.Sprint(i)))
	}
	for _, s := range senders {
		s.say("SEND b hello\n")
	}
	b.reset = true
	for _, s := range senders {
		r.k.scripted = append(r.k.scripted, Event{s.id, Readable}) // the reset is seen by the write first
	}
	r.rest()
	r.gone(b)
	for _, s := range senders {
		r.heard(s, "BAD-DEST-USER\n")
	}
}

// D4: the sender dies with its delivery half sent. The target has the whole line; the SEND-OK
// reaches nobody, least of all who has the sender's descriptor and name now.
func TestD4TheSenderDiesWithItsDeliveryHalfSent(t *testing.T) {
	r := newRig(t)
	a, b := r.user("a"), r.user("b")
	fd := a.fd
	b.room = 5
	r.says(a, "SEND b hello\n")
	a.reset = true
	r.rest()
	r.gone(a)
	again := r.user("a")
	if again.fd != fd {
		t.Fatalf("the new connection has descriptor %d; the test needs %d", again.fd, fd)
	}
	r.says(again, "SEND b again\n")
	b.room = plenty
	r.rest()
	r.heard(b, "DELIVERY a hello\nDELIVERY a again\n")
	r.heard(again, "SEND-OK\n")
	r.heard(a, "")
}

// D5: a target takes nothing for the send timeout. It is closed, and not a moment earlier; its
// senders are told, and the log says why.
func TestD5ATargetThatTakesNothingIsClosed(t *testing.T) {
	r := newRig(t)
	a, b := r.user("a"), r.user("b")
	b.room = 7
	r.says(a, "SEND b hello\nLIST\n")
	r.pass(sendTimeout - 1)
	if b.fd == -1 {
		t.Fatal("closed before the send timeout")
	}
	r.pass(1)
	r.gone(b)
	r.heard(a, "BAD-DEST-USER\nLIST-OK a\n")
	r.logged("reason=send_timeout", 1)
}

// D6: a target that takes a little now and then is not closed, however long the whole takes; what
// is queued for it in the meantime is no progress.
func TestD6ASlowTargetIsNotClosed(t *testing.T) {
	r := newRig(t)
	a, b := r.user("a"), r.user("b")
	b.room = 0
	r.says(a, "SEND b hello\n")
	want := "DELIVERY a hello\n"
	for range want {
		r.pass(sendTimeout - time.Second)
		b.room = 1
		r.rest()
	}
	r.heard(b, want)
	r.heard(a, "SEND-OK\n")

	b.room = 0
	for i := range 4 {
		s := r.user(fmt.Sprint(i))
		r.says(s, "SEND b hello\n")
		r.pass(sendTimeout / 4)
	}
	r.gone(b)
}

// D6: a target takes so little that the kernel never has room to speak of, and no write is possible.
// That its send queue has become shorter is progress too. When it is as long as before, the target
// goes.
func TestD6ATargetThatTakesTooLittleToBeHeardOf(t *testing.T) {
	r := newRig(t)
	a, b := r.user("a"), r.user("b")
	b.room, b.unsent = 0, 100
	r.says(a, "SEND b hello\n")
	for b.unsent = 99; b.unsent > 90; b.unsent-- {
		r.pass(sendTimeout)
	}
	b.unsent++
	if b.fd == -1 {
		t.Fatal("the target was closed while it took something within each send timeout")
	}
	r.pass(sendTimeout)
	r.gone(b)
	r.heard(a, "BAD-DEST-USER\n")
}

// D7: many send to one target that is full. Once its queue is over the mark each has at most one
// delivery more in it, and all arrive in the end.
func TestD7ManySendersToOneFullTarget(t *testing.T) {
	const senders, messages = 50, 160
	r := newRig(t)
	b := r.user("b")
	b.room = 0
	line := "SEND b " + strings.Repeat("x", 90) + "\n"
	all := make([]*socket, senders)
	for i := range all {
		all[i] = r.user(fmt.Sprintf("%03d", i))
		all[i].say(strings.Repeat(line, messages))
	}
	r.rest()
	if size, most := r.l.slots.Find(b.fd).conn.out.size, highWater+senders*(len(line)+len("DELIVERY ")); size > most {
		t.Errorf("%d bytes are queued for the target, expected at most %d", size, most)
	}
	b.room = plenty
	r.rest()
	if n := bytes.Count(b.out, []byte("\n")); n != senders*messages {
		t.Errorf("the target heard %d lines, expected %d", n, senders*messages)
	}
	for _, s := range all {
		r.heard(s, strings.Repeat("SEND-OK\n", messages))
	}
}

// D8: a client that sends to itself, with its own socket full: the delivery, then SEND-OK, and no
// deadlock.
func TestD8SendingToOneself(t *testing.T) {
	r := newRig(t)
	a := r.user("a")
	a.room = 6
	r.says(a, "SEND a one\nSEND a two\n")
	a.room = plenty
	r.rest()
	r.heard(a, "DELIVERY a one\nDELIVERY a two\nSEND-OK\nSEND-OK\n")
}
