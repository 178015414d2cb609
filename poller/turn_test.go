package poller_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatd/poller"
	"chatd/poller/memkernel"
	"chatd/state"
)

// B1: a signal interrupts a system call. Whichever it is, it is made again, and nothing is logged.
func TestB1InterruptedCallsAreMadeAgain(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"wait", "accept", "read", "write"} {
		r.answer(name, syscall.EINTR, nil, syscall.EINTR)
	}
	a, b := r.pair()
	r.says(a, "SEND b hello\n")
	r.heard(b, "DELIVERY a hello\n")
	r.heard(a, "SEND-OK\n")
	for name, left := range r.answers {
		if len(left) > 0 {
			t.Errorf("%s was not called often enough to be interrupted", name)
		}
	}
	r.silent()
}

func TestAnErrorOfTheWaitEndsTheLoop(t *testing.T) {
	r := newRig(t)
	r.answer("wait", syscall.EBADF)
	if err := r.l.Run(); !errors.Is(err, syscall.EBADF) {
		t.Errorf("Run returned %v, expected %v", err, syscall.EBADF)
	}
}

// B2: an event is older than the connection that has its descriptor now.
func TestB2AStaleEventIsIgnored(t *testing.T) {
	r := newRig(t)
	old := r.user("a")
	fd, id := old.FD, old.ID
	old.Reset()
	r.rest()
	r.gone(old)
	s := r.connect()
	if s.FD != fd {
		t.Fatalf("the new connection has descriptor %d; the test needs %d", s.FD, fd)
	}
	r.k.Calls = nil
	r.batch = events(readable|writable|ended,
		id,
		state.NewID(fd, id.Generation()+1), // the ID of the slot while it was free
		poller.InternalID(fd),
		state.NewID(900_000, 1), // never opened
	)
	r.turn()
	if len(r.k.Calls) > 1 { // the wait
		t.Fatalf("stale events made the loop call %v", r.k.Calls)
	}
	r.asks(s, "HELLO-FROM a\n", "HELLO a\n")
}

// B2: one event of a batch ends the connection of a later one.
func TestB2AnEventOfAConnectionThatEndedInTheBatch(t *testing.T) {
	r := newRig(t)
	a, b := r.pair()
	say(b, "SEND a x\n")
	b.Reset()
	fd := b.FD
	r.k.Calls = nil
	r.batch = events(readable|writable|ended, slices.Repeat([]state.ID{b.ID}, 5)...)
	r.turn()
	r.gone(b)
	if times, _ := r.called("close", fd); times != 1 {
		t.Errorf("the connection was closed %d times, expected once", times)
	}
	r.asks(a, "LIST\n", "DELIVERY b x\nLIST-OK a\n")
}

// B2: one client's input makes the machine close another, which has input of its own in the same
// batch. Nothing of that is executed.
func TestB2AClientThatIsClosedByAnothersInput(t *testing.T) {
	m := new(crossMachine)
	r := newRigWith(t, poller.Config{Machine: m})
	a, b := r.connect(), r.connect()
	m.slots = [2]int{a.FD, b.FD}
	say(a, "farewell\n")
	say(b, "ignored\n")
	r.batch = events(readable, a.ID, b.ID)
	r.rest()
	r.heard(b, "farewell")
	r.heard(a, "")
	r.pass(poller.LingerTime)
	r.gone(b)
}

// B3: within one batch a connection ends, a new one is accepted, and an event of the first one
// follows. The descriptor is closed at the end of the turn, so the new one cannot have it.
func TestB3NoDescriptorIsUsedAgainWithinABatch(t *testing.T) {
	r := newRig(t)
	old := r.user("a")
	fd := old.FD
	old.Reset()
	s := r.k.Connect()
	r.k.Calls = nil
	r.batch = events(readable|ended, old.ID, listenerID, old.ID)
	r.turn()
	r.gone(old)
	r.stays(s)
	if s.FD == fd {
		t.Fatalf("the new connection has descriptor %d too", fd)
	}
	closed := false
	for _, c := range r.k.Calls {
		if closed = closed || c.Name == "close"; closed && c.Name == "add" {
			t.Errorf("closed in the middle of the turn: %v", r.k.Calls)
		}
	}
	r.asks(s, "HELLO-FROM a\nLIST\n", "HELLO a\nLIST-OK a\n")
}

// B4: a connection ends by a write error while its requests are still being answered. Nothing is
// written to it afterwards, and it is closed once.
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
			a, b := r.pair()
			fd := a.FD
			say(a, said)
			a.Reset() // after what has been said, which can still be read
			r.rest()
			r.gone(a)
			if times, _ := r.called("close", fd); times != 1 {
				t.Errorf("closed %d times, expected once", times)
			}
			b.Read(make([]byte, 1<<20))
			r.asks(b, "LIST\nSEND a x\n", "LIST-OK b\nBAD-DEST-USER\n")
		})
	}
}

// paused makes a sender that is not read, because a reply to it is pending, and its target.
func paused(t *testing.T) (r *rig, sender, target *client) {
	t.Helper()
	r = newRig(t)
	sender, target = r.user("sender"), r.user("target")
	stall(target, 3)
	r.says(sender, "SEND target hello\n")
	if sender.Interest != 0 {
		t.Fatalf("the loop waits for %02b; the test needs a client that is not waited for", sender.Interest)
	}
	return r, sender, target
}

// B5: a client that is not waited for resets. The kernel reports that unasked, in every turn until
// the connection is closed.
func TestB5AResetWhilePausedEndsTheConnection(t *testing.T) {
	r, sender, target := paused(t)
	sender.Reset()
	if turns := r.rest(); turns != 1 {
		t.Errorf("%d turns had work to do, expected 1", turns)
	}
	r.gone(sender)
	unstall(target)
	r.asks(target, "LIST\n", "DELIVERY sender hello\nLIST-OK target\n")
}

// B6: a client that is not waited for half-closes. That is not asked about, or it would be reported
// for ever; it is found when the client is read again, and the client has its answers before it is
// closed.
func TestB6AHalfCloseWhilePausedIsFoundLater(t *testing.T) {
	r, sender, target := paused(t)
	say(sender, "LIST\n")
	sender.CloseWrite()
	if turns := r.rest(); turns != 0 {
		t.Errorf("%d turns had work to do, expected none", turns)
	}
	r.unstall(target)
	r.heard(target, "DELIVERY sender hello\n")
	r.heard(sender, "SEND-OK\nLIST-OK sender,target\n")
	r.gone(sender)
}

// B7: with nothing left to write, writability is not asked about, or it would be reported for ever.
func TestB7AQueueThatHasLeftWakesTheLoopNoMore(t *testing.T) {
	r, _, target := paused(t)
	if target.Interest != readable|writable {
		t.Errorf("with something queued the loop waits for %02b, expected both", target.Interest)
	}
	unstall(target)
	if turns := r.rest(); turns > 2 {
		t.Errorf("%d turns had work to do, expected at most 2", turns)
	}
	if target.Interest != readable {
		t.Errorf("afterwards the loop waits for %02b, expected readable", target.Interest)
	}
	r.sleeps(forever)
}

// B9: the kernel reports a connection ready, and read and write say that it is not.
func TestB9SpuriousReadinessChangesNothing(t *testing.T) {
	r := newRig(t)
	a, b := r.pair()
	stall(b, 3)
	r.says(a, "SEND b hello\n")
	for range 5 {
		r.batch = append(events(readable, a.ID), append(events(writable, b.ID), events(readable|writable, b.ID)...)...)
		r.turn()
	}
	r.heard(a, "")
	r.unsent(b, "DEL")
	r.unstall(b)
	r.heard(b, "DELIVERY a hello\n")
	r.heard(a, "SEND-OK\n")
	r.silent()
}

// B10: more connections are always ready than a turn takes events. All are served in as many turns
// as there are shares of events, in whichever way the kernel orders them.
func TestB10EachIsServedWhenAllAreReady(t *testing.T) {
	for _, method := range []string{"epoll", "poll", "select"} {
		r := (&rig{method: method}).begin(t, poller.Config{})
		var clients []*client
		for range poller.EventsPerTurn + 50 {
			clients = append(clients, r.connect())
		}
		flood := "HELLO-FROM , " + strings.Repeat("x", 3*poller.ReadSize) // each stays ready for three turns
		for _, s := range clients {
			say(s, flood)
		}
		r.turn()
		r.turn()
		for i, s := range clients {
			if len(s.Received) == len(flood) {
				t.Fatalf("%s: after two turns client %d of %d has not been served", method, i, len(clients))
			}
		}
	}
}

// F12: every batch is full for a long time. The timeouts of silent clients were never judged.
func TestF12FullBatchesDoNotStopTimeouts(t *testing.T) {
	r := newRigWith(t, poller.Config{LoginTimeout: time.Minute})
	silent := r.connect()
	var busy []*client
	for i := range poller.EventsPerTurn + 50 {
		busy = append(busy, r.user(fmt.Sprint(i)))
	}
	r.k.Advance(2 * time.Minute)
	for turn := 0; !silent.Closed; turn++ {
		for _, s := range busy {
			if len(s.Received) == 0 {
				say(s, "LIST\n")
			}
			s.Arrived = s.Arrived[:0]
		}
		if r.turn(); turn > 4 {
			t.Fatalf("after %d full batches the login timeout has not expired", turn)
		}
	}
}

// B13: the process is stopped when Wait has its batch and the loop has not looked at the clock. A client
// that logs in meanwhile was closed for the login timeout: it was in no batch yet.
func TestB13AStopBetweenWaitAndTheClock(t *testing.T) {
	r := newRigWith(t, poller.Config{LoginTimeout: time.Minute})
	a, b := r.connect(), r.connect()
	say(a, "HELLO-FROM a\n")
	r.batch = events(readable, a.ID)
	r.absence = func() {
		say(b, "HELLO-FROM b\n")
		r.k.Advance(2 * time.Minute)
	}
	r.turn()
	r.stays(b)
	r.rest()
	r.heard(b, "HELLO b\n")
	r.heard(a, "HELLO a\n")
}

// B13: the process was stopped for longer than the login timeout, with two listeners. One full batch has
// events of both, of the wake, and of all clients but one, whose login must be read before it is judged.
func TestB13AFullBatchWithTwoListenersSeesNotEveryClient(t *testing.T) {
	r := (&rig{reserve: true, second: true}).begin(t, poller.Config{LoginTimeout: time.Minute})
	batch := events(readable, state.NewID(memkernel.Listener, 0), state.NewID(memkernel.Wake, 0))
	var last *client
	for i := range poller.EventsPerTurn - 2 {
		last = r.connect()
		say(last, fmt.Sprintf("HELLO-FROM %d\n", i))
		batch = append(batch, events(readable, last.ID)...)
	}
	r.k.Advance(2 * time.Minute)
	r.batch = batch[:poller.EventsPerTurn]
	r.batch[poller.EventsPerTurn-1] = poller.Event{ID: state.NewID(memkernel.Listener, 0), Ready: readable}
	r.turn()
	r.stays(last)
	r.rest()
	r.heard(last, fmt.Sprintf("HELLO %d\n", poller.EventsPerTurn-3))
}

// B11, B16: one client floods small commands. It has at most one read and a few lines a turn, and others
// are answered in every turn, not after it.
func TestB11AFlooderHasItsShareOfATurn(t *testing.T) {
	r := newRig(t)
	flooder := r.user("f")
	a, b := r.pair()
	const lines = 20_000
	say(flooder, strings.Repeat("LIST\n", lines))
	for turn := range 10 {
		r.k.Calls = nil
		say(a, "SEND b hello\n")
		r.turn()
		if times, n := r.called("read", flooder.FD); times > 1 || n > poller.ReadSize {
			t.Fatalf("turn %d: %d reads of the flooder, %d bytes; expected 1 of at most %d", turn, times, n, poller.ReadSize)
		}
		if _, n := r.called("write", flooder.FD); n != poller.LinesPerTurn*len("LIST-OK f,a,b\n") {
			t.Fatalf("turn %d: %d bytes of answers to the flooder, expected those to %d lines", turn, n, poller.LinesPerTurn)
		}
		r.heard(b, "DELIVERY a hello\n")
		r.heard(a, "SEND-OK\n")
	}
	r.rest()
	r.heard(flooder, strings.Repeat("LIST-OK f,a,b\n", lines))
}

// B16: many clients flood bare line ends. 1,000 of them raised the median of a message between two others
// to half a second: each turn executed lines of all of them, and the events of a turn were theirs.
func TestB16ManyFloodersHaveTheirShareOfATurn(t *testing.T) {
	r := newRig(t)
	a, b := r.pair()
	const flooders, each = 600, 10 * poller.LinesPerTurn
	var all []*client
	for i := range flooders {
		all = append(all, r.user(fmt.Sprint(i)))
	}
	for _, f := range all {
		say(f, strings.Repeat("\n", each))
	}
	for range flooders/poller.EventsPerTurn + 2 { // until each has been read once
		r.turn()
	}
	for turn := range 20 {
		r.k.Calls = nil
		say(a, "SEND b hello\n")
		r.turn()
		r.heard(b, "DELIVERY a hello\n")
		r.heard(a, "SEND-OK\n")
		writes := 0
		for _, c := range r.k.Calls {
			if c.Name == "write" {
				writes++
			}
		}
		if writes != poller.ResumedAtOnce+2 {
			t.Fatalf("turn %d: %d clients were written to, expected the pair and %d flooders", turn, writes, poller.ResumedAtOnce)
		}
	}
	r.rest()
	for _, f := range all { // each of them in its turn
		r.heard(f, strings.Repeat("BAD-RQST-HDR\n", each))
	}
}

// B12: input is kept because a reply is pending, and no event will ever come for it again. When the
// reply has left, the rest is executed.
func TestB12KeptInputIsResumedWithoutANewEvent(t *testing.T) {
	r := newRig(t)
	a, b := r.pair()
	stall(b, 0)
	r.asks(a, "SEND b hello\nLIST\nLIST\nSEND a x\nLIST\n", "")
	if len(a.Received) > 0 {
		t.Fatalf("%q has not been read; the test needs it read and kept", a.Received)
	}
	r.unstall(b)
	r.heard(b, "DELIVERY a hello\n")
	r.heard(a, "SEND-OK\nLIST-OK a,b\nLIST-OK a,b\nDELIVERY a x\nSEND-OK\nLIST-OK a,b\n")

	stall(b, 0) // and when what was kept is the beginning of a line
	r.says(a, "SEND b hello\nLIST\nLI")
	r.unstall(b)
	r.heard(a, "SEND-OK\nLIST-OK a,b\n")
	r.asks(a, "ST\n", "LIST-OK a,b\n")
}

// B13: the process was stopped for longer than the send timeout. A client that has room again when it
// goes on is not closed; also if the first wait ends with EINTR and reports nothing (signal(7),
// "Interruption of system calls by stop signals").
func TestB13ProgressIsSeenBeforeTimeouts(t *testing.T) {
	for _, interrupted := range []bool{false, true} {
		r, a, b := undelivered(t)
		stall(b, 5)
		if interrupted {
			r.answer("wait", syscall.EINTR)
		}
		r.pass(2 * sendTimeout)
		r.unsent(b, "DELIV")
		r.unstall(b)
		r.heard(b, "DELIVERY a hello\n")
		r.heard(a, "SEND-OK\n")
		r.logged("reason=", 0)
	}
}

// B14: no timeout depends on any clock but the kernel's, which stands still here.
func TestB14WithoutTimeNothingExpires(t *testing.T) {
	r, _, _ := undelivered(t)
	s := r.connect()
	r.says(s, "\n")
	for range 1000 {
		r.turn()
	}
	r.sleeps(poller.LingerTime)
	r.pass(poller.LingerTime)
	r.gone(s)
	r.sleeps(sendTimeout - poller.LingerTime)
}

// B15: with a timeout 0.4 ms ahead the loop sleeps once, and then keeps it; one that is past does not
// make it sleep at all.
func TestB15ATimeoutUnderAMillisecondTakesOneSleep(t *testing.T) {
	r := newRig(t)
	s := rejected(r)
	r.pass(poller.LingerTime - 400*time.Microsecond)
	r.sleeps(400 * time.Microsecond)
	r.k.Advance(time.Millisecond) // what the kernel makes of 0.4 ms
	r.turn()
	r.gone(s)
	r.turn()
	r.sleeps(forever)
}

// At rest the loop sleeps without a timeout, however many are connected. (Each turn is checked to
// leave nothing of a connection that is idle.)
func TestAnIdleLoopNeverWakes(t *testing.T) {
	r := newRig(t)
	for i := range 100 {
		s := r.user(fmt.Sprint(i))
		r.says(s, fmt.Sprintf("SEND %d x\n", i))
	}
	r.sleeps(forever)
}

// permutations visits all orders of events.
func permutations(batch []poller.Event, visit func([]poller.Event)) {
	var place func(k int)
	place = func(k int) {
		if k == len(batch) {
			visit(batch)
		}
		for i := k; i < len(batch); i++ {
			batch[k], batch[i] = batch[i], batch[k]
			place(k + 1)
			batch[k], batch[i] = batch[i], batch[k]
		}
	}
	place(0)
}

// inEveryOrder runs a test for each order of a batch of which the test makes the events.
func inEveryOrder(t *testing.T, n int, test func(r *rig, batch func(clients ...*client))) {
	numbers := make([]poller.Event, n)
	for i := range numbers {
		numbers[i].ID = state.ID(i)
	}
	permutations(numbers, func(order []poller.Event) {
		r := newRig(t)
		test(r, func(clients ...*client) {
			for _, e := range order {
				r.batch = append(r.batch, events(readable, clients[e.ID].ID)...)
			}
		})
	})
}

// H2: in one batch the target ends, or resets, and messages to it come, in every order. Each has
// one answer, SEND-OK only if the target was handed the message, and no ghost stays in the list.
func TestH2TheTargetEndsInTheBatchOfASend(t *testing.T) {
	for _, reset := range []bool{false, true} {
		inEveryOrder(t, 3, func(r *rig, batch func(clients ...*client)) {
			target, a, b := r.user("target"), r.user("a"), r.user("b")
			if target.CloseWrite(); reset {
				target.Reset()
			}
			say(a, "SEND target x\n")
			say(b, "SEND target x\n")
			batch(target, a, b)
			r.rest()
			r.gone(target)
			heard := strings.Count(string(target.Arrived), " x\n")
			for _, s := range []*client{a, b} {
				switch string(s.Arrived) {
				case "SEND-OK\n":
					heard--
				case "BAD-DEST-USER\n":
				default:
					t.Fatalf("the sender heard %q, expected one answer", s.Arrived)
				}
				r.heard(s, string(s.Arrived))
			}
			if heard != 0 {
				t.Fatalf("%d deliveries more than SEND-OK", heard)
			}
			r.asks(a, "LIST\n", "LIST-OK a,b\n")
		})
	}
}

// H3: in one batch a user ends and two new clients ask for its name. Either order of answers is right;
// the list has the name as often as there is a user of that name.
func TestH3ANameIsAskedForWhenItsHolderEnds(t *testing.T) {
	inEveryOrder(t, 3, func(r *rig, batch func(clients ...*client)) {
		b, holder, first, second := r.user("b"), r.user("a"), r.connect(), r.connect()
		holder.CloseWrite()
		say(first, "HELLO-FROM a\n")
		say(second, "HELLO-FROM a\n")
		batch(holder, first, second)
		r.rest()
		r.gone(holder)
		want := "LIST-OK b\n"
		for _, s := range []*client{first, second} {
			switch string(s.Arrived) {
			case "HELLO a\n":
				want = "LIST-OK b,a\n"
			case "IN-USE\n":
			default:
				t.Fatalf("a new client heard %q", s.Arrived)
			}
		}
		r.asks(b, "LIST\n", want)
	})
}

// H3: connections come and go on one descriptor, and no ID comes again.
func TestH3DescriptorsAreUsedAgainAndIDsAreNot(t *testing.T) {
	r := newRig(t)
	ids := map[state.ID]bool{}
	for i := range 500 {
		s := r.user("a")
		if s.FD != 5 {
			t.Fatalf("connection %d has descriptor %d; the test needs 5 used again", i, s.FD)
		}
		ids[s.ID] = true
		switch i % 3 {
		case 0:
			say(s, "SEND a x\n")
		case 1:
			r.k.Advance(time.Second)
		}
		if i%2 == 0 {
			s.CloseWrite()
		} else {
			s.Reset()
		}
		r.rest()
		r.gone(s)
	}
	if len(ids) != 500 {
		t.Errorf("500 connections had %d IDs", len(ids))
	}
}
