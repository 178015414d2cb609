package main

import (
	"bytes"
	"fmt"
	"slices"
)

// A client is one connection's other end, and what it makes of it.
type client struct {
	dice
	number int
	name   string // that it logged in with, or tried to
	world  *world
	socket *socket
	unsent []byte // said, but not with its own kernel yet
	heard  []byte // all that it was told
	lines  int    // still to be said
	stuck  int    // acts that it reads nothing for
	over   bool   // nothing more comes, or it will not listen
	final  bool   // it was told everything that it ever will be, in an orderly way
}

// act is one step of a random client.
func (c *client) act() {
	switch n := c.IntN(100); {
	case c.over || c.socket.cut != never:
		c.comeAgain()
	case c.strikes(reset):
		c.trace("resets")
		c.socket.reset()
		c.over = true
	case c.strikes(vanish):
		c.trace("vanishes")
		c.socket.cut = c.world.kernel.clock
	case c.strikes(stall):
		c.trace("stalls")
		c.stuck = c.span(200)
	case c.strikes(leave):
		c.trace("leaves, %d bytes unread", len(c.socket.arrived))
		c.socket.leave()
		c.over = true
	case c.strikes(halfClose):
		c.halfClose()
	case n < 45:
		c.speak()
	default:
		c.socket.carry(c.span(c.world.room))
		c.listen(c.span(c.world.room))
	}
}

// speak says a line or a few, cut anywhere.
func (c *client) speak() {
	if len(c.unsent) == 0 && c.lines == 0 {
		if c.IntN(10) == 0 {
			c.halfClose()
		}
		return
	}
	if len(c.unsent) == 0 {
		for range min(c.lines, c.span(20)) {
			c.unsent = append(c.unsent, c.line()...)
			c.lines--
		}
	}
	n := len(c.unsent)
	if c.IntN(2) == 0 {
		n = c.span(n)
	}
	c.say(n)
}

// say hands the first n of the unsent bytes to the kernel, as far as it has room.
func (c *client) say(n int) (said int) {
	n = c.socket.say(c.unsent[:n])
	if n > 0 {
		c.trace("says %s", quote(c.unsent[:n]))
	}
	c.unsent = c.unsent[n:]
	return n
}

// listen reads at most n bytes.
func (c *client) listen(n int) (heard int) {
	if c.stuck > 0 {
		c.stuck--
		return 0
	}
	text, over := c.socket.hear(n)
	if len(text) > 0 {
		c.trace("hears %s", quote(text))
		c.heard = append(c.heard, text...)
	}
	if over && !c.over {
		c.trace("hears the end")
		c.over, c.final = true, c.socket.goodbye()
		c.socket.leave()
	}
	return len(text)
}

func (c *client) halfClose() {
	c.trace("half-closes")
	c.socket.halfClose()
	c.unsent, c.lines = nil, 0
}

// comeAgain puts a new client in the place of one whose life is over. It may well have the same
// name.
func (c *client) comeAgain() {
	if c.IntN(4) == 0 {
		c.world.crowd[slices.Index(c.world.crowd, c)] = c.world.connect()
	}
}

// line makes up a line. Each message is the only one of its kind.
func (c *client) line() []byte {
	var b bytes.Buffer
	first := len(c.heard) == 0 && c.lines == c.world.linesEach
	switch n := c.IntN(100); {
	case first && n < 92 || n < 2:
		fmt.Fprintf(&b, "HELLO-FROM %s", c.newName())
	case n < 22:
		b.WriteString("LIST")
	case n < 80:
		size := c.span(40)
		if c.world.bulky {
			size = c.span(c.world.maxLine)
		}
		c.world.messages++
		fmt.Fprintf(&b, "SEND %s m%d%s", c.someName(), c.world.messages, bytes.Repeat([]byte("."), size))
	default:
		b.WriteString(odd[c.IntN(len(odd))])
		switch c.IntN(16) {
		case 0: // of just about the longest length
			b.Write(bytes.Repeat([]byte("x"), max(0, c.limit()+c.IntN(3)-1-b.Len())))
		case 1:
			b.Write(bytes.Repeat([]byte("x"), c.span(2*c.world.maxLine)))
		case 2: // a flood, where lines may be long
			b.Write(bytes.Repeat([]byte("x"), 2*c.world.maxLine))
		}
	}
	b.WriteString([]string{"\n", "\n", "\r\n"}[c.IntN(3)])
	return b.Bytes()
}

// limit is the length of the longest line.
func (c *client) limit() int {
	if c.name == "" {
		return min(c.world.maxLine, len("HELLO-FROM ")+c.world.maxName)
	}
	return c.world.maxLine
}

// odd are lines that are wrong, or right in an unusual way.
var odd = []string{
	"", " ", "\r", "LIST ", "LIST x", "list", "SEND", "SEND ", "SEND a", "SEND a ", "SEND  a x", "SEND a,b x", "SEND nobody x",
	"SEND a  two ", "HELLO-FROM", "HELLO-FROM ", "HELLO-FROM a b", "HELLO-FROM a,b", "HELLO-FROM \x1b", "HELLO-FROM \xff", "HELLO-FROM \u0085", "HELLO-FROM x\u2028", "HELLO-FROM \u202e", "SEND \u2066 x",
	"SEND-OK", "DELIVERY a x", "GET / HTTP/1.1", "HELLO-FROM é", "SEND é \xff\x00", "HELLO-FROM a", "HELLO", "SEND \x01 x",
}

// buffer is the size of a socket buffer, in bytes, now and then a tiny one.
func (c *client) buffer() int {
	switch {
	case c.world.bulky:
		return 1<<10 + c.span(c.world.room)
	case c.IntN(8) == 0:
		return c.span(16)
	}
	return 16 + c.span(c.world.room)
}

// newName is one of a few names, so that it is now and then taken.
func (c *client) newName() string {
	n := c.IntN(c.world.clients + 2)
	c.name = string(rune('a' + n%26))
	if c.world.bulky && n%3 > 0 {
		c.name += string(bytes.Repeat([]byte("-"), 4000))
	}
	return c.name
}

// someName is the name of somebody who is there, or was.
func (c *client) someName() string {
	other := c.world.crowd[c.IntN(len(c.world.crowd))]
	if other.name == "" {
		return "a"
	}
	return other.name
}

func (c *client) trace(format string, args ...any) {
	if c.world.tracing() {
		c.world.trace("      client %d %s", c.number, fmt.Sprintf(format, args...))
	}
}

// A quote is a text for the trace, or the beginning of a long one.
type quote []byte

func (q quote) String() string {
	if len(q) > 60 {
		return fmt.Sprintf("%q... (%d bytes)", string(q[:50]), len(q))
	}
	return fmt.Sprintf("%q", string(q))
}
