package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"chatd/internal_test/daemon"
)

// A visit is one guest's time with the daemon, with one connection or several. What it does not
// expect fails the soak; a client that the daemon may close at any time therefore writes to its
// connection directly.
type visit struct {
	*guest
	*scope
	ctx   context.Context
	crowd *crowd
	name  string
	heard map[string]int // from whom, up to which message
}

// make throws the dice for what a visitor does. About every second one talks.
func (v *visit) make(s *scope) {
	v.scope = s
	kinds := []func(){v.readSlowly, v.stall, v.reset, v.halfClose, v.flood, v.endNoLine, v.churn, v.neverLogIn, v.talk}
	kinds[min(v.IntN(2*len(kinds)), len(kinds)-1)]()
}

// talk writes to others, that may be there or not, read or not.
func (v *visit) talk() {
	c := v.loginInPublic()
	for n := range v.IntN(50) {
		target := v.crowd.guests[v.IntN(len(v.crowd.guests))].name.Load().(string)
		c.Line("SEND " + target + " " + message(n+1, v.IntN(4000)))
		if answer := v.answer(c); answer != "SEND-OK\n" && answer != "BAD-DEST-USER\n" {
			v.Fatalf("%s wrote to %s and was answered %q", v.name, target, answer)
		}
		v.pause(20)
	}
	v.leave(c)
}

// readSlowly writes to itself and takes its time over the reading.
func (v *visit) readSlowly() {
	const messages = 50
	c := v.loginInPublic(daemon.ReceiveBuffer(64 << 10))
	for n := range messages {
		c.Line("SEND " + v.name + " " + message(n+1, 4000))
	}
	for range messages {
		if answer := v.answer(c); answer != "SEND-OK\n" {
			v.Fatalf("%s wrote to itself and was answered %q", v.name, answer)
		}
		v.pause(20)
	}
	v.leave(c)
}

// stall writes far more to itself than it reads. The daemon may close it.
func (v *visit) stall() {
	c := v.loginInPublic(daemon.ReceiveBuffer(1))
	io.WriteString(c.Conn, "SEND "+v.name+" "+message(1, 300<<10)+"\n")
	v.pause(6000)
	c.Reset()
}

// reset goes in the middle of a line, with answers on their way.
func (v *visit) reset() {
	c := v.login()
	io.WriteString(c.Conn, strings.Repeat("SEND "+v.name+" "+message(1, 1000)+"\nLIST\n", v.IntN(20))+"SEND "+v.name)
	c.Reset()
}

// halfClose says everything at once and then listens.
func (v *visit) halfClose() {
	c := v.crowd.daemon.Dial(v)
	c.Line("HELLO-FROM "+v.name, "SEND "+v.name+" hi", "nonsense")
	c.HalfClose()
	c.Expect("HELLO "+v.name, "DELIVERY "+v.name+" hi", "SEND-OK", "BAD-RQST-HDR")
	c.ExpectEOF()
}

// flood asks for much with little, and hears it all.
func (v *visit) flood() {
	const lines = 500
	c := v.login()
	c.Send(strings.Repeat("LIST\n\n", lines))
	for range lines {
		if list := c.Hear(); !strings.HasPrefix(list, "LIST-OK ada,bob,") || !strings.Contains(list+",", ","+v.name+",") {
			v.Fatalf("%s asked for the list and heard %.80q", v.name, list)
		}
		c.Expect("BAD-RQST-HDR")
	}
	c.Leave()
}

// endNoLine says much and never ends the line, logged in or not. The daemon may close it.
func (v *visit) endNoLine() {
	c := v.crowd.daemon.Dial(v)
	if v.IntN(2) == 0 {
		c.Login(v.name)
	}
	io.WriteString(c.Conn, strings.Repeat("x", v.IntN(300<<10)))
	v.pause(2000)
}

// churn logs in and out as fast as it goes.
func (v *visit) churn() {
	for range v.IntN(50) {
		v.login().Leave()
	}
}

// neverLogIn says nothing, or something that is not of this protocol.
func (v *visit) neverLogIn() {
	c := v.crowd.daemon.Dial(v)
	if v.IntN(2) == 0 {
		c.Line("GET / HTTP/1.1", "HELLO-FROM "+v.name, "LIST")
		c.Expect("BAD-RQST-HDR")
	}
	c.ExpectEOF()
}

// pause lets up to so many milliseconds pass, but no more than the crowd has.
func (v *visit) pause(most int) {
	select {
	case <-v.ctx.Done():
	case <-time.After(time.Duration(v.IntN(most)) * time.Millisecond):
	}
}

func (v *visit) login(options ...daemon.Option) *daemon.Client {
	return v.crowd.daemon.Login(v, v.name, options...)
}

// loginInPublic logs in where others write to.
func (v *visit) loginInPublic(options ...daemon.Option) *daemon.Client {
	c := v.login(options...)
	v.guest.name.Store(v.name)
	return c
}

// answer is the next line that is no delivery, or nothing at the end.
func (v *visit) answer(c *daemon.Client) string {
	for {
		c.Conn.SetReadDeadline(time.Now().Add(daemon.Patience))
		line, err := c.Lines.ReadString('\n')
		switch {
		case err == io.EOF && line == "":
			return ""
		case err != nil:
			v.Fatalf("%s heard %.80q: %v", v.name, line, err)
		case !strings.HasPrefix(line, "DELIVERY "):
			return line
		}
		v.check(line)
	}
}

// leave ends the input and hears what is still on its way.
func (v *visit) leave(c *daemon.Client) {
	c.HalfClose()
	if answer := v.answer(c); answer != "" {
		v.Fatalf("%s left and was answered %q", v.name, answer)
	}
}

// message is a text that shows whether it is whole, and which of its sender's it is.
func message(number, size int) string {
	return fmt.Sprintf("%d %d %s", number, size, strings.Repeat("m", size))
}

// check fails if a delivery is not whole, or not later than the last one of its sender.
func (v *visit) check(delivery string) {
	var sender string
	var number, size int
	fmt.Sscanf(delivery, "DELIVERY %s %d %d", &sender, &number, &size)
	if delivery != "DELIVERY "+sender+" "+message(number, size)+"\n" || number <= v.heard[sender] {
		v.Fatalf("%s heard %.80q (%d bytes) after number %d of that sender", v.name, delivery, len(delivery), v.heard[sender])
	}
	v.heard[sender] = number
	v.crowd.messages.Add(1)
}
