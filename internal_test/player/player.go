// Package player holds conversations with a server: those of protocol/testdata, the cases of the
// conformance suite, the tour. What the server is, and how bytes reach it, is behind a Backend: a
// server over TCP (see TCP), the protocol's machine alone, or the loop over a kernel made of memory.
package player

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chatd/internal_test/conversation"
	"chatd/internal_test/daemon"
)

// A Backend is where the clients of a conversation connect.
type Backend interface {
	// Connect makes the connection of a client.
	Connect(name string) (Conn, error)

	// Wait waits until something may have changed for one of the clients. It returns false if
	// nothing has within the patience, or nothing can, as in memory when the server is at rest.
	Wait(clients []*Client, patience time.Duration) bool

	// Rest returns when the server has dealt with all that was sent to it.
	Rest() error
}

// A Conn is one connection. No call of it blocks.
type Conn interface {
	// Write takes what there is room for, and returns how much that is.
	Write(p []byte) int

	// Read returns 0 and no error if nothing has come, and io.EOF at an orderly end.
	Read(p []byte) (int, error)

	// Stall says whether the client has stopped reading: Read is not called meanwhile.
	Stall(stalled bool)

	CloseWrite() // ends the client's output
	Reset()
	Close()
}

// A Client is one client of a conversation. No client waits for another: its output is written when
// the connection takes it, and its input is read as it comes, unless it stalls.
type Client struct {
	Name    string
	Conn    Conn
	Unsaid  []byte // not written yet
	Heard   []byte // read, and in no step so far
	End     error  // io.EOF, or what else ended the connection
	Stalled bool
	Gone    bool // as far as the conversation is concerned

	closing, closed bool // the output is to be ended when Unsaid is empty; it is
}

// A Player plays the clients.
type Player struct {
	Backend  Backend
	Patience time.Duration // without any byte moving, before an expectation has failed; 0 in memory
	Loose    bool          // accept a LIST-OK in any order, and a reset as an end
	Fail     func(format string, args ...any)
	Rename   func(string) string // if set: changes the names in all that is told and said
	Clients  []*Client
	Record   []Entry

	waited time.Duration // by the last Await, without any byte moving
}

func (p *Player) rename(text string) string {
	if p.Rename == nil {
		return text
	}
	return p.Rename(text)
}

// An Entry is one line of the record.
type Entry struct{ Who, Did, Text string }

// What is done in an Entry.
const (
	Said     = "sent"
	Expected = "expected"
	Heard    = "heard"
)

// New makes a player that fails a test, with the end of the record. Its connections are closed when
// the test ends.
func New(t testing.TB, backend Backend) *Player {
	p := &Player{Backend: backend}
	t.Cleanup(p.Close)
	if _, slow := backend.(*TCP); slow {
		p.Patience = daemon.Patience
	}
	p.Fail = func(format string, args ...any) {
		t.Helper()
		var record strings.Builder
		for _, e := range p.Record[max(0, len(p.Record)-10):] {
			fmt.Fprintf(&record, "\n%-8s %-8s %s", e.Who, e.Did, e.Text)
		}
		t.Fatalf(format+"; the last steps:%s", append(args, &record)...)
	}
	return p
}

// Hold holds a whole conversation.
func (p *Player) Hold(talk *conversation.Conversation) {
	for _, step := range talk.Steps {
		p.Play(step)
	}
	p.ExpectRest()
}

// Play takes one step.
func (p *Player) Play(step conversation.Step) {
	c := p.Find(step.Client)
	switch step.Action {
	case conversation.Says:
		p.Say(c.Name, string(step.Bytes))
	case conversation.Hears:
		p.Hear(c.Name, string(step.Bytes))
	case conversation.HearsNothing:
		if err := p.Backend.Rest(); err != nil {
			p.Fail("%v", err)
		}
		p.expectQuiet(c)
	case conversation.Closed:
		p.ExpectEnd(c.Name)
	case conversation.Stalls, conversation.Drains:
		p.Stall(c.Name, step.Action == conversation.Stalls)
	case conversation.HalfCloses:
		p.Note(c.Name, Said, "(the end of its output)")
		p.HalfClose(c.Name)
	case conversation.Leaves:
		p.HalfClose(c.Name)
		p.ExpectEnd(c.Name)
	case conversation.Resets:
		p.Reset(c.Name)
	}
}

// Find returns a client, which connects now if it has not before.
func (p *Player) Find(name string) *Client {
	name = p.rename(name)
	for _, c := range p.Clients {
		if c.Name == name {
			return c
		}
	}
	conn, err := p.Backend.Connect(name)
	if err != nil {
		p.Fail("%s could not connect: %v", name, err)
	}
	c := &Client{Name: name, Conn: conn}
	p.Clients = append(p.Clients, c)
	return c
}

// Note adds to the record.
func (p *Player) Note(who, did, format string, args ...any) {
	p.Record = append(p.Record, Entry{p.rename(who), did, p.rename(fmt.Sprintf(format, args...))})
}
