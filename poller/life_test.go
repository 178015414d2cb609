package poller

import (
	"slices"
	"strings"
	"testing"
	"time"

	"chatd/protocol"
	"chatd/state"
)

// B2: an event is older than the connection that has its descriptor now.
func TestB2AStaleEventReachesNobody(t *testing.T) {
	r := newRig(t)
	old := r.user("a")
	fd, id := old.fd, old.id
	old.reset = true
	r.rest()
	r.gone(old)
	s := r.connect()
	if s.fd != fd {
		t.Fatalf("the new connection has descriptor %d; the test needs %d", s.fd, fd)
	}
	r.k.calls = nil
	r.k.scripted = []Event{
		{id, Readable | Writable | Ended},
		{state.NewID(fd, id.Generation()+1), Readable | Ended}, // the ID of the slot while it was free
		{internalID(fd), Readable | Ended},
		{state.NewID(900_000, 1), Readable | Ended}, // never opened
	}
	r.turn()
	if len(r.k.calls) > 0 {
		t.Fatalf("stale events made the loop call %v", r.k.calls)
	}
	r.says(s, "HELLO-FROM a\n")
	r.heard(s, "HELLO a\n")
}

// B2: one event of a batch ends the connection of a later one.
func TestB2AnEventOfAConnectionThatEndedInTheBatch(t *testing.T) {
	r := newRig(t)
	a, b := r.user("a"), r.user("b")
	b.reset = true
	b.say("SEND a x\n")
	fd := b.fd
	r.k.calls = nil
	r.k.scripted = slices.Repeat([]Event{{b.id, Readable | Writable | Ended}}, 5)
	r.turn()
	r.gone(b)
	if times, _ := r.k.called("close", fd); times != 1 {
		t.Errorf("the connection was closed %d times, expected once", times)
	}
	r.says(a, "LIST\n")
	r.heard(a, "DELIVERY b x\nLIST-OK a\n")
}

// A parting is a Machine whose clients end each other: what one says goes to the other as its last
// frame.
type parting struct{ ids []state.ID }

func (p *parting) Open(id state.ID)                                 { p.ids = append(p.ids, id) }
func (p *parting) Held(state.ID) int                                { return 0 }
func (*parting) Users() int                                         { return 0 }
func (p *parting) Close(state.ID)                                   {}
func (p *parting) Complete(protocol.Receipt, bool) []protocol.Frame { return nil }

func (p *parting) Input(id state.ID, in []byte) (int, []protocol.Frame) {
	other := p.ids[0]
	if id == other {
		other = p.ids[1]
	}
	return len(in), []protocol.Frame{{To: other, Text: in, Last: protocol.InUse}}
}

// B2: one client's input makes the machine close another, which has input of its own in the same
// batch. Nothing of that is carried out.
func TestB2AClientThatIsClosedByAnothersInput(t *testing.T) {
	r := newRigFor(t, new(parting))
	a, b := r.connect(), r.connect()
	a.say("farewell")
	b.say("unheard")
	r.k.scripted = []Event{{a.id, Readable}, {b.id, Readable}}
	r.rest()
	r.heard(b, "farewell")
	r.heard(a, "")
	r.pass(lingerFor)
	r.gone(b)
}

// B3: within one batch a connection ends, a new one is accepted, and an event of the first one
// follows. The descriptor is closed at the end of the turn, so the new one cannot have it.
func TestB3NoDescriptorIsUsedAgainWithinABatch(t *testing.T) {
	r := newRig(t)
	old := r.user("a")
	fd, id := old.fd, old.id
	old.reset = true
	s := r.k.connect()
	r.k.calls = nil
	r.k.scripted = []Event{
		{id, Readable | Ended}, {internalID(fakeListener), Readable}, {id, Readable | Writable | Ended},
	}
	r.turn()
	r.gone(old)
	if s.fd == fd || s.fd == -1 {
		t.Fatalf("the new connection has descriptor %d, expected one, and not %d", s.fd, fd)
	}
	order := func(name string) int {
		return slices.IndexFunc(r.k.calls, func(c call) bool { return c.name == name })
	}
	if order("close") < order("add") {
		t.Errorf("closed in the middle of the turn: %v", r.k.calls)
	}
	r.says(s, "HELLO-FROM a\nLIST\n")
	r.heard(s, "HELLO a\nLIST-OK a\n")
}

// B4: a connection ends by a write error while what its client said is still being answered.
// Nothing is written to it afterwards (the fake kernel knows no closed descriptor), and it is
// closed once.
func TestB4AConnectionThatDiesOfItsOwnAnswers(t *testing.T) {
	for name, said := range map[string]string{
		"to itself":     strings.Repeat("SEND a x\n", 100),
		"answers":       strings.Repeat("LIST\n", 100),
		"both":          strings.Repeat("SEND a x\nLIST\nSEND b y\n", 100),
		"half a line":   "SEND b",
		"kept input":    strings.Repeat("SEND b "+strings.Repeat("y", 1000)+"\n", 500),
		"too many LIST": strings.Repeat("LIST\n", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			a, b := r.user("a"), r.user("b")
			fd := a.fd
			a.say(said)
			a.reset = true // after what has been said, which can still be read
			r.rest()
			r.gone(a)
			if times, _ := r.k.called("close", fd); times != 1 {
				t.Errorf("closed %d times, expected once", times)
			}
			b.out = nil
			r.says(b, "LIST\nSEND a x\n")
			r.heard(b, "LIST-OK b\nBAD-DEST-USER\n")
		})
	}
}

// paused makes a connection that is not read, because a reply is owed to it, and the one that owes
// it.
func paused(r *rig) (sender, target *socket) {
	r.t.Helper()
	sender, target = r.user("sender"), r.user("target")
	target.room = 3
	r.says(sender, "SEND target hello\n")
	target.out = nil
	if sender.interest != 0 {
		r.t.Fatalf("the kernel waits for %02b; the test needs a client that is not waited for", sender.interest)
	}
	return sender, target
}

// B5: a client that is not waited for resets. The kernel reports that unasked, in every turn until
// the connection is closed.
func TestB5AResetWhilePausedEndsTheConnection(t *testing.T) {
	r := newRig(t)
	sender, target := paused(r)
	sender.reset = true
	if turns := r.rest(); turns != 1 {
		t.Errorf("%d turns had work to do, expected 1", turns)
	}
	r.gone(sender)
	target.room = plenty
	r.says(target, "LIST\n")
	r.heard(target, "IVERY sender hello\nLIST-OK target\n")
}

// B6: a client that is not waited for half-closes. That is not asked about, or it would be reported
// for ever; it is found when the client is read again, and the client has its answers before it is
// closed.
func TestB6AHalfCloseWhilePausedIsFoundLater(t *testing.T) {
	r := newRig(t)
	sender, target := paused(r)
	sender.say("LIST\n")
	sender.eof = true
	if turns := r.rest(); turns != 0 {
		t.Errorf("%d turns had work to do, expected none", turns)
	}
	target.room = plenty
	r.rest()
	r.heard(target, "IVERY sender hello\n")
	r.heard(sender, "SEND-OK\nLIST-OK sender,target\n")
	r.gone(sender)
}

// B7: with nothing left to write, writability is not asked about, or it would be reported for ever.
func TestB7AQueueThatHasLeftWakesNobody(t *testing.T) {
	r := newRig(t)
	_, target := paused(r)
	if target.interest != Readable|Writable {
		t.Errorf("with something queued the kernel waits for %02b, expected both", target.interest)
	}
	target.room = plenty
	if turns := r.rest(); turns > 2 {
		t.Errorf("%d turns had work to do, expected at most 2", turns)
	}
	if target.interest != Readable || r.k.slept != Forever {
		t.Errorf("afterwards it waits for %02b, for %v", target.interest, r.k.slept)
	}
}

// C12: a client writes, half-closes and reads. It has all its answers, then its name is free and
// the connection closed: its end has been read, so there is nothing to linger for.
func TestC12AHalfClosedClientHasItsAnswers(t *testing.T) {
	r := newRig(t)
	b := r.user("b")
	s := r.k.connect()
	s.say("HELLO-FROM a\nSEND b hello\nLIST\nLIS")
	s.eof = true
	b.room = 0
	r.rest()
	r.heard(s, "HELLO a\n") // the reply to SEND is owed, and LIST queues behind it
	r.pass(time.Second)
	b.room, s.room = plenty, 4
	r.rest()
	r.heard(s, "SEND") // the end of its input has been read, and its answers are still on the way
	s.room = plenty
	r.rest()
	r.heard(s, "-OK\nLIST-OK b,a\n")
	r.gone(s)
	r.says(b, "LIST\n")
	r.heard(b, "DELIVERY a hello\nLIST-OK b\n")
}
