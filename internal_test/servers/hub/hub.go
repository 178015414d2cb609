// Package hub is what the servers in Go have in common, so that they differ in their I/O alone:
// chatd's own package protocol behind one mutex, for servers that carry out each client's lines in
// a goroutine and whose writes return when the kernel has taken all.
package hub

import (
	"io"
	"sync"

	"chatd/protocol"
	"chatd/state"
)

// A Hub connects all clients of a server.
type Hub struct {
	mu      sync.Mutex // guards all below
	machine *protocol.Machine
	clients []*Client  // by slot; nil: free
	free    []state.ID // IDs of connections that have gone, to be used in their next generation
}

// A Client is one connection. One goroutine at a time has its input; any goroutine may
// write to it.
type Client struct {
	session state.Session // guarded by the hub's mu
	gone    bool          // likewise
	lines   protocol.LineBuffer

	mu sync.Mutex // so that one line is written after the other
	w  io.Writer

	frames []delivery // what the present line leads to
	text   []byte
}

// A delivery is a frame and the client that it is for.
type delivery struct {
	protocol.Frame
	to *Client
}

func newHub(maxUsers, maxLine int) *Hub {
	return &Hub{machine: protocol.NewMachine(protocol.Limits{Users: maxUsers, Line: maxLine, Name: 255})}
}

// Open begins a connection. w writes to it: without an error, Write returns only after the kernel
// has taken the last byte, for that is what SEND-OK means.
func (h *Hub) Open(w io.Writer) *Client {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := &Client{w: w}
	if last := len(h.free) - 1; last >= 0 {
		gone := h.free[last]
		h.free = h.free[:last]
		c.session.ID = state.NewID(gone.Slot(), gone.Generation()+1)
	} else {
		c.session.ID = state.NewID(len(h.clients), 1)
		h.clients = append(h.clients, nil)
	}
	h.clients[c.session.ID.Slot()] = c
	return c
}

// Close ends a connection.
func (h *Hub) Close(c *Client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.machine.Close(&c.session)
	c.gone = true
	h.clients[c.session.ID.Slot()] = nil
	h.free = append(h.free, c.session.ID)
}

// Input carries out what a client has sent, whole lines or not, and writes what follows to each
// client. last reports that the client got its last frame.
func (h *Hub) Input(c *Client, in []byte) (last bool) {
	c.lines.Feed(in)
	defer c.lines.Keep()
	for !last {
		h.mu.Lock()
		limit, _ := h.machine.NextLine(&c.session) // no reply is pending: each line is answered before the next
		h.mu.Unlock()
		line, ok := c.lines.Next(limit)
		if !ok {
			break
		}
		last = h.line(c, line)
	}
	return last
}

func (h *Hub) line(c *Client, line protocol.Line) (last bool) {
	c.frames, c.text = c.frames[:0], c.text[:0]
	h.mu.Lock()
	c.take(h, h.machine.Line(&c.session, line))
	h.mu.Unlock()
	for i := 0; i < len(c.frames); i++ { // it may grow meanwhile
		d := c.frames[i]
		sent := d.to.write(d.Text)
		last = last || d.Last != ""
		if d.Receipt == (protocol.Receipt{}) {
			continue
		}
		h.mu.Lock()
		if !c.gone {
			c.take(h, h.machine.Complete(&c.session, d.Receipt.Place, sent))
		}
		h.mu.Unlock()
	}
	return last
}

// take copies frames, which are valid only until the machine is called again. The caller holds h.mu.
func (c *Client) take(h *Hub, frames []protocol.Frame) {
	for _, f := range frames {
		if f.Shared == nil {
			start := len(c.text)
			c.text = append(c.text, f.Text...)
			f.Text = c.text[start:]
		}
		c.frames = append(c.frames, delivery{f, h.clients[f.To]})
	}
}

// write writes one frame. It returns when the kernel has taken it all, or never will.
func (c *Client) write(text []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.w.Write(text)
	return err == nil
}
