package poller

import (
	"context"
	"log/slog"

	"chatd/protocol"
)

// queue appends the frames that follow from a line or a receipt of a client to the out queues. Nothing
// is written yet.
func (l *Loop) queue(from *conn, frames []protocol.Frame) {
	for i := range frames {
		f := &frames[i]
		to := from
		if f.To != from.ID.Slot() {
			to = l.activateRecord(l.records.At(f.To), f.To)
		}
		to.out.push(f)
		if f.Receipt.Owner != 0 && to.out.size > highWater {
			from.throttled = true
		}
		if f.Last != "" {
			to.phase, to.reason = draining, f.Last
		}
		if to.login.list != nil {
			l.replyToLogin(to, f.Last != "")
		}
		l.scheduleWrite(to)
	}
}

// replyToLogin is called for the frames to a client that was not logged in before. From the reply to its
// login on it is not evicted, and from its last frame on only when it lingers, so that the frame arrives.
// If it gets any other frame, it may try again: the server is full.
func (l *Loop) replyToLogin(c *conn, last bool) {
	switch {
	case c.LoggedIn:
		c.login.remove()
		l.countLogin(c)
	case last:
		c.login.remove()
	default:
		l.warnBusy(c.ID.Slot())
	}
}

// warnBusy counts a client that is told that the server is full.
func (l *Loop) warnBusy(fd int) {
	l.busy++
	l.warnLimited("the server is full, clients get BUSY", slog.Any("peer", peer{l.Kernel, fd}), slog.Int("users", l.Machine.Users()))
}

// countLogin is called when a client has logged in.
func (l *Loop) countLogin(c *conn) {
	l.logins++
	if l.Log.Enabled(context.Background(), slog.LevelDebug) {
		l.Log.Debug("login", "client", c.ID, "peer", l.Kernel.Peer(c.ID.Slot()), "name", l.name(c))
	}
}

// scheduleWrite makes write look at a connection.
func (l *Loop) scheduleWrite(c *conn) {
	if !c.writePending && !c.writeBlocked {
		c.writePending = true
		l.pendingWrites = append(l.pendingWrites, c)
	}
}

// write writes all queues that grew or became writable, and what is queued because of that, until nothing
// is left.
//
//  1. A queue is written only here, so a handler is never called back by its own output.
//  2. A receipt is completed as sent only after the kernel took the last byte of its frame (PR12).
//  3. Each receipt is completed once.
func (l *Loop) write() {
	for len(l.pendingWrites) > 0 || len(l.lost) > 0 {
		for _, c := range l.pendingWrites {
			c.writePending = false
			l.writeQueue(c)
		}
		l.pendingWrites = l.pendingWrites[:0]
		l.messages += uint64(len(l.sent))
		l.complete(&l.sent, true)
		l.complete(&l.lost, false)
	}
}

// writeQueue writes one queue until it is empty, the kernel takes no more, or the connection has had
// its share of the turn. What is left waits until the connection is writable.
func (l *Loop) writeQueue(c *conn) {
	for written := 0; c.out.size > 0; {
		head := c.out.head()
		n, err := l.Kernel.Write(c.ID.Slot(), head)
		if err != nil && !isTransient(err) {
			l.abort(c, Reset)
			return
		}
		if n > 0 {
			l.bytesOut += uint64(n)
			l.sent = c.out.consume(n, l.sent)
			c.progress = true
			c.timeout.remove() // endTurn sets it again if something is left
		}
		if written += n; n < len(head) || written >= chunkSize {
			c.writeBlocked = c.out.size > 0
			return
		}
	}
}

// complete gives receipts back to the machine and queues the replies that they release.
func (l *Loop) complete(receipts *[]protocol.Receipt, sent bool) {
	for _, receipt := range *receipts {
		owner := l.activate(receipt.Owner)
		if owner == nil || owner.phase >= draining {
			continue
		}
		l.queue(owner, l.Machine.Complete(&owner.Session, receipt.Place, sent))
		if !owner.Pending() {
			owner.throttled = false
		}
	}
	*receipts = (*receipts)[:0]
}
