package poller_test

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatd/poller"
	"chatd/poller/memkernel"
)

// D1, PR12: the kernel takes so many bytes a call, of every size. Nothing is lost, doubled or out
// of order, and at no moment have more SEND-OK left than whole deliveries.
func TestD1ShortWritesOfEverySize(t *testing.T) {
	want := "DELIVERY a one\nDELIVERY a two\nDELIVERY a three\n"
	for size := 1; size <= len(want); size++ {
		r := newRig(t)
		a, b := r.pair()
		r.short = size
		r.before = func() {
			confirmed, delivered := bytes.Count(a.Arrived, []byte("SEND-OK")), bytes.Count(b.Arrived, []byte("\n"))
			if confirmed > delivered {
				t.Fatalf("%d bytes a write: %d SEND-OK after %d deliveries", size, confirmed, delivered)
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
		a, b := r.pair()
		stall(b, room)
		r.says(a, "SEND b one\nSEND b two\nLIST\n")
		r.unsent(b, (first + second)[:room])
		r.heard(a, strings.Repeat("SEND-OK\n", room/len(first)))
		r.unstall(b)
		r.heard(b, first+second)
		r.heard(a, strings.Repeat("SEND-OK\n", 2-room/len(first))+"LIST-OK a,b\n")
	}
}

// D2: the target's socket is full. Its senders wait, also with their later requests; everyone else,
// and what others say to the senders, goes on.
func TestD2AFullTargetHoldsUpItsSendersOnly(t *testing.T) {
	r := newRig(t)
	a, b := r.pair()
	c := r.user("c")
	stall(b, 0)
	r.says(a, "SEND b hello\nLIST\n")
	r.says(c, "SEND a hi\nLIST\n")
	r.heard(a, "DELIVERY c hi\n")
	r.heard(c, "SEND-OK\nLIST-OK a,b,c\n")
	r.says(a, "LIST\n")
	if len(a.Received) == 0 {
		t.Error("a client with a pending reply was read")
	}
	r.unstall(b)
	r.heard(b, "DELIVERY a hello\n")
	r.heard(a, "SEND-OK\nLIST-OK a,b,c\nLIST-OK a,b,c\n")
}

// D2: a target that has no room is not tried again until it is writable, whatever comes for it.
func TestD2AFullTargetIsWrittenOnce(t *testing.T) {
	r := newRig(t)
	a, b := r.pair()
	c := r.user("c")
	stall(b, 3)
	r.k.Calls = nil
	r.says(a, "SEND b hello\n")
	r.says(c, "SEND b hello\n")
	if times, n := r.called("write", b.FD); times != 1 || n != 3 {
		t.Errorf("%d writes of %d bytes to a target that has room for 3, expected 1", times, n)
	}
	r.unstall(b)
	r.heard(b, "DELIVERY a hello\nDELIVERY c hello\n")
}

// F2: the kernel is short of memory for a moment. No connection ends for that.
func TestF2ShortOfMemoryIsNoEnd(t *testing.T) {
	for _, reason := range []syscall.Errno{syscall.ENOBUFS, syscall.ENOMEM} {
		r := newRig(t)
		a, b := r.pair()
		r.answer("read", reason)
		r.answer("write", reason, reason)
		r.says(a, "SEND b hello\n")
		r.heard(b, "DELIVERY a hello\n")
		r.heard(a, "SEND-OK\n")
		r.silent()
	}
}

// D3: the target dies with deliveries half sent or still queued. Their senders are told so, in the
// order of their requests, and go on.
func TestD3TheTargetDiesWithADeliveryHalfSent(t *testing.T) {
	r := newRig(t)
	a, b := r.pair()
	c := r.user("c")
	stall(b, len("DELIVERY a one\nDELI"))
	r.says(a, "SEND b one\nSEND b two\nLIST\nSEND b three\n")
	r.says(c, "SEND b four\n")
	r.heard(a, "SEND-OK\n")
	r.unsent(b, "DELIVERY a one\nDELI")
	b.Reset()
	r.rest()
	r.heard(a, "BAD-DEST-USER\nLIST-OK a,c\nBAD-DEST-USER\n") // the list of when it leaves
	r.heard(c, "BAD-DEST-USER\n")
	r.asks(a, "LIST\n", "LIST-OK a,c\n")
}

// D3, D14: the target has gone and the write to it fails, for ten senders in one turn.
func TestD3D14AWriteToATargetThatHasGone(t *testing.T) {
	r := newRig(t)
	b := r.user("b")
	senders := r.users("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
	for _, s := range senders {
		say(s, "SEND b hello\n")
		r.batch = append(r.batch, events(readable, s.ID)...) // the write sees the reset first
	}
	b.Reset()
	r.rest()
	r.gone(b)
	for _, s := range senders {
		r.heard(s, "BAD-DEST-USER\n")
	}
}

// D4: the sender dies with its delivery half sent. The target has the whole line. The SEND-OK is
// dropped; it does not go to the client that has the sender's descriptor and name now.
func TestD4TheSenderDiesWithItsDeliveryHalfSent(t *testing.T) {
	r := newRig(t)
	a, b := r.pair()
	fd := a.FD
	stall(b, 5)
	r.says(a, "SEND b hello\n")
	a.Reset()
	r.rest()
	r.gone(a)
	second := r.user("a")
	if second.FD != fd {
		t.Fatalf("the new connection has descriptor %d; the test needs %d", second.FD, fd)
	}
	r.says(second, "SEND b again\n")
	r.unstall(b)
	r.heard(b, "DELIVERY a hello\nDELIVERY a again\n")
	r.heard(second, "SEND-OK\n")
	r.heard(a, "")
}

// D5: a target takes nothing for the send timeout. It is closed, and not a moment earlier; its
// senders are told, and the log says why.
func TestD5ATargetThatTakesNothingIsClosed(t *testing.T) {
	r := newRig(t)
	a, b := r.pair()
	stall(b, 7)
	r.says(a, "SEND b hello\nLIST\n")
	r.pass(sendTimeout - 1)
	r.stays(b)
	r.pass(1)
	r.gone(b)
	r.heard(a, "BAD-DEST-USER\nLIST-OK a\n")
	r.logged("reason=send_timeout", 1)
}

// takes has a stalled client take n bytes from the server's kernel.
func takes(s *client, n int) {
	buffers := s.Buffers
	buffers.Client += n
	s.SetBuffers(buffers)
}

// D6: a target that takes a little now and then is not closed, however long the whole takes; what
// is queued for it in the meantime is no progress.
func TestD6ASlowTargetIsNotClosed(t *testing.T) {
	r := newRig(t)
	a, b := r.pair()
	stall(b, 1)
	r.says(a, "SEND b hello\n")
	for range "DELIVERY a hello" {
		r.pass(sendTimeout - time.Second)
		takes(b, 1)
		r.rest()
	}
	r.heard(b, "DELIVERY a hello\n")
	r.heard(a, "SEND-OK\n")

	stall(b, 0)
	for i := range 4 {
		s := r.user(fmt.Sprint(i))
		r.says(s, "SEND b hello\n")
		r.pass(sendTimeout / 4)
	}
	r.gone(b)
}

// D6: a target takes so little that its socket never becomes writable. That its send queue has become
// shorter is progress too. When the target takes nothing any more, it goes.
func TestD6ATargetThatTakesTooLittleToBecomeWritable(t *testing.T) {
	r := newRig(t)
	a, b := r.pair()
	stall(b, 100)
	r.says(a, "SEND b "+strings.Repeat("x", 200)+"\n")
	for range 9 {
		takes(b, 1)
		r.pass(sendTimeout)
	}
	r.stays(b)
	if n := r.k.Unacknowledged(b.FD); n != 91 {
		t.Fatalf("the kernel has %d bytes; the test needs that nothing was written", n)
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
	stall(b, 0)
	line := "SEND b " + strings.Repeat("x", 90) + "\n"
	all := make([]*client, senders)
	for i := range all {
		all[i] = r.user(fmt.Sprintf("%03d", i))
		say(all[i], strings.Repeat(line, messages))
	}
	r.rest()
	if size, most := r.l.Queued(b.FD), poller.HighWater+senders*(len(line)+len("DELIVERY ")); size > most {
		t.Errorf("%d bytes are queued for the target, expected at most %d", size, most)
	}
	r.unstall(b)
	if n := bytes.Count(b.Arrived, []byte("\n")); n != senders*messages {
		t.Errorf("the target heard %d lines, expected %d", n, senders*messages)
	}
	for _, s := range all {
		r.heard(s, strings.Repeat("SEND-OK\n", messages))
	}
}

// D8: a client that sends to itself, with its own socket full: the deliveries, then SEND-OK, and no
// deadlock.
func TestD8SendingToOneself(t *testing.T) {
	r := newRig(t)
	a := r.user("a")
	stall(a, 6)
	r.says(a, "SEND a one\nSEND a two\n")
	r.unstall(a)
	r.heard(a, "DELIVERY a one\nDELIVERY a two\nSEND-OK\nSEND-OK\n")
}

// D10: tiny requests with huge answers, and a client that never reads. Over the mark its input is
// neither read nor executed; when it reads, it has all its answers.
func TestD10AnAnswerFloodStopsAtTheMark(t *testing.T) {
	for _, users := range []int{20, 120} { // a list that is copied, and one that is shared
		t.Run(fmt.Sprint(users), func(t *testing.T) {
			r := newRig(t)
			s := r.user("s")
			list := "LIST-OK s"
			for i := range users {
				name := fmt.Sprintf("%0200d", i)
				r.user(name)
				list += "," + name
			}
			list += "\n"
			const lines = 10_000 // 50 KB that ask for 40 or 240 MB
			stall(s, 10)
			r.says(s, strings.Repeat("LIST\n", lines))
			if n := r.l.Queued(s.FD); n > poller.HighWater+len(list) {
				t.Fatalf("%d bytes are queued, expected at most the mark and one list, %d", n, poller.HighWater+len(list))
			}
			if len(s.Received) < lines*len("LIST\n")-poller.ReadSize {
				t.Errorf("%d bytes have been left to the kernel, expected all after the first read", len(s.Received))
			}
			r.unsent(s, list[:10])
			s.SetBuffers(memkernel.Buffers{Receive: memkernel.Plenty, Send: 64 << 10})
			for range 200 {
				takes(s, len(list))
				r.rest()
				takes(s, -len(list)) // and then no more
				r.heard(s, list)
			}
		})
	}
}

// D16: the messages of one turn leave in one write for each queue.
func TestD16ManyFramesLeaveInOneWrite(t *testing.T) {
	const messages = poller.LinesPerTurn
	r := newRig(t)
	a, b := r.pair()
	r.k.Calls = nil
	say(a, strings.Repeat("SEND b x\n", messages))
	r.turn()
	r.heard(b, strings.Repeat("DELIVERY a x\n", messages))
	r.heard(a, strings.Repeat("SEND-OK\n", messages))
	for name, s := range map[string]*client{"target": b, "sender": a} {
		if times, n := r.called("write", s.FD); times != 1 {
			t.Errorf("%d writes to the %s for %d bytes, expected 1", times, name, n)
		}
	}
	if times, _ := r.called("modify", a.FD); times > 0 {
		t.Errorf("%d calls of epoll_ctl, expected none: nothing is left of the turn", times)
	}
}

// D16: of a long queue no more than about a chunk is written in one turn, so that one client that
// takes much does not hold up the others.
func TestD16ALongQueueHasItsShareOfATurn(t *testing.T) {
	r := newRig(t)
	b := r.user("b")
	stall(b, 0)
	for _, s := range r.users("0", "1", "2", "3", "4", "5", "6", "7") {
		r.says(s, "SEND b "+strings.Repeat("x", 60<<10)+"\n")
	}
	size := r.l.Queued(b.FD)
	if size < 6*poller.ChunkSize {
		t.Fatalf("%d bytes are queued; the test needs more", size)
	}
	unstall(b)
	for left := size; left > 0; {
		r.k.Calls = nil
		r.turn()
		_, n := r.called("write", b.FD)
		if n == 0 || n >= 2*poller.ChunkSize {
			t.Fatalf("%d bytes of %d were written in one turn, expected some and less than %d", n, left, 2*poller.ChunkSize)
		}
		left -= n
	}
}
