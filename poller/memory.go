package poller

import (
	"math/bits"
	"time"
)

// stalledAfter is how long a client has to hold memory without progress until it counts as stalled.
const stalledAfter = time.Second

// A memory is the account of the buffers of all connections. It counts capacity: a buffer of which
// all but the last byte has been used up takes as much memory as a full one (F10). A text that
// several queues share counts once.
type memory struct {
	own    int                 // bytes that belong to one connection each, as of the last turn
	shared int                 // bytes of the shared texts in the queues
	class  [bits.UintSize]list // the connections that hold 2^(i-1) to 2^i-1 bytes, by their last progress
}

// held is all memory that the account knows of, in bytes.
func (m *memory) held() int { return m.own + m.shared }

// update is called at the end of a connection's turn. own is the capacity of the buffers that belong
// to it alone. Its class also depends on the shared texts that its queue holds, each in full.
func (m *memory) update(c *conn, own int, now time.Duration) {
	m.own += own - c.held
	c.held = own
	m.shared += c.out.change
	c.out.change = 0
	class := &m.class[bits.Len(uint(own+c.out.shared))]
	if own+c.out.shared == 0 {
		c.memory.remove()
	} else if c.progress || c.memory.list != class {
		class.push(&c.memory, c, now)
	}
	c.progress = false
}

// victim is the connection to close when memory is short: of those that are stalled the one that
// holds most, else the one that holds most, to a factor of two; among equals the one whose last
// progress is longest ago. A client that reads its output and ends its lines is never stalled, so a
// client that does not goes before it (F11). The cost does not depend on the number of connections.
func (m *memory) victim(now time.Duration) (largest *conn) {
	for i := len(m.class) - 1; i >= 0; i-- {
		first := m.class[i].first
		if first == nil {
			continue
		}
		if first.at+stalledAfter <= now {
			return first.conn
		}
		if largest == nil {
			largest = first.conn
		}
	}
	return largest
}

// updateMemory keeps the account for a connection at the end of a turn.
func (l *Loop) updateMemory(c *conn) {
	own, machine := 0, 0
	if c.phase != dead {
		machine = l.Machine.Held(c.id)
		c.begun = machine > 0
	}
	if c.phase != dead && !c.idle() {
		own = c.out.own + cap(c.in) + machine
	}
	if own+c.out.shared > 0 || c.memory.list != nil || c.out.change != 0 {
		l.memory.update(c, own, l.Kernel.Now())
	}
}

// enforceMemoryLimit closes a connection if all together hold more than they may.
func (l *Loop) enforceMemoryLimit() bool {
	if l.MaxBuffer == 0 || l.memory.held() <= l.MaxBuffer {
		return false
	}
	c := l.memory.victim(l.Kernel.Now())
	if c == nil {
		return false
	}
	l.abortAndLog(c, Buffer)
	return true
}
