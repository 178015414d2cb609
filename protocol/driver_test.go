package protocol_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"chatd/internal_test/model"
	"chatd/protocol"
	"chatd/state"
)

// A driver does for a Machine what the loop does: it cuts what a client writes into lines, queues frames,
// and completes a receipt when its frame has been taken. A client takes all frames at once, and none
// while it is stalled. After each call the driver compares the machine with the model.
type driver struct {
	t       testing.TB
	machine *protocol.Machine
	model   *model.Model
	clients []*client // by slot
	input   []byte    // the read buffer of all clients

	sent, lost []queued                // to be completed
	piece      func(rest int) int      // how much is read next
	shuffle    func(receipts []queued) // the order in which receipts are completed
	shared     map[*protocol.Shared]queued
}

// A queued is a frame in a queue.
type queued struct {
	protocol.Frame
	text     []byte // a copy of Frame.Text
	delivery *model.Delivery
}

type client struct {
	*driver
	*model.Client
	name    string // in the conversation
	session state.Session
	lines   protocol.LineBuffer
	queue   []queued
	size    int    // of the queue, in bytes
	output  []byte // all that the client was sent
	taken   int    // how much of it the test has seen

	stalled    bool // it reads nothing
	throttled  bool // it has sent to a client with a long queue: execute no more
	inputEnded bool
	last       bool // no frame is for it any more
	closed     bool
	executed   int // lines
	replies    int
}

// highWater is how much may be queued for a client whose lines are executed, in bytes.
const highWater = 64 << 10

// usual are the limits of most tests.
var usual = protocol.Limits{Users: 16, Line: 1 << 20, Name: 255}

func newDriver(t testing.TB, limits protocol.Limits) *driver {
	return &driver{
		t: t, machine: protocol.NewMachine(limits), model: &model.Model{MaxUsers: limits.Users, MaxName: limits.Name},
		input: make([]byte, 16<<10), shared: make(map[*protocol.Shared]queued),
		piece: func(rest int) int { return rest }, shuffle: func([]queued) {},
	}
}

// cutRandomly lets reads end anywhere, and receipts be completed in any order.
func (d *driver) cutRandomly(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	d.piece = func(rest int) int { return 1 + rng.IntN(min(rest, 1<<(2+4*(seed%4)))) } // short or long
	d.shuffle = func(r []queued) { rng.Shuffle(len(r), func(i, j int) { r[i], r[j] = r[j], r[i] }) }
}

// client returns a client, which connects if it is new.
func (d *driver) client(name string) *client {
	for _, c := range d.clients {
		if c.name == name {
			return c
		}
	}
	c := &client{driver: d, Client: new(model.Client), name: name}
	c.session.ID = state.NewID(len(d.clients), 1)
	d.clients = append(d.clients, c)
	return c
}

// reconnect gives the slot of a client, its session and its buffer to the next one.
func (c *client) reconnect() {
	c.Reset()
	c.lines.Discard()
	c.session.Reset(state.NewID(c.session.ID.Slot(), c.session.ID.Generation()+1), false)
	*c = client{driver: c.driver, Client: new(model.Client), name: c.name, session: c.session, lines: c.lines}
}

// Write has the server read what a client writes, piece by piece. Of a long text only the ends are cut
// finely, because a limit may be there.
func (c *client) Write(text []byte) int {
	const fine = 6 << 10
	for at := 0; at < len(text); {
		n := min(c.piece(len(text)-at), len(c.input))
		if middle := len(text) - fine - at; at > fine && middle > 0 {
			n = min(middle, len(c.input))
		}
		c.lines.Feed(c.input[:copy(c.input, text[at:at+n])])
		c.execute()
		copy(c.input, bytes.Repeat([]byte{'\n'}, n)) // the buffer is used again: what was not kept is lost
		c.turn()
		at += n
	}
	return len(text)
}

func (c *client) Stall(stalled bool) {
	c.stalled = stalled
	c.turn()
}

func (c *client) CloseWrite() {
	c.inputEnded = true
	c.turn()
}

// Reset ends a connection at once. What is queued for the client is lost.
func (c *client) Reset() {
	for _, q := range c.queue {
		if q.delivery != nil {
			c.lost = append(c.lost, q)
		}
	}
	c.logout()
	c.queue, c.taken, c.closed = nil, len(c.output), true
	c.turn()
}

func (c *client) logout() {
	if !c.last {
		c.machine.Close(&c.session)
		c.model.Logout(c.Client)
		c.last = true
	}
}

// tell has a client write, and returns all that it was sent since the last tell.
func (d *driver) tell(name, text string) string {
	d.t.Helper()
	c := d.client(name)
	c.Write([]byte(text))
	defer func() { c.taken = len(c.output) }()
	return string(c.output[c.taken:])
}

// login logs clients in under their own names.
func (d *driver) login(names ...string) *driver {
	d.t.Helper()
	for _, name := range names {
		if got := d.tell(name, "HELLO-FROM "+name+"\n"); got != "HELLO "+name+"\n" {
			d.t.Fatalf("login of %s: got %q", name, got)
		}
	}
	return d
}

// turn lets everything happen that can.
func (d *driver) turn() {
	for again := true; again; {
		again = false
		for _, c := range d.clients {
			again = c.execute() || again
		}
		again = d.write() || again
	}
}

// execute executes the lines of a client, and ends it after the last one if its input has ended.
func (c *client) execute() (progress bool) {
	c.t.Helper()
	for !c.last && !c.throttled && c.size < highWater {
		limit, ok := c.machine.NextLine(&c.session)
		if ok == c.ListPending() {
			c.t.Fatalf("%s: NextLine says %v, a LIST waits: %v", c.name, ok, c.ListPending())
		}
		if !ok {
			break
		}
		line, ok := c.lines.Next(limit)
		if !ok {
			if c.lines.Len() > limit.Bytes+1 {
				c.t.Fatalf("%s: %d bytes of a line are stored, the limit is %d", c.name, c.lines.Len(), limit.Bytes)
			}
			break
		}
		text := string(line.Text)
		c.push(text, c.machine.Line(&c.session, line), c.model.Line(c.Client, []byte(text), line.TooLong))
		c.executed++
		progress = true
	}
	if !progress && c.inputEnded && !c.last && !c.session.Pending() && c.size < highWater {
		c.logout()
		progress = true
	}
	if c.last {
		c.lines.Discard()
	}
	c.lines.Keep()
	return progress
}

// push compares the frames that follow from what c did with what the model says, and queues them.
func (c *client) push(call string, frames []protocol.Frame, d *model.Delivery) {
	c.t.Helper()
	last, receipts := false, 0
	for _, f := range frames {
		to := c.clients[f.To]
		rest, ok := bytes.CutPrefix(to.Output, f.Text)
		if !ok || to.last {
			c.t.Fatalf("%s, %.80q: %s is sent %.200q, want %.200q, last %v", c.name, call, to.name, f.Text, to.Output, to.last)
		}
		q := queued{Frame: f, text: bytes.Clone(f.Text)}
		if to.Output = rest; bytes.HasPrefix(f.Text, []byte("DELIVERY ")) {
			q.delivery = d
			receipts++
			c.throttled = c.throttled || to.size+len(f.Text) > highWater
		} else {
			to.replies++
		}
		if ok := f.Receipt.Owner == c.session.ID; ok != (q.delivery != nil) || !ok && f.Receipt.Owner != 0 {
			c.t.Fatalf("%s, %.80q: %.80q has the receipt %v", c.name, call, f.Text, f.Receipt)
		}
		c.checkShared(q)
		to.queue, to.size, to.last = append(to.queue, q), to.size+len(q.text), f.Last != ""
		last = last || to.last
	}
	for _, to := range c.clients {
		if len(to.Output) > 0 {
			c.t.Fatalf("%s, %.80q: %s is not sent %.200q", c.name, call, to.name, to.Output)
		}
	}
	if receipts > 1 || (d != nil) != (receipts > 0) || last != c.Done {
		c.t.Fatalf("%s, %.80q: %d receipts, last is %v, want %v", c.name, call, receipts, last, c.Done)
	}
}

// checkShared holds shared texts, of which there is one for each Shared, and finds out if one has changed.
func (d *driver) checkShared(q queued) {
	d.t.Helper()
	if q.Shared == nil {
		return
	}
	if old, ok := d.shared[q.Shared]; ok && &old.Text[0] != &q.Text[0] || cap(q.Text) > len(q.Text)+8 {
		d.t.Fatalf("%.80q takes %d bytes, and is shared with %.80q", q.Text, cap(q.Text), old.Text)
	}
	d.shared[q.Shared] = q
	for _, q := range d.shared {
		if !bytes.Equal(q.Text, q.text) {
			d.t.Fatalf("the shared text %.80q has become %.80q", q.text, q.Text)
		}
	}
}

// write sends what is queued and completes the receipts.
func (d *driver) write() (progress bool) {
	for _, c := range d.clients {
		if c.stalled || c.closed {
			continue
		}
		for _, q := range c.queue {
			c.output = append(c.output, q.text...)
			if q.delivery != nil {
				d.sent = append(d.sent, q)
			}
		}
		progress = progress || c.size > 0 || c.last
		c.queue, c.size, c.closed = nil, 0, c.last
	}
	progress = progress || len(d.lost) > 0
	d.shuffle(d.sent)
	for _, receipts := range []*[]queued{&d.sent, &d.lost} {
		for _, q := range *receipts {
			d.model.Complete(q.delivery, receipts == &d.sent)
			owner := d.clients[q.Receipt.Owner.Slot()]
			if owner.session.ID == q.Receipt.Owner && !owner.last {
				owner.push("(a receipt)", d.machine.Complete(&owner.session, q.Receipt.Place, receipts == &d.sent), nil)
				owner.throttled = owner.throttled && owner.session.Pending()
			}
		}
		*receipts = slices.Delete(*receipts, 0, len(*receipts))
	}
	return progress
}
