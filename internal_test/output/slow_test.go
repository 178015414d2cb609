package output_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"chatd/internal_test/daemon"
)

// D5: a target takes nothing for the send timeout. It is closed and leaves the list, a sender that
// waits for it is told BAD-DEST-USER, and one line of the log says why.
func TestD5SendTimeout(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t, "--send-timeout", "1s")
	target, sender := d.Login(t, "target", daemon.ReceiveBuffer(64<<10)), d.Login(t, "sender")
	message := strings.Repeat("m", 512<<10)
	sender.Ask("SEND target "+message, "BAD-DEST-USER")
	sender.Ask("LIST", "LIST-OK sender")
	d.CheckInvariants(t, "sender")
	if n := strings.Count(d.Stderr.String(), "reason=send_timeout"); n != 1 {
		t.Errorf("%d lines of the log tell of the send timeout, expected 1: %s", n, d.Stderr)
	}
	heard, _ := io.ReadAll(target.Lines)
	delivery := "DELIVERY sender " + message
	if len(heard) >= len(delivery) || string(heard) != delivery[:len(heard)] {
		t.Errorf("target heard %d bytes, expected the beginning of a message of %d", len(heard), len(delivery))
	}
}

// D7: many senders write to one target that does not read. Each has one DELIVERY waiting at most,
// so that memory is bounded; the target is not closed, and all messages
// arrive when it reads.
func TestD7ManySendersOneStalledTarget(t *testing.T) {
	t.Parallel()
	const each = 16        // messages of 4 KB from each sender
	const bound = 48 << 10 // bytes for each sender: one message, 16 KiB of input, and as much again before it is collected
	d := daemon.Start(t)
	first, target, delivery := d.StallTarget(t)
	senders := d.LoginAll(t, daemon.Crowd(t, 500))
	before := d.PeakMemory(t)
	for _, c := range senders {
		c.Send(strings.Repeat("SEND target "+daemon.Filler+"\n", each))
	}
	d.ExpectIdle(t)
	if grown := (d.PeakMemory(t) - before) / len(senders); grown > bound {
		t.Errorf("memory grew by %d bytes for each of %d senders, expected at most %d", grown, len(senders), bound)
	}

	target.Expect(delivery)
	waited := make(map[string]bool)
	for i := range each * len(senders) {
		line := target.Hear()
		name, message, _ := strings.Cut(strings.TrimPrefix(line, "DELIVERY "), " ")
		if message != daemon.Filler {
			t.Fatalf("target heard %.80q, expected a message", line)
		}
		if i < len(senders) && waited[name] {
			t.Fatalf("%s had two messages waiting before %d others had one", name, len(senders)-i)
		}
		waited[name] = true
	}
	first.Expect("SEND-OK")
	for _, c := range senders {
		for range each {
			c.Expect("SEND-OK")
		}
		c.Close()
	}
	d.CheckInvariants(t, "target", "sender")
}

// D10: a client asks for large answers with small requests and reads nothing. Its requests are
// neither carried out nor read while more than 64 KiB are queued for it: memory stays flat.
func TestD10AnswerFlood(t *testing.T) {
	t.Parallel()
	const bound = 16 << 20 // bytes; the answers to all the requests would take gigabytes
	d := daemon.Start(t)
	users := d.LoginAll(t, daemon.Crowd(t, 2000))
	before := d.PeakMemory(t)
	flood := users[0]
	go io.WriteString(flood.Conn, strings.Repeat("LIST\n", 200_000)) // until the reset
	d.ExpectIdle(t)
	users[1].Ask("SEND u2 hi", "SEND-OK")
	users[2].Expect("DELIVERY u1 hi")
	if grown := d.PeakMemory(t) - before; grown > bound {
		t.Errorf("memory grew by %d bytes, expected at most %d", grown, bound)
	}
	for range 100 {
		if list := flood.Hear(); strings.Count(list, ",") != len(users)-1 {
			t.Fatalf("heard %.80q, expected a list of %d", list, len(users))
		}
	}
	for _, c := range users {
		c.Reset()
	}
	d.CheckInvariants(t)
}

// D12: by default the kernel takes megabytes for a client that does not read. Here it takes little,
// so that SEND-OK means something and a stalled client is noticed soon.
func TestD12KernelKeepsLittle(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	target := d.Login(t, "target", daemon.ReceiveBuffer(1))
	sender := d.Login(t, "sender")
	taken := d.FillTarget(t, sender, "target")
	if bytes := taken * len("DELIVERY sender "+daemon.Filler+"\n"); bytes > daemon.KernelKeeps {
		t.Errorf("%d bytes were taken for a client that reads nothing, expected at most %d", bytes, daemon.KernelKeeps)
	}
	for range taken + 1 {
		target.Expect(fmt.Sprintf("DELIVERY sender %s", daemon.Filler))
	}
	sender.Expect("SEND-OK")
	d.CheckInvariants(t, "target", "sender")
}

// D9: two clients flood each other and never read. Neither can take anything, so that both come to
// the send timeout and are closed; other clients do not notice.
func TestD9TwoFloodEachOther(t *testing.T) {
	t.Parallel()
	d, log := daemon.StartLogged(t, "--send-timeout", "500ms")
	p := d.LoginPair(t)
	tit, tat := d.Login(t, "tit", daemon.ReceiveBuffer(1)), d.Login(t, "tat", daemon.ReceiveBuffer(1))
	go io.WriteString(tit.Conn, strings.Repeat("SEND tat "+daemon.Filler+"\n", 1000))
	go io.WriteString(tat.Conn, strings.Repeat("SEND tit "+daemon.Filler+"\n", 1000))
	p.TalkUntil(t, "both have gone", func() bool { return log.Closed(t)["send_timeout"] == 2 })
	log.ExpectClosed(t, "send_timeout", 2)
	p.Ada.Ask("LIST", "LIST-OK ada,bob")
	d.CheckInvariants(t, "ada", "bob")
}
