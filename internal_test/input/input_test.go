package input_test

import (
	"fmt"
	"strings"
	"testing"

	"chatd/internal_test/daemon"
)

// C1: lines come one byte to a segment. They mean the same as in one piece.
func TestC1OneByteToASegment(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	drip := d.Dial(t)
	for _, exchange := range []struct {
		said  string
		heard []string
	}{
		{"HELLO-FROM drip\r\n", []string{"HELLO drip"}},
		{"LIST\nLIST \r\n", []string{"LIST-OK drip", "BAD-RQST-BODY"}},
		{"SEND drip \r x\r\r\n", []string{"DELIVERY drip \r x\r", "SEND-OK"}},
		{"\n\r\n", []string{"BAD-RQST-HDR", "BAD-RQST-HDR"}},
		{"SEND  nobody x\n", []string{"BAD-DEST-USER"}},
	} {
		for i := range len(exchange.said) {
			drip.Send(exchange.said[i : i+1])
		}
		drip.Expect(exchange.heard...)
	}
	d.CheckInvariants(t, "drip")
}

// C2: a user's line does not end for 50 MB. It is not kept; when it ends it earns the one error of
// its header, and the connection goes on (PR16, PR17).
func TestC2LineWithoutEnd(t *testing.T) {
	t.Parallel()
	const length, bound = 50 << 20, 16 << 20 // bytes; a line that is kept takes 50 MB at least
	for header, answer := range map[string]string{"SEND endless ": "BAD-RQST-BODY", "endless": "BAD-RQST-HDR"} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			d := daemon.Start(t)
			c := d.Login(t, "endless")
			before := d.PeakMemory(t)
			c.Send(header)
			piece := strings.Repeat("x", 1<<20)
			for range length / len(piece) {
				c.Send(piece)
			}
			c.Line("", "LIST")
			c.Expect(answer, "LIST-OK endless")
			if grown := d.PeakMemory(t) - before; grown > bound {
				t.Errorf("memory grew by %d bytes for a line of %d, expected at most %d", grown, length, bound)
			}
			d.CheckInvariants(t, "endless")
		})
	}
}

// C12: the input ends right after complete lines. All are answered, then the connection ends.
func TestC12EndAfterCompleteLines(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	for i := range 100 { // the end may or may not come in the same turn of the loop
		c := d.Dial(t)
		name := fmt.Sprint("u", i)
		c.Line("HELLO-FROM "+name, "LIST", "SEND "+name+" bye")
		c.HalfClose()
		c.Expect("HELLO "+name, "LIST-OK "+name)
		c.ExpectClosing("DELIVERY "+name+" bye", "SEND-OK")
	}
	d.CheckInvariants(t)
}

// C13: the input ends in the middle of a line. The line is not a request.
func TestC13EndInTheMiddleOfALine(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	bob := d.Login(t, "bob")
	for _, unfinished := range []string{"SEND bob hello", "LIST", "LIST\r", "nonsense"} {
		ada := d.Login(t, "ada")
		ada.Send("LIST\n" + unfinished)
		ada.HalfClose()
		ada.ExpectClosing("LIST-OK bob,ada")
		bob.Ask("LIST", "LIST-OK bob")
	}
	late := d.Dial(t)
	late.Send("HELLO-FROM ada")
	late.Leave()
	d.CheckInvariants(t, "bob")
}

// C14: a client sends TCP urgent data. The lines around it mean the same.
func TestC14UrgentData(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	c := d.Login(t, "urgent")
	c.SendUrgent('!')
	c.Ask("LIST", "LIST-OK urgent")
	c.Send("LI")
	c.SendUrgent('!')
	c.Line("ST", "SEND nobody x")
	c.Expect("LIST-OK urgent", "BAD-DEST-USER")
	c.SendUrgent('!')
	d.ExpectIdle(t)
	d.CheckInvariants(t, "urgent")
}

// C15: names and messages are made to look like lines of the log, or to move a terminal's cursor.
// The log says nothing of messages, and each of its lines is printable.
func TestC15LogInjection(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t, "--log-level", "debug", "--send-timeout", "100ms")
	for _, name := range []string{
		"a\x1b[2Jb", "a\rlevel=ERROR", "a\x00b", "a\x7f", "a\u0085b", "a\u202eb", "\"a\"", "level=ERROR",
	} {
		c := d.Dial(t)
		c.Line("HELLO-FROM " + name)
		if c.Hear() == "HELLO "+name {
			c.Ask("SEND "+name+" secret", "DELIVERY "+name+" secret", "SEND-OK")
			c.Line("LIST secret", "secret")
			c.Expect("BAD-RQST-BODY", "BAD-RQST-HDR")
		}
		c.Leave()
	}
	d.ProvokeSendTimeout(t) // which is logged
	d.Stop(t)

	log := d.Stderr.String()
	if !strings.Contains(log, "reason=send_timeout") {
		t.Errorf("the log does not tell of a client that was closed for reading nothing: %q", log)
	}
	for line := range strings.Lines(log) {
		printable := strings.IndexFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' || r > '~' }) < 0
		if !printable || !strings.HasPrefix(line, "time=") || strings.Contains(line, "secret") {
			t.Errorf("a line of the log is %q, expected printable key=value pairs about no message", line)
		}
	}
}
