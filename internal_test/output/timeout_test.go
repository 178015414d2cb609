package output_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

// A server that is stopped for absence has been away for longer than its timeouts.
const (
	absence = 3500 * time.Millisecond
	timeout = 3 * time.Second
)

// B13: the process is stopped for longer than the send timeout, while a client has something queued
// for it and takes all that the kernel has. It is not closed for the server's own absence: the
// server writes to its socket before it applies the timeout.
func TestB13AbsenceIsNoSendTimeout(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t, "--send-timeout", timeout.String())
	p := d.LoginPair(t)
	target, sender := d.Login(t, "target", daemon.ReceiveBuffer(64<<10)), d.Login(t, "sender")
	delivery := "DELIVERY sender " + strings.Repeat("m", 900<<10)
	sender.Line("SEND target " + strings.TrimPrefix(delivery, "DELIVERY sender "))
	piece := make([]byte, 4096)
	read := 0
	target.Conn.SetReadDeadline(time.Now().Add(daemon.Patience))
	takeUntil := func(enough func() bool) {
		for !enough() {
			n, err := target.Lines.Read(piece)
			if read += n; err != nil {
				t.Fatalf("target heard %d bytes of %d: %v", read, len(delivery), err)
			}
		}
	}
	takeUntil(func() bool { return read >= 100<<10 })

	d.ExpectIdle(t)
	d.Signal(t, syscall.SIGSTOP)
	for end := time.Now().Add(absence); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		takeUntil(target.IsQuiet)
	}
	if read >= len(delivery)-100<<10 {
		t.Fatalf("the kernel had %d bytes of %d: nothing was queued in the server", read, len(delivery))
	}
	p.Ada.Line("SEND bob are you back?")
	d.Signal(t, syscall.SIGCONT)
	p.Bob.Expect("DELIVERY ada are you back?")
	p.Ada.Expect("SEND-OK")
	takeUntil(func() bool { return read >= len(delivery)+1 })
	sender.Expect("SEND-OK")
	d.CheckInvariants(t, "ada", "bob", "target", "sender")
}

// B13: the process is stopped for longer than the login timeout, and clients log in meanwhile. They
// are read from before the timeout applies.
func TestB13AbsenceIsNoLoginTimeout(t *testing.T) {
	t.Parallel()
	loginDuringAbsence(t, 50)
}

// B13: the process is stopped for longer than the login timeout, and meanwhile more clients log in
// than the loop takes from the kernel in one turn. No login timeout expires in a turn that has not
// read from every client. The test runs alone: its clients have to be there before the timeout.
func TestB13AbsenceAndMoreThanATurnTakes(t *testing.T) {
	loginDuringAbsence(t, 400)
}

func loginDuringAbsence(t *testing.T, n int) {
	t.Helper()
	d := daemon.Start(t, "--login-timeout", timeout.String())
	p := d.LoginPair(t)
	start := time.Now()
	clients := d.DialAll(t, daemon.Crowd(t, n))
	d.AwaitDescriptors(t, 2+len(clients))
	d.ExpectIdle(t)
	d.Signal(t, syscall.SIGSTOP)
	if took := time.Since(start); took > timeout-time.Second {
		t.Skipf("the machine took %v to let them connect, so that some are rightly closed", took)
	}
	for i, c := range clients {
		c.Line(fmt.Sprint("HELLO-FROM u", i))
	}
	time.Sleep(absence)
	d.Signal(t, syscall.SIGCONT)
	for i, c := range clients {
		c.Expect(fmt.Sprint("HELLO u", i))
		c.Close()
	}
	p.Talk(1)
	d.CheckInvariants(t, "ada", "bob")
}

// D6: a client reads slowly and steadily, for several times as long as the send timeout. It makes
// progress and is not closed, and only its sender is slowed.
func TestD6SlowSteadyReader(t *testing.T) {
	t.Parallel()
	const atATime, pause = 64 << 10, 100 * time.Millisecond // per piece
	readSteadily(t, 512<<10, atATime, pause)
}

// D6: a client reads a few kilobytes a second. Its kernel acknowledges them, but not so many that
// the server's would say within the send timeout that there is room to write: it makes progress all
// the same, and is not closed.
func TestD6VerySlowSteadyReader(t *testing.T) {
	t.Parallel()
	const atATime, pause = 1 << 10, 50 * time.Millisecond // per piece
	readSteadily(t, 512<<10, atATime, pause)
}

// readSteadily has a client take messages of a size, so many bytes at a time, until several times
// the send timeout is over; and then the rest.
func readSteadily(t *testing.T, size, atATime int, pause time.Duration) {
	t.Helper()
	const sendTimeout = time.Second
	d := daemon.Start(t, "--send-timeout", sendTimeout.String())
	p := d.LoginPair(t)
	slow, sender := d.Login(t, "slow", daemon.ReceiveBuffer(atATime)), d.Login(t, "sender")
	delivery := "DELIVERY sender " + strings.Repeat("m", size) + "\n"
	message := strings.Replace(delivery, "DELIVERY sender", "SEND slow", 1)
	said, read := 0, 0
	piece := make([]byte, atATime)
	for end := time.Now().Add(4 * sendTimeout); time.Now().Before(end) || read < said*len(delivery); {
		if said*len(delivery)-read < size && time.Now().Before(end) {
			sender.Send(message)
			said++
		}
		slow.Conn.SetReadDeadline(time.Now().Add(daemon.Patience))
		n, err := slow.Lines.Read(piece)
		if read += n; err != nil {
			t.Fatalf("slow heard %d bytes of %d: %v", read, said*len(delivery), err)
		}
		if time.Now().Before(end) {
			p.Talk(1)
			time.Sleep(pause)
		}
	}
	for range said {
		sender.Expect("SEND-OK")
	}
	d.CheckInvariants(t, "ada", "bob", "slow", "sender")
}
