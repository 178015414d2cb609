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
	r.l.openReserve()
	r.l.BusyReply = []byte("BUSY\n")
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
	if stranger.fd == -1 || last.fd == -1 || r.l.reserve != fakeSpare {
		t.Errorf("with nobody waiting: stranger %d, last %d, spare %d; expected all to have descriptors",
			stranger.fd, last.fd, r.l.reserve)
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
	if r.l.reserve != fakeSpare {
		t.Error("the spare descriptor was not taken again")
	}
}

// C4: with a login timeout, who does not log in goes; who has logged in stays, for ever. Without
// one nobody goes.
func TestC4LoginTimeout(t *testing.T) {
	r := newRig(t)
	r.l.loginTimeouts.after = time.Minute
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
	r.says(more, "SEND ada "+strings.Repeat("w", 60<<10)) // more than 1 MiB, and stalled holds most
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
	if r.l.memory.held() != 0 {
		t.Errorf("%d bytes are counted, and nobody holds any", r.l.memory.held())
	}
	r.says(ada, "LIST\n")
	r.heard(ada, "LIST-OK ada,bob,hoarder0,hoarder1,hoarder2,hoarder3,hoarder4,hoarder5,more\n")
}

// F10: a client sends itself a long line and reads all but its last bytes. What the server keeps for
// it is as small as what is left, and is counted as the memory that it takes.
func TestF10MemoryIsCountedAndGivenBack(t *testing.T) {
	r := newRig(t)
	a := r.user("a")
	a.room = 900 << 10
	r.says(a, "SEND a "+strings.Repeat("x", 900<<10)+"\n")
	c := r.l.slots.Find(a.fd).conn
	if c.out.size > 100 || c.held < c.out.size || c.held > 2*chunkSize {
		t.Errorf("%d bytes are queued and %d are counted, expected at most two chunks", c.out.size, c.held)
	}
	capacity := cap(c.out.spare) + cap(c.in)
	for _, k := range c.out.chunks {
		capacity += cap(k.text)
	}
	if c.held < capacity {
		t.Errorf("%d bytes are counted, and the buffers have %d", c.held, capacity)
	}
}

// F11: clients that read nothing of a long text held less each than a client that reads, and so the
// client that reads was closed. A client without progress goes first, whatever it holds.
func TestF11AStalledClientGoesBeforeAReader(t *testing.T) {
	r := newRig(t)
	r.l.MaxBuffer = 1 << 20
	ada := r.user("ada")
	var stalled []*socket
	for i := range 3 {
		s := r.user(fmt.Sprint("stalled", i))
		s.room = 0
		r.says(ada, fmt.Sprintf("SEND stalled%d %s\n", i, strings.Repeat("x", 200<<10)))
		r.says(s, "LIST\n")
		stalled = append(stalled, s)
		ada = r.user(fmt.Sprint("ada", i))
	}
	r.pass(2 * stalledAfter)
	reader := r.user("reader")
	reader.room = 100 << 10 // it reads at its own pace
	r.says(ada, "SEND reader "+strings.Repeat("y", 700<<10)+"\n")
	for reader.fd != -1 && len(reader.out) < 700<<10 {
		reader.room = 100 << 10
		r.rest()
	}
	if reader.fd == -1 || stalled[0].fd != -1 {
		t.Errorf("descriptors: reader %d, stalled longest %d; expected the reader to stay", reader.fd, stalled[0].fd)
	}
	reader.room = plenty
	r.rest()
	r.heard(ada, "SEND-OK\n")
}

// F8: the connection to close is the first of a class of sizes, which costs no walk through the others.
func TestF8TheVictimIsFoundAtOnce(t *testing.T) {
	var m memory
	conns := make([]conn, 10_000)
	for i := range conns {
		m.update(&conns[i], 100, time.Duration(i))
	}
	m.update(&conns[7000], 4000, 5000)
	if m.victim(0) != &conns[7000] {
		t.Error("the largest is not the victim")
	}
	if m.victim(stalledAfter+1) != &conns[0] {
		t.Error("the one that is stalled longest is not the victim")
	}
}

// F1, D11: two queues hold one text. Its bytes count once in the sum, in full for each of the two, and
// as long as one of them holds it.
func TestF1ASharedTextCountsOnce(t *testing.T) {
	f := protocol.Frame{Text: make([]byte, shareFrom), Shared: new(protocol.Shared)}
	var a, b outQueue
	expect := func(when string, sharedA, sharedB, all int) {
		t.Helper()
		if a.shared != sharedA || b.shared != sharedB || a.change+b.change != all {
			t.Errorf("%s: %d and %d bytes shared, %d counted; expected %d, %d and %d", when,
				a.shared, b.shared, a.change+b.change, sharedA, sharedB, all)
		}
	}
	a.push(&protocol.Frame{Text: []byte("alone\n")})
	a.push(&f)
	expect("one queue", shareFrom, 0, shareFrom)
	b.push(&f)
	expect("two queues", shareFrom, shareFrom, shareFrom)
	a.consume(6, nil)
	a.consume(shareFrom/2, nil)
	expect("half sent", shareFrom, shareFrom, shareFrom)
	a.consume(shareFrom/2, nil)
	expect("sent by one", 0, shareFrom, shareFrom)
	b.discard(nil)
	expect("lost by the other", 0, 0, 0)
}
