package poller

import (
	"fmt"

	"chatd/protocol"
	"chatd/state"
)

// What the tests outside this package see of the loop.

const (
	AcceptsPerTurn = acceptsPerTurn
	AcceptPause    = acceptPause
	EventsPerTurn  = eventsPerTurn
	ReadSize       = readSize
	LinesPerTurn   = linesPerTurn
	ResumedAtOnce  = resumedAtOnce
	HighWater      = highWater
	ChunkSize      = chunkSize
	LingerTime     = lingerTime
	StalledAfter   = stalledAfter
)

func (l *Loop) Connections() int { return l.connections }
func (l *Loop) Buffered() int    { return l.memory.own + l.memory.shared }

func (l *Loop) Addresses() int { return len(l.addresses) }

// Queued is how many bytes are queued for the client on a descriptor.
func (l *Loop) Queued(fd int) int {
	if r := l.records.At(fd); r != nil && r.conn != nil {
		return r.conn.out.size
	}
	return 0
}

// Closed is how many connections have ended for a reason.
func (l *Loop) Closed(reason string) int {
	n, ok := l.closed[protocol.Reason(reason)]
	if !ok {
		panic("no such reason: " + reason)
	}
	return n
}

// Check finds what must not be so between two turns, of the open connections by descriptor: the
// interest that each is registered with follows from its state, no line is forgotten (B12), an idle
// connection has no conn, and the memory that is counted is what the buffers have (F1, F10).
func (l *Loop) Check(registered map[int]Event) error {
	own := 0
	for fd, e := range registered {
		r := l.records.At(fd)
		if r == nil || state.NewID(fd, r.generation) != e.ID || !r.inUse() {
			return fmt.Errorf("descriptor %d is registered as %v, and its record is %+v", fd, e.ID, r)
		}
		wanted, c := Readable, r.conn
		if c != nil {
			wanted = c.interest()
			own += c.held
			capacity := cap(c.out.spare) + c.lines.Capacity()
			for _, k := range c.out.chunks {
				if k.shared == nil {
					capacity += cap(k.text)
				}
			}
			switch {
			case c.mayResume() != (c.left.list == &l.resumed):
				return fmt.Errorf("B12: lines of %v may be executed: %v, and will be: %v", c.ID, c.mayResume(), c.left.list != nil)
			case c.active || c.writePending || c.idle():
				return fmt.Errorf("%v still has its conn: active %v, write pending %v, idle %v", c.ID, c.active, c.writePending, c.idle())
			case c.held < capacity:
				return fmt.Errorf("F10: for %v %d bytes are counted, and its buffers have %d", c.ID, c.held, capacity)
			}
		}
		if e.Ready != wanted {
			return fmt.Errorf("the kernel waits on %v for %02b; its state asks for %02b", e.ID, e.Ready, wanted)
		}
	}
	if own != l.memory.own {
		return fmt.Errorf("F1: %d bytes are held and %d are counted", own, l.memory.own)
	}
	if len(registered) != l.connections {
		return fmt.Errorf("%d connections are open and %d are counted", len(registered), l.connections)
	}
	return nil
}

// InternalID is the ID of a descriptor that is not a connection's.
func InternalID(fd int) state.ID { return state.NewID(fd, 0) }
