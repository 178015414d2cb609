package poller

import (
	"time"
	"unsafe"

	"chatd/protocol"
	"chatd/state"
)

// A slot is what the loop keeps for each descriptor. An idle connection is two words; what it is in
// the middle of, if anything, is its conn.
type slot struct {
	// id belongs to the connection that has the descriptor. The generation is odd while there is
	// one: it grows when the connection comes and when it goes, so that nobody ever held the ID in
	// between.
	id   state.ID
	conn *conn // nil: idle
}

func (s *slot) inUse() bool { return s.id.Generation()%2 == 1 }

// nextGeneration makes the slot taken if it is free, and free if it is taken.
func (s *slot) nextGeneration(fd int) { s.id = state.NewID(fd, s.id.Generation()+1) }

// A phase is how far a connection has come in its life. It never goes back.
type phase uint8

const (
	open      phase = iota // speaks and is spoken to
	finishing              // no more is read; what has been read is carried out, what is owed awaited
	draining               // nothing new is said to it; what is queued still leaves
	lingering              // all is said and the write side shut; input is thrown away until it ends
	dead                   // to be buried at the end of the turn
)

// A conn is what one connection is in the middle of. It exists from the event that begins something
// to the end of the turn in which nothing is left of it, and is then used for another connection.
type conn struct {
	id              state.ID
	phase           phase
	reason          protocol.Reason // why it ends; empty while it does not
	unauthenticated bool            // has not logged in
	held            int             // capacity of all buffers of its own, in bytes, as of its last turn
	begun           bool            // the machine holds something for it, as of its last turn
	registered      Readiness       // what the kernel has been asked for

	out          outQueue
	writeBlocked bool // the kernel took less than it was offered: writing waits until it is writable

	unsent int // what the kernel had not got rid of when the deadline was set, in bytes

	in             []byte // read, but not carried out yet
	ended          bool   // the end of input has been read
	pendingReplies int    // receipts out for what this client sent: replies we owe it
	throttled      bool   // one of them is behind a queue that is full: do not carry out more

	thrown int // bytes of input thrown away while lingering

	timeout  link // its place among the timeouts of one kind, if it has one
	memory   link // its place among those that hold about as much memory, if it holds any
	progress bool // the kernel has taken something in this turn

	active       bool // on the loop's list for the end of this turn
	writePending bool // on the loop's list for the next flush
}

const (
	// highWater is how much may be queued for a client before its input is no longer carried out or
	// read, in bytes. A single frame may exceed it.
	highWater = 64 << 10

	lingerFor   = 2 * time.Second
	lingerBytes = 64 << 10
)

// interest is what a connection is to be waited for. It follows from the connection's state and
// from nothing else, so there is no state in which we forget to read or are woken for nothing.
//
//   - Writable if and only if something is queued.
//   - Readable if and only if input is wanted: while open, when the queue is below highWater and no
//     reply is owed; while lingering, to find the end. We do not read from a client to whom we owe
//     a reply: that is the whole of backpressure. After the end of input there is nothing to wait
//     for, and epoll would report it for ever.
func (c *conn) interest() (wanted Readiness) {
	if c.out.size > 0 {
		wanted |= Writable
	}
	switch c.phase {
	case open:
		if c.pendingReplies == 0 && c.out.size < highWater {
			wanted |= Readable
		}
	case lingering:
		wanted |= Readable
	}
	return wanted
}

// listens reports whether the client is still told what others and its own requests have for it.
func (c *conn) listens() bool { return c.phase <= finishing }

// mayRun reports whether one more line of the client's may be carried out. Within a turn, being
// owed is no obstacle: the flush at the end of the turn will mostly settle it.
func (c *conn) mayRun() bool { return c.listens() && c.out.size < highWater && !c.throttled }

// mayResume reports whether input that was kept back may be carried out in the next turn.
func (c *conn) mayResume() bool { return len(c.in) > 0 && c.pendingReplies == 0 && c.mayRun() }

// idle reports whether there is nothing left that a later turn would have to know.
func (c *conn) idle() bool {
	return c.phase == open && c.registered == Readable && c.out.size == 0 && len(c.in) == 0 &&
		!c.begun && c.pendingReplies == 0 && c.timeout.list == nil
}

// poolBytes is how much memory is kept for use again.
const poolBytes = 4 << 20

// pool keeps conns for use again, with the memory of their queues, so that a client that wakes up
// costs no allocation.
type pool struct {
	spare []*conn
	bytes int // that they hold
}

// take returns a conn in the state of an idle connection.
func (p *pool) take(id state.ID) *conn {
	var c *conn
	if last := len(p.spare) - 1; last >= 0 {
		c, p.spare = p.spare[last], p.spare[:last]
		p.bytes -= c.capacity()
	} else {
		c = new(conn)
	}
	c.id, c.registered = id, Readable
	return c
}

// put takes back a conn that nothing refers to any more.
func (p *pool) put(c *conn) {
	*c = conn{out: c.out.emptied(), in: c.in[:0]}
	if bytes := c.capacity(); p.bytes+bytes <= poolBytes {
		p.bytes += bytes
		p.spare = append(p.spare, c)
	}
}

// capacity is how much memory a spare conn holds, in bytes.
func (c *conn) capacity() int { return int(unsafe.Sizeof(*c)) + cap(c.in) + c.out.capacity() }
