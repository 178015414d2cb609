package poller

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// B1: a signal interrupts a system call. Whichever it is, it is made again, and nothing is logged.
func TestB1InterruptedCallsAreMadeAgain(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"wait", "accept", "read", "write"} {
		r.k.fail[name] = []error{unix.EINTR, nil, unix.EINTR}
	}
	a, b := r.user("a"), r.user("b")
	r.says(a, "SEND b hello\n")
	r.heard(b, "DELIVERY a hello\n")
	r.heard(a, "SEND-OK\n")
	for name, left := range r.k.fail {
		if len(left) > 0 {
			t.Errorf("%s was not called often enough to be interrupted", name)
		}
	}
	if r.log.Len() > 0 {
		t.Errorf("the log says %q, expected nothing", r.log.String())
	}
}

func TestAnErrorOfTheWaitEndsTheLoop(t *testing.T) {
	r := newRig(t)
	r.k.fail["wait"] = []error{unix.EBADF}
	if err := r.l.Run(); !errors.Is(err, unix.EBADF) {
		t.Errorf("Run returned %v, expected %v", err, unix.EBADF)
	}
}

// B9: the kernel reports a connection ready, and read and write say that it is not.
func TestB9SpuriousReadinessChangesNothing(t *testing.T) {
	r := newRig(t)
	a, b := r.user("a"), r.user("b")
	b.room = 3
	r.says(a, "SEND b hello\n")
	for range 5 {
		r.k.scripted = []Event{{a.id, Readable}, {b.id, Writable}, {b.id, Readable | Writable}}
		r.turn()
	}
	r.heard(a, "")
	r.heard(b, "DEL")
	b.room = plenty
	r.rest()
	r.heard(b, "IVERY a hello\n")
	r.heard(a, "SEND-OK\n")
	if r.log.Len() > 0 {
		t.Errorf("the log says %q, expected nothing", r.log.String())
	}
}

// B11: one client floods small commands. It has one read a turn, and others are answered in every
// turn, not after it.
func TestB11AFlooderHasOneReadATurn(t *testing.T) {
	r := newRig(t)
	flooder, a, b := r.user("f"), r.user("a"), r.user("b")
	const lines = 50_000
	flooder.say(strings.Repeat("LIST\n", lines))
	for turn := range 10 {
		r.k.calls = nil
		a.say("SEND b hello\n")
		r.turn()
		if times, n := r.k.called("read", flooder.fd); times != 1 || n > readBuffer {
			t.Fatalf("turn %d: %d reads of the flooder, %d bytes; expected 1 of at most %d", turn, times, n, readBuffer)
		}
		r.heard(b, "DELIVERY a hello\n")
		r.heard(a, "SEND-OK\n")
	}
	r.rest()
	r.heard(flooder, strings.Repeat("LIST-OK f,a,b\n", lines))
}

// B12: input is kept back because a reply is owed, and no event will ever come for it again. When
// the reply has left, the rest is carried out.
func TestB12KeptInputIsResumedWithoutANewEvent(t *testing.T) {
	r := newRig(t)
	a, b := r.user("a"), r.user("b")
	b.room = 0
	r.says(a, "SEND b hello\nLIST\nLIST\nSEND a x\nLIST\n")
	r.heard(a, "")
	if len(a.in) > 0 {
		t.Fatalf("%q has not been read; the test needs it read and kept", a.in)
	}
	b.room = plenty
	r.rest()
	r.heard(b, "DELIVERY a hello\n")
	r.heard(a, "SEND-OK\nLIST-OK a,b\nLIST-OK a,b\nDELIVERY a x\nSEND-OK\nLIST-OK a,b\n")

	b.room = 0 // and when what was kept is the beginning of a line
	r.says(a, "SEND b hello\nLIST\nLI")
	b.room = plenty
	r.rest()
	r.heard(a, "SEND-OK\nLIST-OK a,b\n")
	r.says(a, "ST\n")
	r.heard(a, "LIST-OK a,b\n")
}

// B13: the process was stopped for longer than the send timeout. Nobody is thrown out whom the next
// turn finds taking what is queued.
func TestB13ProgressIsSeenBeforeDeadlinesAreJudged(t *testing.T) {
	r := newRig(t)
	a, b := r.user("a"), r.user("b")
	b.room = 0
	r.says(a, "SEND b hello\n")
	b.room = 5
	r.k.now += 2 * sendTimeout
	r.rest()
	r.heard(b, "DELIV")
	b.room = plenty
	r.rest()
	r.heard(b, "ERY a hello\n")
	r.heard(a, "SEND-OK\n")
	r.logged("reason=", 0)
}

// B13: the first wait after a stop ends with EINTR and reports nothing (signal(7), "Interruption of
// system calls by stop signals"). It says nothing about who takes what is queued.
func TestB13AnInterruptedWaitJudgesNobody(t *testing.T) {
	r := newRig(t)
	a, b := r.user("a"), r.user("b")
	b.room = 0
	r.says(a, "SEND b hello\n")
	b.room = plenty
	r.k.now += 2 * sendTimeout
	r.k.fail["wait"] = []error{unix.EINTR}
	r.rest()
	r.heard(b, "DELIVERY a hello\n")
	r.heard(a, "SEND-OK\n")
}

// B14: no deadline depends on any clock but the kernel's, which stands still here.
func TestB14WithoutTimeNothingExpires(t *testing.T) {
	r := newRig(t)
	a, b, stranger := r.user("a"), r.user("b"), r.connect()
	b.room = 0
	r.says(a, "SEND b hello\n")
	r.says(stranger, "\n")
	for range 1000 {
		r.turn()
	}
	if r.k.slept != lingerFor {
		t.Errorf("the loop sleeps for %v, expected the nearest deadline, %v", r.k.slept, lingerFor)
	}
	r.pass(lingerFor)
	r.gone(stranger)
	if want := sendTimeout - lingerFor; r.k.slept != want {
		t.Errorf("then it sleeps for %v, expected %v", r.k.slept, want)
	}
}

// At rest the loop sleeps without a deadline, however many are connected.
func TestAnIdleLoopNeverWakes(t *testing.T) {
	r := newRig(t)
	for i := range 100 {
		s := r.user(fmt.Sprint(i))
		r.says(s, fmt.Sprintf("SEND %d x\n", i))
	}
	if r.k.slept != Forever {
		t.Errorf("the loop sleeps for %v, expected for ever", r.k.slept)
	}
	r.l.slots.Each(func(_ int, s *slot) {
		if s.conn != nil {
			t.Errorf("%v is idle and still has a conn", s.id)
		}
	})
}

// H3: connections come and go on one descriptor. The auditor sees to it that no ID comes again.
func TestH3DescriptorsAreUsedAgainAndIDsAreNot(t *testing.T) {
	r := newRig(t)
	ids := map[string]bool{}
	for i := range 500 {
		s := r.user("a")
		if s.fd != r.k.lowest {
			t.Fatalf("connection %d has descriptor %d; the test needs %d used again", i, s.fd, r.k.lowest)
		}
		ids[s.id.String()] = true
		switch s.eof, s.reset = i%2 == 0, i%2 == 1; i % 3 {
		case 0:
			s.say("SEND a x\n")
		case 1:
			r.k.now += time.Second
		}
		r.rest()
		r.gone(s)
	}
	if len(ids) != 500 {
		t.Errorf("500 connections had %d IDs", len(ids))
	}
}
