package output_test

import (
	"strings"
	"syscall"
	"testing"

	"chatd/internal_test/daemon"
)

// D13: the answer closes while more of the client's input is on the way. A plain close would make a
// reset of that, which can destroy the answer: each of 1,000 clients reads it, and then an orderly
// end.
func TestD13LastWordsArrive(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	more := strings.Repeat("LIST and more that is never read\n", 1000) // more than one read of the server
	clients := make([]*daemon.Client, daemon.Crowd(t, 1000))
	for i := range clients {
		clients[i] = d.Dial(t)
	}
	d.Signal(t, syscall.SIGSTOP) // so that all of it has come when the server reads first
	for _, c := range clients {
		c.Send("nonsense\n" + more)
	}
	d.Signal(t, syscall.SIGCONT)
	for _, c := range clients {
		c.Expect("BAD-RQST-HDR")
		c.ExpectEOF()
		c.Line("and more")
		c.Close()
	}
	d.CheckInvariants(t)
}

// D17: after the answer that closes, clients had 10 MB more to send, and read late. 64 KiB of that ended
// the lingering with a reset, which can destroy the answer.
func TestD17ManyBytesAfterTheLastAnswer(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	more := strings.Repeat("LIST and more that is never read\n", 10<<20/33)
	for range 5 {
		c := d.Dial(t)
		c.Send("nonsense\n" + more) // returns when the kernels have all of it
		c.Expect("BAD-RQST-HDR")
		c.ExpectEOF()
		c.Close()
	}
	d.CheckInvariants(t)
}

// D14: the target goes while ten senders write to it, so that the server may still write to a
// connection that has been reset. Each SEND gets one answer, never SEND-OK again after
// BAD-DEST-USER, and no signal ends the process.
func TestD14WriteAfterThePeerClosed(t *testing.T) {
	t.Parallel()
	const messages = 200
	d := daemon.Start(t)
	senders := d.LoginAll(t, 10)
	for i := range 20 {
		target := d.Login(t, "target")
		for _, c := range senders {
			c.Send(strings.Repeat("SEND target x\n", messages))
		}
		if target.Hear(); i%2 == 0 {
			target.Reset()
		} else {
			target.Close()
		}
		for _, c := range senders {
			expectOKThenBad(t, c, messages)
			c.Ask("LIST x", "BAD-RQST-BODY")
		}
		senders[0].AwaitList("u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9") // all messages may have been sent first
	}
	daemon.CloseAll(senders...)
	d.CheckInvariants(t)
}

// expectOKThenBad expects so many answers: SEND-OK for some messages, and BAD-DEST-USER for all
// that follow.
func expectOKThenBad(t *testing.T, c *daemon.Client, answers int) {
	t.Helper()
	expected := "SEND-OK"
	for n := range answers {
		answer := c.Hear()
		if answer == "BAD-DEST-USER" {
			expected = answer
		}
		if answer != expected {
			t.Fatalf("%v heard %q as answer %d of %d, expected %s", c, answer, n, answers, expected)
		}
	}
}

// D15: a name is free while the last bytes for its former holder are still on the way. They go to
// the old connection only, and what is sent to the name goes to the new one.
func TestD15NameFreedBeforeTheLastBytes(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	old := d.Login(t, "name", daemon.ReceiveBuffer(1))
	sender, other := d.Login(t, "sender"), d.Login(t, "other")
	taken := d.FillTarget(t, sender, "name")
	lastBytes := strings.Repeat("l", 40<<10) // less than keeps the server from reading the old one's end
	other.Line("SEND name " + lastBytes)
	d.Login(t, "witness").PassTurn()

	old.HalfClose()
	next := d.Dial(t)
	daemon.Await(t, "the name is free", func() bool {
		next.Line("HELLO-FROM name")
		if next.Hear() == "HELLO name" {
			return true
		}
		next.Close()
		next = d.Dial(t)
		return false
	})
	third := d.Login(t, "third")
	third.Ask("SEND name for the next", "SEND-OK")
	next.Expect("DELIVERY third for the next")
	if !other.IsQuiet() {
		t.Errorf("other heard %q although its DELIVERY cannot have left", other.Hear())
	}

	for range taken + 1 {
		old.Expect("DELIVERY sender " + daemon.Filler)
	}
	old.Expect("DELIVERY other " + lastBytes)
	old.ExpectEOF()
	sender.Expect("SEND-OK")
	other.Expect("SEND-OK")
	old.Close()
	next.Ask("LIST", "LIST-OK sender,other,witness,name,third")
	d.CheckInvariants(t, "sender", "other", "witness", "name", "third")
}
