package poller

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stopped checks whether Run would return.
func (r *rig) stopped(want bool) {
	r.t.Helper()
	if got := r.l.Stopped(); got != want {
		r.t.Fatalf("stopped: %v, expected %v, with %d connections", got, want, r.l.count)
	}
}

// G3: asked to stop with nothing queued, the loop is done in one turn.
func TestG3WithNothingQueuedAStopTakesOneTurn(t *testing.T) {
	r := newRig(t)
	a, stranger := r.user("a"), r.connect()
	r.k.stop(1)
	r.stopped(false)
	r.turn()
	r.stopped(true)
	r.gone(a)
	r.gone(stranger)
	if r.k.sockets[fakeListener] != nil {
		t.Error("the listener is still open")
	}
	r.logged("stopping", 1)
}

// G18: a stop lost messages that were answered SEND-OK. The client was idle for the loop, but the
// kernel still had bytes for it; it said something after close(2), and the reset destroyed them.
func TestG18AStopWaitsForWhatIsUnacknowledged(t *testing.T) {
	r := newRig(t)
	a, b := r.user("a"), r.user("b")
	b.unsent = 100
	r.k.stop(1)
	r.turn()
	r.gone(a)
	if b.fd == -1 || !b.shut {
		t.Fatalf("descriptor %d, write side shut %v, expected it shut and not closed", b.fd, b.shut)
	}
	r.says(b, "LIST\n") // read, or it would make close(2) a reset
	if len(b.in) > 0 {
		t.Errorf("%q is not read", b.in)
	}
	r.pass(lingerFor)
	if b.fd == -1 {
		t.Fatal("closed after the linger time with 100 bytes unacknowledged")
	}
	b.unsent = 0
	r.pass(lingerFor)
	r.gone(b)
	r.stopped(true)
}

// G3: what is queued still leaves, and its receipts are settled; nothing new is accepted, read or
// carried out.
func TestG3AStopDrainsWhatIsQueued(t *testing.T) {
	r := newRig(t)
	a, b := r.user("a"), r.user("b")
	b.room = 5
	r.says(a, "SEND b hello\nLIST\nLIST\n") // the second LIST is kept
	r.k.stop(1)
	r.k.scripted = []Event{{internalID(fakeWake), Readable}}
	r.turn()
	late := r.k.connect()
	a.say("SEND b late\n")
	b.say("SEND a late\n")
	r.rest()
	r.stopped(false)
	if late.fd != -1 {
		t.Error("a connection was accepted after the stop")
	}
	b.room = plenty
	r.rest()
	r.heard(b, "DELIVERY a hello\n")
	r.heard(a, "SEND-OK\nLIST-OK a\n") // b will say nothing more and so is logged out
	if !a.shut || !b.shut {
		t.Errorf("write sides shut: %v and %v, expected both", a.shut, b.shut)
	}
	a.eof, b.eof = true, true
	r.rest()
	r.gone(a)
	r.gone(b)
	r.stopped(true)
}

// G3: a stop while others are in the same batch, in both orders. Who was served before has its
// answer.
func TestG3AStopInTheMiddleOfABatch(t *testing.T) {
	r := newRig(t)
	a, b := r.user("a"), r.user("b")
	a.say("LIST\n")
	b.say("LIST\n")
	r.k.stop(1)
	r.k.scripted = []Event{
		{a.id, Readable}, {internalID(fakeWake), Readable}, {b.id, Readable}, {internalID(fakeListener), Readable},
	}
	r.turn()
	r.heard(a, "LIST-OK a,b\n")
	r.heard(b, "")
	r.gone(b)
	r.pass(lingerFor)
	r.gone(a)
	r.stopped(true)
}

// G3: a client takes nothing. The stop waits for it for 5 s, no less and no more, without turning.
func TestG3AStopHasABound(t *testing.T) {
	r := newRig(t)
	a, b := r.user("a"), r.user("b")
	b.room = 0
	r.says(a, "SEND b hello\n")
	r.k.stop(1)
	r.rest()
	r.pass(drainTimeout - 1)
	r.stopped(false)
	if r.k.slept != 1 {
		t.Errorf("1 ns before the bound the loop sleeps for %v", r.k.slept)
	}
	r.k.now++
	r.turn()
	r.stopped(true)
}

// G3: a second request ends the loop at once, whether it comes alone or together with the first.
func TestG3TheSecondRequestEndsAtOnce(t *testing.T) {
	for _, together := range []bool{false, true} {
		r := newRig(t)
		a, b := r.user("a"), r.user("b")
		b.room = 0
		r.says(a, "SEND b hello\n")
		if together {
			r.k.stop(2)
		} else {
			r.k.stop(1)
			r.turn()
			r.stopped(false)
			r.k.stop(1)
		}
		r.turn()
		r.stopped(true)
	}
}

// G3: the listener is paused for want of descriptors when the stop comes. It must not be armed
// again: it is closed.
func TestG3AStopWhileAcceptingIsPaused(t *testing.T) {
	r := newRig(t)
	a, b := r.user("a"), r.user("b")
	b.room = 0
	r.says(a, "SEND b hello\n")
	r.k.fail["accept"] = []error{unix.EMFILE}
	r.k.connect()
	r.rest()
	r.k.stop(1)
	r.rest()
	if want := drainTimeout; r.k.slept != want {
		t.Errorf("the loop sleeps for %v, expected %v", r.k.slept, want)
	}
	r.pass(time.Second)
	r.stopped(false)
}

// G3: a spurious event of the wake stops nothing.
func TestB9ASpuriousWakeStopsNothing(t *testing.T) {
	r := newRig(t)
	a := r.user("a")
	r.k.scripted = []Event{{internalID(fakeWake), Readable}}
	r.turn()
	r.stopped(false)
	r.says(a, "LIST\n")
	r.heard(a, "LIST-OK a\n")
	if strings.Contains(r.log.String(), "stopping") {
		t.Errorf("the log says %q", r.log.String())
	}
}
