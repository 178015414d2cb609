package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"

	"chatd/poller/memkernel"
)

// A client is the other end of one connection.
type client struct {
	dice
	simulation *simulation
	socket     *memkernel.Socket
	number     int
	name       string // that it logged in with, or tried to
	unsent     []byte // lines that its kernel has not taken yet
	received   []byte // everything
	lines      int    // how many it still sends
	stalled    int    // how many reads it leaves out
	ended      bool   // it reads nothing more
	orderly    bool   // because the server has ended its stream
}

// act is one step of a client that acts by itself.
func (c *client) act() {
	switch n := c.Choose(100, "act"); {
	case c.ended || c.socket.Vanished:
		c.replace()
	case c.happens(reset):
		c.end(reset)
	case c.happens(vanish):
		c.end(vanish)
	case c.happens(stall):
		c.note("stalls")
		c.simulation.observer.met(stall, c.socket)
		c.stalled = c.size(200, "stalled")
	case c.happens(leave):
		c.end(leave)
	case c.happens(halfClose):
		c.end(halfClose)
	case n < 45:
		c.sendLines()
	default:
		c.socket.Deliver(c.size(c.simulation.buffer, "deliver"))
		c.read(c.size(c.simulation.buffer, "client reads"))
	}
}

// end ends a connection in one of four ways, or stops to read.
func (c *client) end(f fault) {
	c.simulation.observer.met(f, c.socket)
	switch f {
	case reset:
		c.note("resets")
		c.socket.Reset()
		c.ended = true
	case leave:
		c.note("closes, %d bytes unread", len(c.socket.Arrived))
		c.socket.Close()
		c.ended = true
	case halfClose:
		c.closeWrite()
	case vanish:
		c.note("vanishes")
		c.socket.Vanish()
	case stall:
		c.note("stalls")
		c.stall(1)
	}
}

// stall makes a client read nothing more. The server's kernel keeps so many bytes for it.
func (c *client) stall(bytes int) {
	c.stalled = 1 << 30
	c.socket.SetBuffers(memkernel.Buffers{Receive: c.socket.Buffers.Receive, Send: bytes, Client: 0})
}

// resume makes a stalled client read again.
func (c *client) resume() {
	c.stalled = 0
	sizes := c.socket.Buffers
	sizes.Client = 1 << 20
	c.socket.SetBuffers(sizes)
}

// sendLines sends a line or a few, cut anywhere.
func (c *client) sendLines() {
	if len(c.unsent) == 0 && c.lines == 0 {
		if c.Choose(10, "end of the last lines") == 0 {
			c.closeWrite()
		}
		return
	}
	if len(c.unsent) == 0 {
		for range min(c.lines, c.size(20, "lines")) {
			c.unsent = c.appendLine(c.unsent)
			c.lines--
		}
	}
	n := len(c.unsent)
	if c.Choose(2, "cut") == 0 {
		n = c.size(n, "cut")
	}
	c.send(n)
}

// send gives the first n of the unsent bytes to the client's kernel, as many as there is room for.
func (c *client) send(n int) int {
	if n == 0 {
		return 0
	}
	n, _ = c.socket.Write(c.unsent[:n])
	if n > 0 && c.simulation.trace != nil {
		c.note("sends %s", quote(c.unsent[:n]))
	}
	c.unsent = slices.Delete(c.unsent, 0, n)
	return n
}

// read reads at most n bytes.
func (c *client) read(n int) int {
	if c.stalled > 0 {
		c.stalled--
		return 0
	}
	before := len(c.received)
	n = min(n, max(1, len(c.socket.Arrived))) // with 1, Read says why there is nothing
	c.received = slices.Grow(c.received, n)
	n, err := c.socket.Read(c.received[before : before+n])
	c.received = c.received[:before+n]
	switch {
	case n > 0 && c.simulation.trace != nil:
		c.note("reads %s", quote(c.received[before:]))
	case n == 0 && err != syscall.EAGAIN && !c.ended:
		c.note("reads: %v", err)
		c.ended, c.orderly = true, err == io.EOF
		c.socket.Close()
	}
	return n
}

func (c *client) closeWrite() {
	c.note("shuts its write side")
	c.socket.CloseWrite()
	c.unsent, c.lines = nil, 0
}

// replace puts a new client in the place of one that has ended. It may well have the same name.
func (c *client) replace() {
	if c.Choose(4, "replace") == 0 {
		acting := c.simulation.acting
		acting[slices.Index(acting, c)] = c.simulation.connect()
	}
}

// appendLine appends a line. Each message is different.
func (c *client) appendLine(b []byte) []byte {
	s, start := c.simulation, len(b)
	first := len(c.received) == 0 && c.lines == s.linesEach
	switch n := c.Choose(100, "line"); {
	case first && n < 92 || n < 2:
		c.name = c.newName()
		b = append(b, "HELLO-FROM "+c.name...)
	case n < 22:
		b = append(b, "LIST"...)
	case n < 80:
		longest := 40
		if s.large {
			longest = s.maxLine
		}
		s.messages++
		b = fmt.Appendf(b, "SEND %s m%d", c.someName(), s.messages)
		b = appendFill(b, '.', c.size(longest, "message"))
	default:
		b = append(b, pick(c.dice, "unusual line", unusual...)...)
		fill := 0
		switch c.Choose(16, "longer") {
		case 0: // about as long as a line may be
			fill = max(0, c.longest()+c.Choose(3, "length")-1-(len(b)-start))
		case 1:
			fill = c.size(2*s.maxLine, "length")
		case 2: // much longer, where lines may be long
			fill = 2 * s.maxLine
		}
		b = appendFill(b, 'x', fill)
	}
	return append(b, pick(c.dice, "line end", "\n", "\n", "\r\n")...)
}

func appendFill(b []byte, with byte, n int) []byte {
	b = slices.Grow(b, n)
	for range n {
		b = append(b, with)
	}
	return b
}

// longest is the length of the longest line.
func (c *client) longest() int {
	if c.name == "" {
		return c.simulation.longestLogin()
	}
	return c.simulation.maxLine
}

// unusual are lines that are wrong, or right in an unusual way.
var unusual = []string{
	"", " ", "\r", "LIST ", "LIST x", "list", "SEND", "SEND ", "SEND a", "SEND a ", "SEND  a x", "SEND a,b x", "SEND nobody x",
	"SEND a  two ", "HELLO-FROM", "HELLO-FROM ", "HELLO-FROM a b", "HELLO-FROM a,b", "HELLO-FROM \x1b", "HELLO-FROM \xff", "HELLO-FROM \u0085", "HELLO-FROM x\u2028", "HELLO-FROM \u202e", "SEND \u2066 x",
	"SEND-OK", "DELIVERY a x", "GET / HTTP/1.1", "HELLO-FROM é", "SEND é \xff\x00", "HELLO-FROM a", "HELLO", "SEND \x01 x",
}

// bufferSize is the size of a socket buffer, in bytes, sometimes a tiny one.
func (c *client) bufferSize() int {
	switch most := c.simulation.buffer; {
	case c.simulation.large:
		return 1<<10 + c.size(most, "buffer")
	case c.Choose(8, "tiny buffer") == 0:
		return c.size(16, "buffer")
	default:
		return 16 + c.size(most, "buffer")
	}
}

// newName is one of a few names, so that it is sometimes in use.
func (c *client) newName() string {
	n := c.Choose(c.simulation.clients+2, "name")
	name := string(rune('a' + n%26))
	if c.simulation.large && n%3 > 0 {
		name += strings.Repeat("-", 4000)
	}
	return name
}

// someName is the name of a client that is logged in, or was.
func (c *client) someName() string {
	if other := pick(c.dice, "target", c.simulation.acting...); other.name != "" {
		return other.name
	}
	return "a"
}

func (c *client) note(format string, args ...any) {
	if c.simulation.trace != nil {
		c.simulation.observer.note("      client %d %s", c.number, fmt.Sprintf(format, args...))
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
