package protocol_test

import (
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"chatd/internal_test/player"
	"chatd/protocol"
	"chatd/state"
)

// A driver plays the loop to a Machine. It keeps a queue for each client, hands input to the
// machine as far as the client may be served, and settles a receipt when its frame has been taken.
// Its network takes all that a client reads, and nothing that goes to one who stalls.
type driver struct {
	t       *testing.T
	machine *protocol.Machine
	clients []*client // in order of arrival
	due     []protocol.Receipt
	lost    []protocol.Receipt // those of frames that will never be sent

	piece func(rest int) int // how much of what is said comes next
	rng   *rand.Rand         // nil, or receipts fall due in any order
}

type client struct {
	*driver
	name    string // in the file
	id      state.ID
	in      []byte // said, and not carried out yet
	queue   []protocol.Frame
	queued  int      // bytes
	heard   []string // lines that no step has told yet
	history []event  // all that was sent
	owed    int      // receipts out for what it sent

	stalled bool // reads nothing
	behind  bool // one of the receipts is for a frame to one who stalls: carry out no more
	silent  bool // says no more
	last    bool // has been sent its Last frame, or was closed
	closed  bool // the connection has ended
}

// An event is a frame without what depends on the cuts.
type event struct {
	text    string
	last    bool
	receipt bool
}

// highWater is how much may be queued for a client whose input is still carried out, in bytes.
const highWater = 64 << 10

// find returns the client of a step, which connects if it is new.
func (d *driver) find(name string) *client {
	for _, c := range d.clients {
		if c.name == name {
			return c
		}
	}
	c := &client{driver: d, name: name, id: state.NewID(len(d.clients), 1)}
	d.clients = append(d.clients, c)
	d.machine.Open(c.id)
	return c
}

// say brings what a client says, piece by piece. Of what is very long only the ends are cut finely:
// a limit may be met there.
func (d *driver) say(c *client, what []byte) {
	const fine, coarse = 6 << 10, 16 << 10
	for at := 0; at < len(what); {
		n := d.piece(len(what) - at)
		if middle := len(what) - fine - at; at > fine && middle > 0 {
			n = min(middle, coarse)
		}
		c.in = append(c.in, what[at:at+n]...)
		at += n
		d.turn()
	}
}

// turn lets everything happen that can.
func (d *driver) turn() {
	for again := true; again; {
		again = false
		for _, c := range d.clients {
			again = d.run(c) || again
			again = d.finish(c) || again
		}
		again = d.flush() || again
	}
}

// run carries out what a client said, as far as it may now.
func (d *driver) run(c *client) (progress bool) {
	for len(c.in) > 0 && !c.closed && !c.behind && c.queued < highWater {
		n, frames := d.machine.Input(c.id, c.in)
		d.queue(frames)
		if n == 0 {
			if c.owed == 0 {
				d.t.Fatalf("Input of %s used up nothing of %q, though nothing is owed", c.name, c.in)
			}
			break
		}
		c.in, progress = c.in[n:], true
	}
	return progress
}

// finish ends a client that has said all and heard all.
func (d *driver) finish(c *client) (progress bool) {
	if !c.silent || c.last || len(c.in) > 0 || c.owed > 0 {
		return false
	}
	d.machine.Close(c.id)
	c.last = true
	return true
}

// queue appends frames to the queues of those they are for.
func (d *driver) queue(frames []protocol.Frame) {
	d.t.Helper()
	for _, f := range frames {
		if err := checkFrame(f); err != nil {
			d.t.Fatal(err)
		}
		to := d.clients[f.To.Slot()]
		if f.To != to.id {
			d.t.Fatalf("%q is for %v, who is nobody", f.Text, f.To)
		}
		if to.last {
			d.t.Fatalf("%s has had its last frame, and then comes %q", to.name, f.Text)
		}
		f.Text = slices.Clone(f.Text)
		to.queue = append(to.queue, f)
		to.queued += len(f.Text)
		to.last = f.Last != ""
		if f.Receipt != (protocol.Receipt{}) {
			owner := d.clients[f.Receipt.Owner.Slot()]
			owner.owed++
			owner.behind = owner.behind || to.stalled
		}
	}
}

// flush sends what is queued, and settles what falls due by that.
func (d *driver) flush() (progress bool) {
	for _, c := range d.clients {
		if c.stalled || c.closed {
			continue
		}
		for _, f := range c.queue {
			e := event{string(f.Text), f.Last != "", f.Receipt != protocol.Receipt{}}
			c.heard, c.history = append(c.heard, e.text), append(c.history, e)
			if e.receipt {
				d.due = append(d.due, f.Receipt)
			}
			progress = true
		}
		c.queue, c.queued = nil, 0
		if c.last {
			c.closed, progress = true, true
		}
	}
	if d.rng != nil {
		d.rng.Shuffle(len(d.due), func(i, j int) { d.due[i], d.due[j] = d.due[j], d.due[i] })
	}
	progress = progress || len(d.lost) > 0
	d.settle(&d.due, true)
	d.settle(&d.lost, false)
	return progress
}

// settle gives receipts back, and queues what the machine says to that.
func (d *driver) settle(receipts *[]protocol.Receipt, sent bool) {
	for _, r := range *receipts {
		owner := d.clients[r.Owner.Slot()]
		owner.owed--
		owner.behind = owner.behind && owner.owed > 0
		d.queue(d.machine.Complete(r, sent))
	}
	*receipts = (*receipts)[:0]
}

// reset ends a client at once. What is queued for it is lost.
func (d *driver) reset(c *client) {
	for _, f := range c.queue {
		if f.Receipt != (protocol.Receipt{}) {
			d.lost = append(d.lost, f.Receipt)
		}
	}
	if !c.last {
		d.machine.Close(c.id)
	}
	c.queue, c.heard, c.last, c.closed = nil, nil, true, true
}

// A driver is a backend of the player: a client's writes, its stalling and its end each let
// everything happen that follows, so that there is nothing to wait for.
func (d *driver) Connect(name string) (player.Conn, error)  { return d.find(name), nil }
func (d *driver) Wait([]*player.Client, time.Duration) bool { return false }
func (d *driver) Rest() error                               { return nil }

func (c *client) Write(p []byte) int {
	c.say(c, p)
	return len(p)
}

func (c *client) Read(p []byte) (n int, err error) {
	heard := strings.Join(c.heard, "")
	if n = copy(p, heard); n == 0 && c.closed {
		return 0, io.EOF
	}
	if c.heard = nil; n < len(heard) {
		c.heard = []string{heard[n:]}
	}
	return n, nil
}

func (c *client) Stall(stalled bool) {
	c.stalled = stalled
	c.turn()
}

func (c *client) CloseWrite() {
	c.silent = true
	c.turn()
}

func (c *client) Reset() {
	c.reset(c)
	c.turn()
}

func (c *client) Close() {}
