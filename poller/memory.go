package poller

import (
	"math/bits"
	"time"
)

// stalledAfter is how long a client stays at the same place of its class before it counts as stalled: the
// kernel took nothing of its queue, and what it holds did not grow or shrink to another class.
const stalledAfter = time.Second

// A memory is the account of the buffers of all connections. It counts capacity: a buffer of which all
// but the last byte has been consumed takes as much memory as a full one (F10). A text that several
// queues share counts once.
type memory struct {
	own    int                 // bytes that belong to one connection each, as of the last turn
	shared int                 // bytes of the shared texts in the queues
	class  [bits.UintSize]list // the connections that hold 2^(i-1) to 2^i-1 bytes, by their last progress or change of class
}

// update is called at the end of a connection's turn, unless it holds nothing and held nothing before. own
// is the capacity of the buffers that belong to it alone. Its class also depends on the shared texts that
// its queue holds, each in full.
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

// victim is the connection to close when memory is short: of the stalled ones the one that holds most,
// else the one that holds most, to a factor of two; among equals the one at the head of its class. A client
// from which the kernel takes something each second is not stalled, so one that takes nothing goes before
// it (F11). The cost does not depend on the number of connections (F8).
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

// closeVictim aborts a connection because all buffers together take more than MaxBuffer.
func (l *Loop) closeVictim() {
	if c := l.memory.victim(l.Kernel.Now()); c != nil {
		l.abortAndWarn(c, Buffer)
	}
}
