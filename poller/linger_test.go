package poller

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// dismissed makes a connection to which the last words have been said: it sent a line that closes,
// with more behind it.
func dismissed(r *rig) *socket {
	r.t.Helper()
	s := r.connect()
	r.says(s, "GET / HTTP/1.1\nHELLO-FROM a\n")
	r.heard(s, "BAD-RQST-HDR\n")
	if !s.shut || s.fd == -1 {
		r.t.Fatalf("write side shut %v, descriptor %d; expected it shut and still open", s.shut, s.fd)
	}
	return s
}

// B8: with both directions shut the kernel reports that for ever. The connection is closed as soon
// as the end of input is read.
func TestB8LingeringEndsWithTheInput(t *testing.T) {
	r := newRig(t)
	s := dismissed(r)
	s.eof = true
	if turns := r.rest(); turns != 1 {
		t.Errorf("%d turns had work to do, expected 1", turns)
	}
	r.gone(s)
	if r.k.slept != Forever {
		t.Errorf("the loop sleeps for %v, expected for ever", r.k.slept)
	}
}

// B8: the client resets.
func TestB8LingeringEndsWithAReset(t *testing.T) {
	r := newRig(t)
	s := dismissed(r)
	s.reset = true
	r.rest()
	r.gone(s)
}

// B8: the client neither ends nor says anything.
func TestB8LingeringEndsAfterTwoSeconds(t *testing.T) {
	r := newRig(t)
	s := dismissed(r)
	r.pass(lingerFor - time.Second)
	r.says(s, "more") // gives no more time
	r.pass(time.Second - 1)
	if s.fd == -1 {
		t.Fatal("closed too early")
	}
	r.pass(1)
	r.gone(s)
	r.heard(s, "")
}

// B8: the client never stops to talk. It is listened to for 64 KiB, without storing any.
func TestB8LingeringEndsAfter64KiB(t *testing.T) {
	r := newRig(t)
	s := dismissed(r)
	fd := s.fd
	r.k.calls = nil
	r.says(s, strings.Repeat("x", lingerBytes-1))
	if s.fd == -1 {
		t.Fatalf("closed before %d bytes", lingerBytes)
	}
	if c := r.l.slots.Find(fd).conn; cap(c.in) > readBuffer || len(c.in) > 0 {
		t.Errorf("%d bytes of its input are kept", len(c.in))
	}
	r.says(s, strings.Repeat("x", 10*lingerBytes))
	r.gone(s)
	if _, n := r.k.called("read", fd); n > lingerBytes+readBuffer {
		t.Errorf("%d bytes were read, expected at most %d", n, lingerBytes+readBuffer)
	}
}

// D13: close(2) with unread input sends a reset, which destroys an answer on its way. So the answer
// leaves, then the write side is shut, and the rest of the input is read before the descriptor is
// closed.
func TestD13InputAfterTheLastWordsIsReadBeforeClosing(t *testing.T) {
	r := newRig(t)
	s := r.k.connect()
	s.say("x\n" + strings.Repeat("SEND b x\n", 5000)) // three reads
	s.eof = true
	r.rest()
	r.heard(s, "BAD-RQST-HDR\n")
	r.gone(s)
	if len(s.in) > 0 {
		t.Errorf("closed with %d bytes unread", len(s.in))
	}
	var order []string
	for _, c := range r.k.calls {
		if c.name != "accept" && (len(order) == 0 || order[len(order)-1] != c.name) {
			order = append(order, c.name)
		}
	}
	if want := []string{"add", "read", "write", "shutdown", "read", "close"}; !slices.Equal(order, want) {
		t.Errorf("the calls were %v, expected %v", order, want)
	}
}

// D13: last words that the kernel cannot take yet leave whole when it can; and if it never can, the
// send timeout ends the connection.
func TestD13LastWordsAreFlushedFirst(t *testing.T) {
	for _, taken := range []bool{true, false} {
		r := newRig(t)
		s := r.k.connect()
		s.room = 4
		s.say("x\n")
		r.rest()
		r.heard(s, "BAD-")
		if s.shut {
			t.Fatal("the write side was shut before the last words had left")
		}
		if !taken {
			r.pass(sendTimeout)
			r.gone(s)
			r.logged("reason=send_timeout", 1)
			continue
		}
		s.room = plenty
		r.rest()
		r.heard(s, "RQST-HDR\n")
		r.pass(lingerFor)
		r.gone(s)
	}
}

// D15: a user's name is free while its last bytes are still being flushed, and somebody takes it.
// The old bytes go to the old connection, new messages to the new one.
func TestD15OldBytesGoToTheOldConnection(t *testing.T) {
	r := newRig(t)
	old, b := r.user("a"), r.user("b")
	old.room = 9
	r.says(b, "SEND a old\n")
	old.eof = true
	r.rest()
	fresh, c := r.user("a"), r.user("c")
	r.says(c, "SEND a new\n")
	r.heard(fresh, "DELIVERY c new\n")
	r.heard(c, "SEND-OK\n")
	r.heard(b, "")
	old.room = plenty
	r.rest()
	r.heard(old, "DELIVERY b old\n")
	r.heard(b, "SEND-OK\n")
	r.gone(old)
	r.says(c, "LIST\n")
	r.heard(c, "LIST-OK b,a,c\n")
}
