package player

import (
	"bytes"
	"errors"
	"io"
)

// Say has a client send bytes in one piece.
func (p *Player) Say(name, text string) {
	text = p.rename(text)
	p.Note(name, Said, "%s", Show(text))
	p.SayUnrecorded(name, text)
}

// SayUnrecorded is Say for clients that send very much.
func (p *Player) SayUnrecorded(name, text string) {
	c := p.Find(name)
	c.Unsaid = append(c.Unsaid, text...)
	p.Move()
}

// Stall has a client stop reading, or begin again.
func (p *Player) Stall(name string, stalled bool) {
	c := p.Find(name)
	c.Stalled = stalled
	c.Conn.Stall(stalled)
}

// HalfClose ends a client's output when all is written.
func (p *Player) HalfClose(name string) {
	p.Find(name).closing = true
	p.Move()
}

// Reset ends a client's connection with a reset.
func (p *Player) Reset(name string) {
	p.Note(name, Said, "(a reset)")
	c := p.Find(name)
	c.Conn.Reset()
	c.Gone = true
}

// HangUp closes a client's connection.
func (p *Player) HangUp(name string) {
	c := p.Find(name)
	c.Conn.Close()
	c.Gone = true
}

// Hear waits for a client's next line and compares it.
func (p *Player) Hear(name, want string) {
	line := p.NextLine(name, Show(want))
	if !p.Same(line, want) {
		p.Fail("%s heard another line than expected", name)
	}
}

// NextLine waits for a client's next line; what is expected goes into the record.
func (p *Player) NextLine(name, want string) string {
	p.Note(name, Expected, "%s", want)
	c, end := p.Find(name), 0
	p.Await(p.Patience, func() bool {
		end = bytes.IndexByte(c.Heard, '\n') + 1
		return end > 0 || c.End != nil
	})
	if end == 0 {
		p.explainMissing(c)
	}
	line := string(c.Heard[:end])
	c.Heard = c.Heard[end:]
	p.Note(name, Heard, "%s", Show(line))
	return line
}

// explainMissing fails because a line has not come.
func (p *Player) explainMissing(c *Client) {
	if len(c.Heard) > 0 {
		p.Note(c.Name, Heard, "%s", Show(string(c.Heard)))
	}
	switch {
	case len(c.Heard) > 0 && c.End == nil:
		p.Fail("%s heard the beginning of a line, and then nothing for %v", c.Name, p.waited)
	case c.End == nil:
		p.Fail("%s heard nothing for %v", c.Name, p.waited)
	case errors.Is(c.End, io.EOF):
		p.Fail("%s was disconnected by the server", c.Name)
	default:
		p.Fail("%s was disconnected by the server: %v", c.Name, c.End)
	}
}

// ExpectEnd waits for the server to end a connection without another line.
func (p *Player) ExpectEnd(name string) {
	const end = "(to be disconnected)"
	p.Note(name, Expected, end)
	c := p.Find(name)
	p.Await(p.Patience, func() bool { return c.End != nil || len(c.Heard) > 0 })
	p.expectNothingHeard(c)
	switch {
	case c.End == nil:
		p.Fail("%s was still connected after %v", name, p.waited)
	case !p.Loose && !errors.Is(c.End, io.EOF):
		p.Fail("the connection of %s did not end in good order: %v", name, c.End)
	}
	p.Note(name, Heard, end)
	p.HangUp(name)
}

// ExpectRest holds at the end of a conversation: no client has heard more than the steps say, and
// each that has not gone is connected.
func (p *Player) ExpectRest() {
	if err := p.Backend.Rest(); err != nil {
		p.Fail("%v", err)
	}
	for _, c := range p.Clients {
		if !c.Gone {
			p.expectQuiet(c)
		}
	}
}

// expectQuiet fails if a client has heard what is in no step, or is disconnected.
func (p *Player) expectQuiet(c *Client) {
	p.Move()
	p.expectNothingHeard(c)
	if c.End != nil {
		p.Note(c.Name, Expected, "(to stay connected)")
		p.Fail("%s was disconnected by the server", c.Name)
	}
}

func (p *Player) expectNothingHeard(c *Client) {
	if len(c.Heard) > 0 {
		p.Note(c.Name, Expected, "(nothing more)")
		p.Note(c.Name, Heard, "%s", Show(string(c.Heard)))
		p.Fail("%s heard what it should not have heard", c.Name)
	}
}

// Close closes the connections of all clients.
func (p *Player) Close() {
	for _, c := range p.Clients {
		p.HangUp(c.Name)
	}
}
