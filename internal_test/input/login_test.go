package input_test

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"chatd/internal_test/daemon"
)

// C2: the line of a client that is not logged in does not end. It is answered and the connection closed when it is too long,
// which is after 4 KiB (PR4, PR7).
func TestC2LineWithoutEndBeforeLogin(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	for header, answer := range map[string]string{"HELLO-FROM ": "BAD-RQST-BODY", "endless": "BAD-RQST-HDR"} {
		c := d.Dial(t)
		c.Send(header + strings.Repeat("x", 5<<10))
		c.ExpectClosing(answer)
	}
	d.CheckInvariants(t)
}

// C4: many clients connect and say nothing, or never finish their first line. Each costs a
// descriptor and a few hundred bytes; users do not notice.
func TestC4SilentClients(t *testing.T) {
	t.Parallel()
	const bound = 1 << 10   // bytes for each client; a buffer for each would be 4 KiB at least
	const runtime = 4 << 20 // bytes that the Go runtime may take before it collects for the first time
	n := daemon.Crowd(t, 2000)
	if n*3<<10 < runtime {
		t.Skipf("what %d clients cost does not show beside what the runtime may take", n)
	}
	d := daemon.Start(t)
	before := d.PrivateMemory(t)
	for i := range n {
		if c := d.Dial(t); i%2 == 0 {
			c.Send("H")
		}
	}
	d.AwaitDescriptors(t, n)
	ada, bob := d.Login(t, "ada"), d.Login(t, "bob")
	for range 100 {
		ada.Line("SEND bob hello")
		bob.Expect("DELIVERY ada hello")
		ada.Expect("SEND-OK")
	}
	if grown := d.PrivateMemory(t) - before; grown > n*bound+runtime {
		t.Errorf("memory grew by %d bytes for %d silent clients, expected at most %d for each", grown, n, bound)
	}
}

// C4: a thousand clients connect; half of them say nothing, the others a byte now and then, and
// none logs in. With --login-timeout they are closed, for that reason; users that have logged in
// stay, and do not notice.
func TestC4LoginTimeout(t *testing.T) {
	t.Parallel()
	d, log := daemon.StartLogged(t, "--login-timeout", "1s")
	p := d.LoginPair(t)
	clients := d.DialAll(t, daemon.Crowd(t, 1000))
	var over atomic.Bool
	defer over.Store(true)
	go func() {
		for n := 0; n < 200 && !over.Load(); n++ { // a longer line is answered, since it cannot become a login
			for i := 0; i < len(clients); i += 2 {
				io.WriteString(clients[i].Conn, "H")
			}
		}
	}()
	p.TalkUntil(t, "all who have not logged in have gone", func() bool {
		return log.Closed(t)["login_timeout"] == len(clients)
	})
	log.ExpectClosed(t, "login_timeout", len(clients))
	d.CheckInvariants(t, "ada", "bob")
}

// C5: the client speaks another protocol. Its first line is answered, and that is the end (PR7).
func TestC5ForeignProtocols(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	for _, line := range []string{
		"GET / HTTP/1.1\r",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // the beginning of a TLS hello
		"SSH-2.0-OpenSSH_9.6\r",
		"\x00\x00\x00\x00",
		"\xff\xff\xff\xff",
		"EHLO localhost\r",
		"hello-from ada",
		" HELLO-FROM ada",
		"\tHELLO-FROM ada",
		"HELLO-FROM\tada",
		"HELLO-FROMada",
		"LIST",
		"SEND ada x",
		"",
		"\r",
	} {
		c := d.Dial(t)
		c.Line(line)
		c.ExpectClosing("BAD-RQST-HDR")
	}
	d.CheckInvariants(t)
}

// C6: a web page can have a browser send requests in the body of its own. Nothing is carried out
// after the answer that closes: no login, no delivery.
func TestC6RequestsAfterTheFatalLine(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	bob := d.Login(t, "bob")
	for _, fatal := range []string{"POST / HTTP/1.1", "HELLO-FROM bob", "HELLO-FROM a,b"} {
		answer := map[string]string{"HELLO-FROM bob": "IN-USE", "HELLO-FROM a,b": "BAD-RQST-BODY"}[fatal]
		if answer == "" {
			answer = "BAD-RQST-HDR"
		}
		c := d.Dial(t)
		c.Line(fatal, "HELLO-FROM mallory", "SEND bob hi")
		c.ExpectClosing(answer)
		bob.Ask("LIST", "LIST-OK bob")
	}
	d.CheckInvariants(t, "bob")
}

// C10: a user says hello again. It stays logged in under its old name (PR6).
func TestC10HelloAgain(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	ada := d.Login(t, "ada")
	for _, line := range []string{"HELLO-FROM ada", "HELLO-FROM bob", "HELLO-FROM", "HELLO-FROM a,b"} {
		ada.Ask(line, "BAD-RQST-HDR")
		ada.Ask("LIST", "LIST-OK ada")
	}
	d.CheckInvariants(t, "ada")
}

// H1: a hundred clients want the same name at the same time. One has it, and the others are told
// IN-USE and closed (PR5).
func TestH1SameNameInOneBatch(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	clients := make([]*daemon.Client, 100)
	for i := range clients {
		clients[i] = d.Dial(t)
	}
	d.Signal(t, syscall.SIGSTOP)
	for _, c := range clients {
		c.Line("HELLO-FROM x")
	}
	d.Signal(t, syscall.SIGCONT)
	holders := 0
	for _, c := range clients {
		switch answer := c.Hear(); answer {
		case "HELLO x":
			holders++
			c.Ask("LIST", "LIST-OK x")
		case "IN-USE":
			c.ExpectClosing()
		default:
			t.Errorf("%v heard %q, expected HELLO x or IN-USE", c, answer)
		}
	}
	if holders != 1 {
		t.Errorf("%d clients have the name, expected 1", holders)
	}
	d.CheckInvariants(t, "x")
}

// H5: a user logs in, sends and ends its input, all in one segment. The message arrives and the
// user is gone.
func TestH5WholeLifeInOneSegment(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	bob := d.Login(t, "bob")
	for i := range 50 {
		d.Signal(t, syscall.SIGSTOP) // so that the end comes with the lines
		ada := d.Dial(t)
		ada.Line("HELLO-FROM ada", fmt.Sprint("SEND bob hi ", i))
		ada.HalfClose()
		d.Signal(t, syscall.SIGCONT)
		bob.Expect(fmt.Sprint("DELIVERY ada hi ", i))
		ada.ExpectClosing("HELLO ada", "SEND-OK")
	}
	d.CheckInvariants(t, "bob")
}
