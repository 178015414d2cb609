package play

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"chatd/poller/memkernel"
)

// A Client is one of the player's.
type Client struct {
	*memkernel.Socket
	Letter  string
	Stopped bool     // it does not read
	Unsent  string   // typed, and not with the server's kernel: its receive buffer is full
	Screen  []string // what its terminal shows: "> " typed, "< " received, "* " what happened
	partial string   // received, without its line end
	ended   bool     // its terminal has said so
}

const maxText = 2000 // bytes that are typed at once: a run has to fit into an address

// connect makes a new client.
func (r *Run) connect() error {
	if len(r.Clients) == maxClients {
		return fmt.Errorf("the page has %d clients at most", maxClients)
	}
	c := &Client{Socket: r.Kernel.Connect(), Letter: string(rune('a' + len(r.Clients)))}
	c.say("* connected")
	r.Clients = append(r.Clients, c)
	return nil
}

func (c *Client) say(line string) { c.Screen = append(c.Screen, line) }

// open reports whether the client can still do something.
func (c *Client) open() bool { return !c.Left && !c.WasReset && !c.Vanished }

// act carries out what the player has the client do.
func (c *Client) act(verb byte, text string) error {
	if !c.open() {
		return fmt.Errorf("client %s is gone", c.Letter)
	}
	switch verb {
	case ':', '_': // type, with and without a line end
		switch {
		case len(text) > maxText:
			return fmt.Errorf("%d bytes are too long: the page sends at most %d at once, because the whole run has to fit into an address", len(text), maxText)
		case c.EOF:
			return fmt.Errorf("client %s has ended its input", c.Letter)
		case verb == '_' && text == "":
			return errors.New("there is nothing to send")
		}
		for _, line := range strings.Split(text, "\n") {
			c.say("> " + line)
		}
		if verb == ':' {
			text += "\n"
		}
		c.Unsent += text
	case '=':
		c.Stopped = !c.Stopped
		if c.Stopped { // its window is closed
			c.resize(0)
			c.say("* stops reading")
		} else {
			c.resize(buffers.Client)
			c.say("* reads again")
		}
	case '|':
		if c.EOF {
			return fmt.Errorf("client %s has ended its input", c.Letter)
		}
		c.CloseWrite()
		c.say("* half-closed: sends no more, still reads")
	case '!':
		c.Reset()
		c.say("* reset the connection")
	case '?':
		c.Vanish()
		c.say("* vanished: its cable is out")
	default:
		return fmt.Errorf("a client cannot do %q", string(verb))
	}
	c.pump()
	return nil
}

// resize changes how much the client takes without reading.
func (c *Client) resize(n int) {
	sizes := c.Buffers
	sizes.Client = n
	c.SetBuffers(sizes)
}

// pump sends what is typed, as far as there is room, and reads what has arrived unless the client has
// stopped reading.
func (c *Client) pump() {
	if n, err := c.Write([]byte(c.Unsent)); err == nil && c.Unsent != "" {
		c.Unsent = c.Unsent[n:]
	}
	if c.Stopped || c.Left || c.Vanished {
		return
	}
	var p [256]byte
	for {
		n, err := c.Read(p[:])
		c.partial += string(p[:n])
		for {
			line, rest, ok := strings.Cut(c.partial, "\n")
			if !ok {
				break
			}
			c.say("< " + line)
			c.partial = rest
		}
		if err == nil {
			continue
		}
		if !c.ended && err != syscall.EAGAIN {
			c.ended = true
			if err == io.EOF {
				c.say("* end of stream: the server has closed")
			} else {
				c.say("* connection reset by the server")
			}
		}
		return
	}
}
