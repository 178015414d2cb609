package poller

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chatd/protocol"
)

// withSpare gives the loop a spare descriptor to be given up.
func (r *rig) withSpare() *rig {
	r.k.spares = true
	r.l.takeSpare()
	r.l.Refusal = []byte("BUSY\n")
	return r
}

// fillUp leaves no descriptor but those that are open.
func (r *rig) fillUp() { r.k.limit = len(r.k.sockets) }

// A9: all descriptors are taken, most of them by clients that never log in. The one that has been
// here longest without logging in makes room, users never do, and nobody waits in the backlog.
func TestA9TheOldestStrangerMakesRoom(t *testing.T) {
	r := newRig(t).withSpare()
	user := r.user("user")
	oldest, older, later := r.connect(), r.connect(), r.user("later")
	r.says(oldest, "HELLO-FR") // to speak is not to log in
	r.fillUp()
	first := r.k.connect()
	r.rest()
	r.gone(oldest)
	if first.fd == -1 || older.fd == -1 || user.fd == -1 || later.fd == -1 {
		t.Error("not the oldest stranger has made room, or not for the new one")
	}
	second, third := r.k.connect(), r.k.connect()
	r.rest()
	r.gone(older)
	r.gone(first)
	r.ended("evicted", 3)
	r.says(second, "HELLO-FROM second\nLIST\n")
	r.heard(second, "HELLO second\nLIST-OK user,later,second\n")
	r.says(third, "HELLO-FROM third\n")
	r.heard(third, "HELLO third\n")
	r.logged("evicting", 1)
}

// A9: the last descriptor has been taken, and nobody waits. accept4 says EMFILE all the same, and
// that is no reason for anybody to go.
func TestA9NobodyGoesForNobody(t *testing.T) {
	r := newRig(t).withSpare()
	stranger := r.connect()
	r.fillUp()
	r.k.limit++
	last := r.k.connect()
	r.rest()
	if stranger.fd == -1 || last.fd == -1 || r.l.spare != fakeSpare {
		t.Errorf("with nobody waiting: stranger %d, last %d, spare %d; expected all to have descriptors",
			stranger.fd, last.fd, r.l.spare)
	}
	r.logged("no descriptor left", 0)
}

// A9: strangers come in one moment, more than there are descriptors. The first of them have to make
// room for the last, in the turn in which they came as in any other.
func TestA9StrangersOfOneTurn(t *testing.T) {
	r := newRig(t).withSpare()
	user := r.user("user")
	r.fillUp()
	r.k.limit += 2
	crowd := []*socket{r.k.connect(), r.k.connect(), r.k.connect(), r.k.connect()}
	r.rest()
	r.gone(crowd[0])
	r.gone(crowd[1])
	r.ended("evicted", 2)
	r.says(crowd[3], "HELLO-FROM x\n")
	r.heard(crowd[3], "HELLO x\n")
	r.says(user, "LIST\n")
	r.heard(user, "LIST-OK user,x\n")
}

// A9, D13: a connection that lingers has been told all that it will be told. It goes before any
// stranger.
func TestA9WhoLingersGoesFirst(t *testing.T) {
	r := newRig(t).withSpare()
	stranger, lingers := r.connect(), r.connect()
	r.says(lingers, "nonsense\n")
	r.fillUp()
	r.k.connect()
	r.rest()
	r.gone(lingers)
	if stranger.fd == -1 {
		t.Error("a stranger has made room while somebody lingered")
	}
}

// A1: all descriptors are taken, and by users. Whoever comes is told BUSY on the spare one,
// whatever it has said; the loop does not turn without end, and the log has one line a second.
func TestA1WhoeverComesIsTurnedAway(t *testing.T) {
	r := newRig(t).withSpare()
	user := r.user("user")
	r.fillUp()
	for i := range 5 {
		turned := r.k.connect()
		turned.say("HELLO-FROM x\n")
		r.rest()
		r.gone(turned)
		r.heard(turned, "BUSY\n")
		if len(turned.in) > 0 || !turned.shut {
			t.Errorf("the end of client %d was a reset: %q unread", i, turned.in)
		}
	}
	r.ended("refused", 5)
	r.logged("turning clients away", 1)
	r.says(user, "LIST\n")
	r.heard(user, "LIST-OK user\n")
}

// A1: there is not even the spare descriptor. The listener is paused, and the spare is had again
// when there is room.
func TestA1WithoutASpareTheListenerIsPaused(t *testing.T) {
	r := newRig(t).withSpare()
	r.user("user")
	r.k.limit = 1
	late := r.k.connect()
	r.rest()
	if late.fd != -1 || r.k.slept != acceptPause {
		t.Fatalf("the loop sleeps for %v, expected a pause", r.k.slept)
	}
	r.k.limit = 0
	r.pass(acceptPause)
	r.says(late, "HELLO-FROM late\n")
	r.heard(late, "HELLO late\n")
	if r.l.spare != fakeSpare {
		t.Error("the spare descriptor was not taken again")
	}
}

// C4: with a login timeout, who does not log in goes; who has logged in stays, for ever. Without
// one nobody goes.
func TestC4LoginTimeout(t *testing.T) {
	r := newRig(t)
	r.l.strangers.after = time.Minute
	user, silent := r.user("user"), r.connect()
	r.pass(30 * time.Second)
	talks := r.connect()
	r.pass(30*time.Second - 1)
	r.says(talks, "HELLO-FR")
	if silent.fd == -1 {
		t.Fatal("gone before the login timeout")
	}
	r.pass(1)
	r.gone(silent)
	r.pass(time.Minute)
	r.gone(talks)
	r.pass(24 * time.Hour)
	if user.fd == -1 {
		t.Error("a user has gone for the login timeout")
	}
	r.ended("login_timeout", 2)
	if r.k.slept != Forever {
		t.Errorf("with users alone the loop sleeps for %v, expected for ever", r.k.slept)
	}

	r = newRig(t)
	silent = r.connect()
	r.pass(365 * 24 * time.Hour)
	if silent.fd == -1 || r.k.slept != Forever {
		t.Error("without a login timeout a stranger has gone, or keeps the loop awake")
	}
}

// F1, C3: what is kept for all clients together reaches its bound. Those who hold most are closed,
// one after the other, until it is below: input without an end and output that nobody takes alike.
// Who holds little notices nothing.
func TestF1WhoHoldsMostIsClosed(t *testing.T) {
	r := newRig(t)
	r.l.MaxBuffer = 1 << 20
	ada, bob := r.user("ada"), r.user("bob")
	var hoarders []*socket
	for i := range 6 {
		c := r.user(fmt.Sprint("hoarder", i))
		hoarders = append(hoarders, c)
		r.says(c, "SEND ada "+strings.Repeat("x", (100+i)<<10)) // no end of line: 615 KiB in all
	}
	stalled := r.user("stalled")
	stalled.room = 0
	for range 3 {
		r.says(ada, "SEND bob "+strings.Repeat("y", 10<<10)+"\n")
		r.heard(ada, "SEND-OK\n")
		bob.out = nil
	}
	r.says(bob, "SEND stalled "+strings.Repeat("z", 300<<10)+"\n") // 915 KiB
	more := r.user("more")
	r.says(more, "SEND ada "+strings.Repeat("w", 200<<10)) // 1,115 KiB: too much, and stalled holds most
	r.gone(stalled)
	r.heard(bob, "BAD-DEST-USER\n")
	r.ended("buffer", 1)
	greedy := r.user("greedy")
	r.says(greedy, "SEND ada "+strings.Repeat("v", 500<<10))
	r.gone(greedy)
	hoarders = append(hoarders, more)
	for _, c := range hoarders {
		r.says(c, "\n")
		r.heard(c, "SEND-OK\n")
		ada.out = nil
	}
	r.logged("reason=buffer", 2)
	if r.l.buffered != 0 {
		t.Errorf("%d bytes are counted, and nobody holds any", r.l.buffered)
	}
	r.says(ada, "LIST\n")
	r.heard(ada, "LIST-OK ada,bob,hoarder0,hoarder1,hoarder2,hoarder3,hoarder4,hoarder5,more\n")
}

// F1, D11: two queues keep one text. Its bytes count once, half for each, and as long as one of
// them keeps it; what a queue keeps alone counts for it.
func TestF1ASharedTextCountsOnce(t *testing.T) {
	f := protocol.Frame{Text: make([]byte, shareFrom), Shared: new(protocol.Shared)}
	var a, b outQueue
	a.push(&protocol.Frame{Text: []byte("alone\n")})
	a.push(&f)
	if a.share() != shareFrom+6 || a.own != 6 {
		t.Errorf("one queue: its share is %d, its own %d; expected all, and 6", a.share(), a.own)
	}
	b.push(&f)
	if a.share() != shareFrom/2+6 || b.share() != shareFrom/2 {
		t.Errorf("two queues: shares %d and %d, expected half for each, and 6", a.share(), b.share())
	}
	a.took(6, nil)
	a.took(shareFrom/2, nil)
	if a.own != 0 || f.Shared.Holders != 2 {
		t.Errorf("half sent: own %d, %d holders; expected 0 and 2", a.own, f.Shared.Holders)
	}
	a.took(shareFrom/2, nil)
	b.abandon(nil)
	if f.Shared.Holders != 0 || a.own != 0 || b.own != 0 {
		t.Errorf("sent by one, lost by the other: %d holders, own %d and %d; expected none", f.Shared.Holders, a.own, b.own)
	}
}
