package poller

import "chatd/protocol"

// queue appends frames to the queues of those they are for. Nothing is written yet.
func (l *Loop) queue(frames []protocol.Frame) {
	for i := range frames {
		f := &frames[i]
		owner := l.touch(f.Receipt.Owner)
		if owner != nil {
			owner.owed++
		}
		c := l.touch(f.To)
		if c == nil || !c.listens() {
			if owner != nil {
				l.undelivered = append(l.undelivered, f.Receipt)
			}
			continue
		}
		c.out.push(f)
		if owner != nil && c.out.size > highWater {
			owner.behind = true
		}
		if f.Last != "" {
			c.phase, c.reason, c.in = draining, f.Last, c.in[:0]
		}
		if f.Login || f.Last != "" { // no stranger any more, and what is said to it must arrive
			c.stranger = false
			if c.deadline.list == &l.strangers.list {
				c.deadline.remove()
			}
		}
		l.soil(c)
	}
}

// soil has a connection's queue written in the next flush.
func (l *Loop) soil(c *conn) {
	if !c.dirty && !c.full {
		c.dirty = true
		l.dirty = append(l.dirty, c)
	}
}

// flush writes all dirty queues, and what may be said because of that, until nothing is left to do.
//
//  1. A queue is written only here, so that a handler is never called back by its own output.
//  2. A receipt goes back as sent only after the kernel took the last byte of its frame (PR12).
//  3. Each receipt goes back once.
func (l *Loop) flush() {
	for len(l.dirty) > 0 || len(l.undelivered) > 0 {
		for _, c := range l.dirty {
			c.dirty = false
			l.write(c)
		}
		l.dirty = l.dirty[:0]
		l.settle(&l.due, true)
		l.settle(&l.undelivered, false)
	}
}

// write hands a queue to the kernel, until it is empty, the kernel is full, or the connection has
// had its share of the turn. What is left waits until the connection is writable.
func (l *Loop) write(c *conn) {
	for written := 0; c.out.size > 0; {
		head := c.out.head()
		n, err := l.Kernel.Write(c.id.Slot(), head)
		if err != nil && !weather(err) {
			l.kill(c, Reset)
			return
		}
		if n > 0 {
			l.bytesOut += uint64(n)
			l.due = c.out.took(n, l.due)
			c.progress = true
			if c.deadline.list == &l.stuck.list {
				c.deadline.remove() // and has a new one if there is something left
			}
		}
		if written += n; n < len(head) || written >= chunkSize {
			c.full = c.out.size > 0
			return
		}
	}
}

// settle gives receipts back to the machine and queues what it says to that.
func (l *Loop) settle(receipts *[]protocol.Receipt, sent bool) {
	for i := 0; i < len(*receipts); i++ { // the list may grow meanwhile
		receipt := (*receipts)[i]
		if owner := l.touch(receipt.Owner); owner != nil {
			owner.owed--
			if owner.owed == 0 {
				owner.behind = false
			}
		}
		l.queue(l.Machine.Settle(receipt, sent))
	}
	if sent {
		l.messages += uint64(len(*receipts))
	}
	*receipts = (*receipts)[:0]
}
