package poller

import "chatd/protocol"

// queue appends frames to the queues of those they are for. Nothing is written yet.
func (l *Loop) queue(frames []protocol.Frame) {
	for i := range frames {
		f := &frames[i]
		owner := l.activate(f.Receipt.Owner)
		if owner != nil {
			owner.pendingReplies++
		}
		c := l.activate(f.To)
		if c == nil || !c.listens() {
			if owner != nil {
				l.lost = append(l.lost, f.Receipt)
			}
			continue
		}
		c.out.push(f)
		if owner != nil && c.out.size > highWater {
			owner.throttled = true
		}
		if f.Last != "" {
			c.phase, c.reason, c.in = draining, f.Last, c.in[:0]
		}
		if f.Login || f.Last != "" { // no stranger any more, and what is said to it must arrive
			c.unauthenticated = false
			if c.timeout.list == &l.loginTimeouts.list {
				c.timeout.remove()
			}
		}
		l.scheduleWrite(c)
	}
}

// scheduleWrite has a connection's queue written in the next flush.
func (l *Loop) scheduleWrite(c *conn) {
	if !c.writePending && !c.writeBlocked {
		c.writePending = true
		l.pendingWrites = append(l.pendingWrites, c)
	}
}

// flush writes all writePending queues, and what may be said because of that, until nothing is left to do.
//
//  1. A queue is written only here, so that a handler is never called back by its own output.
//  2. A receipt goes back as sent only after the kernel took the last byte of its frame (PR12).
//  3. Each receipt goes back once.
func (l *Loop) flush() {
	for len(l.pendingWrites) > 0 || len(l.lost) > 0 {
		for _, c := range l.pendingWrites {
			c.writePending = false
			l.write(c)
		}
		l.pendingWrites = l.pendingWrites[:0]
		l.complete(&l.sent, true)
		l.complete(&l.lost, false)
	}
}

// write hands a queue to the kernel, until it is empty, the kernel is full, or the connection has
// had its share of the turn. What is left waits until the connection is writable.
func (l *Loop) write(c *conn) {
	for written := 0; c.out.size > 0; {
		head := c.out.head()
		n, err := l.Kernel.Write(c.id.Slot(), head)
		if err != nil && !isTransient(err) {
			l.abort(c, Reset)
			return
		}
		if n > 0 {
			l.bytesOut += uint64(n)
			l.sent = c.out.consume(n, l.sent)
			c.progress = true
			if c.timeout.list == &l.writeTimeouts.list {
				c.timeout.remove() // and has a new one if there is something left
			}
		}
		if written += n; n < len(head) || written >= chunkSize {
			c.writeBlocked = c.out.size > 0
			return
		}
	}
}

// complete gives receipts back to the machine and queues what it says to that.
func (l *Loop) complete(receipts *[]protocol.Receipt, sent bool) {
	for i := 0; i < len(*receipts); i++ { // the list may grow meanwhile
		receipt := (*receipts)[i]
		if owner := l.activate(receipt.Owner); owner != nil {
			owner.pendingReplies--
			if owner.pendingReplies == 0 {
				owner.throttled = false
			}
		}
		l.queue(l.Machine.Complete(receipt, sent))
	}
	if sent {
		l.messages += uint64(len(*receipts))
	}
	*receipts = (*receipts)[:0]
}
