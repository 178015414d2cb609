package poller_test

import (
	"log/slog"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatd/poller"
	"chatd/poller/memkernel"
	"chatd/protocol"
)

// C12: a client writes, half-closes and reads. It has all its answers, then its name is free and
// the connection closed: its end has been read, so there is nothing to linger for.
func TestC12AHalfClosedClientHasItsAnswers(t *testing.T) {
	r := newRig(t)
	b := r.user("b")
	s := r.k.Connect()
	say(s, "HELLO-FROM a\nSEND b hello\nLIST\nLIS")
	s.CloseWrite()
	stall(b, 0)
	r.rest()
	r.heard(s, "HELLO a\n") // the reply to SEND is pending, and LIST waits behind it
	r.pass(time.Second)
	unstall(b)
	stall(s, 4)
	r.rest()
	r.unsent(s, "SEND") // the end of its input has been read, and its answers are still on the way
	r.unstall(s)
	r.heard(s, "SEND-OK\nLIST-OK b,a\n")
	r.gone(s)
	r.asks(b, "LIST\n", "DELIVERY a hello\nLIST-OK b\n")
}

// rejected makes a connection that lingers: it sent a line that closes, with more behind it.
func rejected(r *rig) *client {
	r.t.Helper()
	s := r.connect()
	r.asks(s, "GET / HTTP/1.1\nHELLO-FROM a\n", "BAD-RQST-HDR\n")
	r.stays(s)
	if !s.Shut {
		r.t.Fatal("the write side is not shut")
	}
	return s
}

// B8: with both directions shut, or after a reset, the kernel reports that for ever. The connection is
// closed as soon as the end is read.
func TestB8LingeringEndsWithTheInput(t *testing.T) {
	for _, end := range []func(*client){(*client).CloseWrite, (*client).Reset} {
		r := newRig(t)
		s := rejected(r)
		end(s)
		if turns := r.rest(); turns != 1 {
			t.Errorf("%d turns had work to do, expected 1", turns)
		}
		r.gone(s)
		r.sleeps(forever)
	}
}

// B8: the client does not end its stream.
func TestB8LingeringEndsAfterTwoSeconds(t *testing.T) {
	r := newRig(t)
	s := rejected(r)
	r.pass(poller.LingerTime - time.Second)
	r.says(s, "more") // gives no more time
	r.pass(time.Second - 1)
	r.stays(s)
	r.pass(1)
	r.gone(s)
	r.heard(s, "")
}

// D17: after an answer that closes, 64 KiB more of input ended the lingering with a reset, which can
// destroy the answer. Only time ends it, and none of the input is stored.
func TestD17BytesDoNotEndTheLingering(t *testing.T) {
	r := newRig(t)
	s := rejected(r)
	for range 10 {
		r.says(s, strings.Repeat("x", 1<<20))
		r.stays(s)
		if n := r.l.Buffered(); n > poller.ReadSize {
			t.Errorf("%d bytes of its input are kept", n)
		}
	}
	r.pass(poller.LingerTime)
	r.gone(s)
}

// D13: close(2) with unread input sends a reset, which destroys an answer on its way. So the answer
// leaves, then the write side is shut, and the rest of the input is read before the descriptor is
// closed.
func TestD13InputAfterTheLastAnswerIsReadBeforeClosing(t *testing.T) {
	r := newRig(t)
	s := r.k.Connect()
	say(s, "x\n"+strings.Repeat("SEND b x\n", 5000)) // three reads
	s.CloseWrite()
	r.rest()
	r.heard(s, "BAD-RQST-HDR\n")
	r.gone(s)
	if !s.Finished() {
		t.Error("the client's end is a reset")
	}
	var order []string
	for _, c := range r.k.Calls {
		if slices.Contains([]string{"add", "read", "write", "shutdown", "close"}, c.Name) && c.FD == 5 &&
			(len(order) == 0 || order[len(order)-1] != c.Name) {
			order = append(order, c.Name)
		}
	}
	if want := []string{"add", "read", "write", "shutdown", "read", "close"}; !slices.Equal(order, want) {
		t.Errorf("the calls were %v, expected %v", order, want)
	}
}

// D13: a last answer that the kernel cannot take yet leaves whole when it can; if it never can, the
// send timeout ends the connection.
func TestD13TheLastAnswerIsWrittenFirst(t *testing.T) {
	for _, taken := range []bool{true, false} {
		r := newRig(t)
		s := r.k.Connect()
		stall(s, 4)
		say(s, "x\n")
		r.rest()
		r.unsent(s, "BAD-")
		if s.Shut {
			t.Fatal("the write side was shut before the answer had left")
		}
		if !taken {
			r.pass(sendTimeout)
			r.gone(s)
			r.logged("reason=send_timeout", 1)
			continue
		}
		r.unstall(s)
		r.heard(s, "BAD-RQST-HDR\n")
		r.pass(poller.LingerTime)
		r.gone(s)
	}
}

// D15: a user's name is free while its last bytes are still on the way, and another client takes it.
// The old bytes go to the old connection, new messages to the new one.
func TestD15OldBytesGoToTheOldConnection(t *testing.T) {
	r := newRig(t)
	old, b := r.pair()
	stall(old, 9)
	r.says(b, "SEND a old\n")
	old.CloseWrite()
	r.rest()
	fresh, c := r.user("a"), r.user("c")
	r.says(c, "SEND a new\n")
	r.heard(fresh, "DELIVERY c new\n")
	r.heard(c, "SEND-OK\n")
	r.heard(b, "")
	r.unstall(old)
	r.heard(old, "DELIVERY b old\n")
	r.heard(b, "SEND-OK\n")
	r.gone(old)
	r.asks(c, "LIST\n", "LIST-OK b,a,c\n")
}

// Every connection ends for one reason, the first, and is counted under it.
func TestReasons(t *testing.T) {
	r := newRig(t)
	user := r.user("user")
	r.says(r.connect(), "nonsense\n")
	r.says(r.connect(), "HELLO-FROM user\n")
	r.pass(poller.LingerTime)
	r.ended("bad_login", 1)
	r.ended("in_use", 1)
	leaves := r.connect()
	leaves.CloseWrite()
	r.rest()
	r.ended("eof", 1)
	user.Reset()
	r.rest()
	r.ended("reset", 1)
	r.answer("add", syscall.ENOSPC)
	r.connect()
	r.ended("refused", 1)
	r.connect()
	r.user("last")
	r.k.Signal(1, 0)
	r.turn()
	r.ended("shutdown", 2)
	r.stopped(true)
}

// G3: asked to stop with nothing queued, the loop is done in one turn.
func TestG3WithNothingQueuedAStopTakesOneTurn(t *testing.T) {
	r := newRig(t)
	a, silent := r.user("a"), r.connect()
	r.k.Signal(1, 0)
	r.stopped(false)
	r.turn()
	r.stopped(true)
	r.gone(a, silent)
	if r.k.Find(memkernel.Listener) != nil {
		t.Error("the listener is still open")
	}
	if interest := slices.IndexFunc(r.k.Calls, func(c memkernel.Call) bool {
		return c.Name == "modify" && c.FD == memkernel.Listener && c.Interest == 0
	}); interest < 0 {
		t.Error("the listener, which a service manager may keep open, is still waited for")
	}
	r.logged("stopping", 1)
	if n := r.l.Machine.Users(); n > 0 {
		t.Errorf("%d users are logged in after all", n)
	}
}

// G18: a stop lost messages that were answered SEND-OK. The client was idle for the loop, but the
// kernel still had bytes for it; it said something after close(2), and the reset destroyed them.
func TestG18AStopWaitsForWhatIsUnacknowledged(t *testing.T) {
	r := newRig(t)
	a, b := r.pair()
	stall(b, 100)
	r.asks(a, "SEND b hello\n", "SEND-OK\n")
	r.k.Signal(1, 0)
	r.turn()
	r.gone(a)
	r.stays(b)
	r.says(b, "LIST\n") // if b were closed, or this not read, that would be a reset
	r.pass(poller.LingerTime)
	r.stays(b)
	unstall(b)
	r.pass(poller.LingerTime)
	r.gone(b)
	r.heard(b, "DELIVERY a hello\n")
	if !b.Finished() {
		t.Error("the client's end is a reset")
	}
	r.stopped(true)
}

// G18: a login timeout that expired in the turn of the stop closed a client at once, although the kernel
// still had its BUSY. From the stop on, only the drain timeout counts.
func TestG18AStopEndsTheLoginTimeouts(t *testing.T) {
	r := newRigWith(t, poller.Config{
		LoginTimeout: 10 * time.Second, Machine: protocol.NewMachine(protocol.Limits{Users: 1, Line: 100, Name: 10}),
	})
	r.user("a")
	s := r.connect()
	stall(s, 100)
	r.says(s, "HELLO-FROM b\n")
	r.k.Signal(1, 0)
	r.k.Advance(10 * time.Second)
	r.turn()
	r.stays(s)
	unstall(s)
	r.pass(poller.LingerTime)
	r.gone(s)
	r.heard(s, "BUSY\n")
	r.ended("shutdown", 2)
}

// G3: what is queued still leaves, and its receipts are completed; nothing new is accepted, read or
// executed.
func TestG3AStopDrainsWhatIsQueued(t *testing.T) {
	r := newRig(t)
	a, b := r.pair()
	stall(b, 5)
	r.says(a, "SEND b hello\nLIST\nLIST\n") // the second LIST is kept
	r.k.Signal(1, 0)
	r.batch = events(readable, wakeID)
	r.turn()
	late := r.k.Connect()
	say(a, "SEND b late\n")
	say(b, "SEND a late\n")
	r.rest()
	r.stopped(false)
	if late.FD != -1 {
		t.Error("a connection was accepted after the stop")
	}
	r.unstall(b)
	r.heard(b, "DELIVERY a hello\n")
	r.heard(a, "SEND-OK\nLIST-OK a\n") // b will say nothing more and so is logged out
	if !a.Shut || !b.Shut {
		t.Errorf("write sides shut: %v and %v, expected both", a.Shut, b.Shut)
	}
	a.CloseWrite()
	b.CloseWrite()
	r.rest()
	r.gone(a, b)
	r.stopped(true)
}

// G3: a stop while others are in the same batch. A client that was served before it has its answer.
func TestG3AStopInTheMiddleOfABatch(t *testing.T) {
	r := newRig(t)
	a, b := r.pair()
	say(a, "LIST\n")
	say(b, "LIST\n")
	r.k.Signal(1, 0)
	r.batch = events(readable, a.ID, wakeID, b.ID, listenerID)
	r.turn()
	r.heard(a, "LIST-OK a,b\n")
	r.heard(b, "")
	r.gone(b)
	r.pass(poller.LingerTime)
	r.gone(a)
	r.stopped(true)
}

// undelivered makes a rig with a delivery that waits for its target.
func undelivered(t *testing.T) (r *rig, a, b *client) {
	t.Helper()
	r = newRig(t)
	a, b = r.pair()
	stall(b, 0)
	r.says(a, "SEND b hello\n")
	return r, a, b
}

// G3: a client takes nothing. The stop waits for it for 5 s, no less and no more, without turning.
func TestG3AStopHasABound(t *testing.T) {
	r, _, _ := undelivered(t)
	r.k.Signal(1, 0)
	r.rest()
	r.pass(drainTimeout - 1)
	r.stopped(false)
	r.sleeps(1)
	r.k.Advance(1)
	r.turn()
	r.stopped(true)
}

// G3: a second request ends the loop at once, whether it comes alone or together with the first.
func TestG3TheSecondRequestEndsAtOnce(t *testing.T) {
	for _, together := range []bool{false, true} {
		r, _, _ := undelivered(t)
		if together {
			r.k.Signal(2, 0)
		} else {
			r.k.Signal(1, 0)
			r.turn()
			r.stopped(false)
			r.k.Signal(1, 0)
		}
		r.turn()
		r.stopped(true)
	}
}

// G3: the listener is paused for want of descriptors when the stop comes. It is closed, and not waited
// for again.
func TestG3AStopWhileAcceptingIsPaused(t *testing.T) {
	r, _, _ := undelivered(t)
	r.answer("accept", syscall.EMFILE)
	r.connect()
	r.k.Signal(1, 0)
	r.rest()
	r.sleeps(drainTimeout)
	r.pass(time.Second)
	r.stopped(false)
}

// B9: a spurious event of the wake descriptor stops nothing.
func TestB9ASpuriousWakeStopsNothing(t *testing.T) {
	r := newRig(t)
	a := r.user("a")
	r.batch = events(readable, wakeID)
	r.turn()
	r.stopped(false)
	r.asks(a, "LIST\n", "LIST-OK a\n")
	r.silent()
}

// B1: an interrupted read of the wake descriptor is made again; any other error is the process's.
func TestB1AnInterruptedWakeIsReadAgain(t *testing.T) {
	r := newRig(t)
	r.answer("read", syscall.EINTR, syscall.EAGAIN)
	r.k.Signal(1, 0)
	r.turn()
	r.turn()
	r.stopped(false)
	r.turn()
	r.stopped(true)

	r = newRig(t)
	r.answer("read", syscall.EBADF)
	r.k.Signal(1, 0)
	if err := r.l.Run(); err == nil || err.Error() != "read: bad file descriptor" {
		t.Errorf("Run returned %v, expected that the wake descriptor cannot be read", err)
	}
}

// A connection that ends for several reasons is counted under the first: a reset while it lingers does not
// hide that its login was invalid, nor one during a stop that the server stopped.
func TestTheFirstReasonCounts(t *testing.T) {
	r := newRig(t)
	rejected(r).Reset()
	r.rest()
	a, b := r.pair()
	stall(b, 0)
	r.says(a, "SEND b hello\n")
	r.k.Signal(1, 0)
	r.turn()
	b.Reset()
	a.CloseWrite()
	r.rest()
	r.ended("bad_login", 1)
	r.ended("shutdown", 2)
	r.ended("reset", 0)
}

// The log says which user a connection was, also after its input has ended and its name is free again: an
// administrator who is asked about a lost message has nothing else.
func TestTheLogNamesTheUser(t *testing.T) {
	r := new(rig)
	r.begin(t, poller.Config{Log: slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	users := r.users("sender", "leaves", "resets", "stalls", "finishes")
	users[1].CloseWrite()
	users[2].Reset()
	for _, stalled := range users[3:] {
		stall(stalled, 0)
	}
	users[4].CloseWrite()
	r.says(users[0], "SEND stalls x\nSEND finishes y\n")
	r.pass(sendTimeout)
	r.connect().CloseWrite()
	r.rest()
	r.k.Signal(1, 0)
	r.turn()
	for _, end := range []string{
		"reason=eof client=6.1 peer=192.0.2.1:2 name=leaves", "reason=reset client=7.1 peer=192.0.2.1:3 name=resets",
		"reason=eof client=9.1 peer=192.0.2.1:5 name=finishes", "reason=send_timeout client=8.1 peer=192.0.2.1:4 name=stalls",
		`reason=eof client=6.3 peer=192.0.2.1:6 name=""`, "reason=shutdown client=5.1 peer=192.0.2.1:1 name=sender",
	} {
		r.logged("level=DEBUG msg=closed "+end+"\n", 1)
	}
	r.logged("level=DEBUG msg=closed ", 6)
	r.logged("level=WARN msg=closing reason=send_timeout client=9.1 peer=192.0.2.1:5 name=finishes queued=18 ", 1)
	r.log.Reset()
	quiet := newRig(t)
	quiet.user("a").CloseWrite()
	quiet.rest()
	quiet.silent() // below level debug
}

// C12, C4: a client that has not logged in ends its input while its reply is queued. It may take the reply
// as long as any client may, and the login timeout does not count any more.
func TestC12TheLoginTimeoutEndsWithTheInput(t *testing.T) {
	r := newRigWith(t, poller.Config{
		Machine:      protocol.NewMachine(protocol.Limits{Users: 1, Line: 100, Name: 10}),
		LoginTimeout: time.Second,
	})
	r.user("a")
	s := r.connect()
	stall(s, 0)
	say(s, "HELLO-FROM b\n")
	s.CloseWrite()
	r.rest()
	r.pass(2 * time.Second)
	r.stays(s)
	r.unstall(s)
	r.heard(s, "BUSY\n")
	r.gone(s)
	r.ended("eof", 1)
}

// A1: the reserve is one descriptor, however many connections end.
func TestA1ThereIsOneReserve(t *testing.T) {
	r := newReserveRig(t)
	for range 5 {
		s := r.connect()
		s.CloseWrite()
		r.rest()
	}
	opened := 0
	for _, c := range r.k.Calls {
		if c.Name == "reserve" {
			opened++
		}
	}
	if opened > 1 {
		t.Errorf("%d reserve descriptors were opened, want 1", opened)
	}
}
