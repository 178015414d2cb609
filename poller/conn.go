package poller

import (
	"chatd/protocol"
	"chatd/state"
)

// A record is what the loop keeps for each descriptor: 16 bytes, which is all that an idle connection
// costs here.
type record struct {
	conn *conn // nil: the connection is idle, or there is none

	// generation is odd while the descriptor belongs to a connection. It grows when the connection
	// begins and when it ends, so no ID was ever valid in between.
	generation uint32
	loggedIn   bool // of an idle connection
}

func (r *record) inUse() bool { return r.generation%2 == 1 }

// A phase is how far a connection has come. It never goes back.
type phase uint8

const (
	open      phase = iota // the client sends lines and receives frames
	finishing              // nothing more is read or executed; replies are pending
	draining               // nothing new is queued for the client; what is queued is still written
	lingering              // everything is written and the write side shut; input is discarded
	closed                 // to be released at the end of the turn
)

// A conn holds the state of an active connection. It is taken from the pool at the first event and put
// back when the connection is idle again.
type conn struct {
	state.Session
	record *record
	phase  phase
	reason protocol.Reason // why it ends; empty while it does not
	name   string          // of the user that has been logged out, for the log

	lines      protocol.LineBuffer
	linesLeft  bool // lines may have another line that has not been executed
	inputEnded bool // the end of input has been read
	throttled  bool // a DELIVERY of this client is behind a queue above highWater: execute no more

	out            outQueue
	writeBlocked   bool // wait until it is writable: the kernel took less than it was offered, or the turn's share is used up
	unacknowledged int  // bytes that the client had not acknowledged when the timeout was set

	registered Readiness // the interest that the kernel has
	timeout    link      // in sendTimeouts or lingerTimeouts
	login      link      // in loginTimeouts
	left       link      // in resumed
	memory     link      // in a class of memory
	held       int       // capacity of its buffers, in bytes, as of its last turn
	progress   bool      // the kernel took bytes of out in this turn

	active       bool // in the loop's list for the end of the turn
	writePending bool // in the loop's list of pending writes
}

// highWater is how much may be queued for a client before its lines are no longer read or carried
// out, in bytes. A single frame may exceed it.
const highWater = 64 << 10

// interest is what the kernel is asked to wait for. It follows from the connection's state alone, so
// there is no state in which the loop forgets to read, or wakes and finds nothing to do.
//
//   - Writable if and only if something is queued.
//   - Readable while the connection is open, below highWater, and has no pending reply and no lines left. A
//     client with a pending reply is not read: this is backpressure. Also Readable while it
//     lingers, to find the end of input. After the end of input there is nothing to wait for, and
//     epoll would report it for ever.
func (c *conn) interest() (wanted Readiness) {
	if c.out.size > 0 {
		wanted |= Writable
	}
	switch c.phase {
	case open:
		if !c.Pending() && c.out.size < highWater && !c.linesLeft {
			wanted |= Readable
		}
	case lingering:
		wanted |= Readable
	}
	return wanted
}

// mayExecute reports whether one more line may be executed. Pending replies do not stop execution
// within a turn, because most are complete when the turn writes.
func (c *conn) mayExecute() bool {
	return c.phase < draining && c.out.size < highWater && !c.throttled
}

// mayResume reports whether lines that are left may be executed in the next turn.
func (c *conn) mayResume() bool { return c.linesLeft && !c.Pending() && c.mayExecute() }

// idle reports whether a later turn needs nothing of this state.
func (c *conn) idle() bool {
	return c.phase == open && c.registered == Readable && c.out.size == 0 && c.lines.Empty() &&
		!c.Pending() && c.timeout.list == nil && c.login.list == nil
}

// capacity is the memory of the connection's own buffers, in bytes.
func (c *conn) capacity() int { return c.out.own + c.lines.Capacity() }

const (
	poolConns = 4096    // conns that the pool keeps at most
	poolBytes = 4 << 20 // memory of their buffers, in bytes
)

// A pool keeps conns for use again, with the memory of their buffers, so that a client that becomes
// active costs no allocation.
type pool struct {
	conns []*conn
	bytes int
}

func (p *pool) get() *conn {
	last := len(p.conns) - 1
	if last < 0 {
		return new(conn)
	}
	c := p.conns[last]
	p.conns = p.conns[:last]
	p.bytes -= c.capacity()
	return c
}

// put takes back a conn that nothing refers to any more. Its buffers are empty.
func (p *pool) put(c *conn) {
	*c = conn{Session: c.Session, lines: c.lines, out: c.out}
	if n := c.capacity(); p.bytes+n <= poolBytes && len(p.conns) < poolConns {
		p.bytes += n
		p.conns = append(p.conns, c)
	}
}
