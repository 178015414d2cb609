package main

import (
	"slices"
	"time"

	"chatd/poller"
	"chatd/poller/memkernel"
)

// endTurn compares the state in which the loop begins to wait with the rules.
func (o *observer) endTurn(timeout time.Duration) {
	ownerless, shares := false, 0
	for _, p := range o.receipts {
		ownerless = ownerless || p.from.loggedOut && p.to.closed
	}
	now := o.kernel.Now()
	for _, c := range o.connected {
		o.checkEvents(c)
		o.checkPhase(c)
		if o.missedLine(c) && o.open(c) {
			o.fail("%s has a line in %s that was not found", c.id, quote(c.input))
		}
		if wanted := o.wanted(c); c.interest != wanted {
			o.fail("%s has the interest %q and should have %q: %d bytes in its queue, %d replies pending",
				c.id, readiness(c.interest), readiness(wanted), c.queue(), c.receipts)
		}
		if c.hadLine && c.asked {
			if c.waited, shares = 0, shares+1; shares > resumed {
				o.fail("%d clients with lines of earlier turns had their share of this turn (B16)", shares)
			}
		} else if c.hadLine && c.mayExecute() && !o.turn.interrupted {
			if c.waited++; c.waited > (len(o.connected)-1)/resumed {
				o.fail("%s has %d bytes of input that may be carried out, and no line was for %d turns (B11)", c.id, len(c.input), c.waited)
			}
		}
		c.hadLine = c.mayExecute()
		if c.queue() > 0 && !c.shut && (!c.queued || c.written > 0) {
			c.timeoutSet = now
		}
		c.queued = c.queue() > 0
		o.classify(c)
	}
	o.checkEvicted()
	o.checkListener()
	o.checkDescriptors()
	o.checkMemory()
	o.checkLog()
	if timeout != 0 || !ownerless { // else the loop drops the receipt in the next turn
		o.checkTimeout(timeout)
	}
	if o.counts[countTurns] > 0 && o.turn.effects == 0 && o.injected == o.faults.injected && o.endedAt == now {
		o.fail("a turn without work: it had no effect, and no time passed (I3)")
	}
	o.injected, o.endedAt = o.faults.injected, now
}

// dropOwnerless forgets receipts that the loop does not complete because their owner is closed. It
// returns how many deliveries are lost by that.
func (o *observer) dropOwnerless() (lost int) {
	for receipt, p := range o.receipts {
		if sent := p.to.taken >= p.End; p.from.loggedOut && (sent || p.to.closed) {
			o.forget(receipt, p, sent)
			if !sent {
				lost++
			}
		}
	}
	return lost
}

// checkEvents: what was reported has been handled (B5, B10).
func (o *observer) checkEvents(c *connection) {
	mayRead := o.wanted(c)&poller.Readable != 0 && !c.full && !c.shut
	switch {
	case c.ready&poller.Writable != 0 && c.queued && c.queue() > 0 && c.writes == 0:
		o.fail("%s was reported writable and was not written", c.id)
	case c.ready&poller.Readable != 0 && mayRead && c.reads == 0 && !c.asked:
		o.fail("%s was reported readable and was not read", c.id)
	case c.ready&poller.Ended != 0 && c.reads == 0:
		o.fail("%s was reported as ended and is not closed (B5)", c.id)
	}
}

// checkPhase: each connection has taken the steps of closing that it could take, and no other.
func (o *observer) checkPhase(c *connection) {
	silent := c.inputEnded || o.stopping()
	switch {
	case c.failed != nil:
		o.fail("%s failed with %v and is not closed", c.id, c.failed)
	case c.lostDelivery:
		o.fail("a delivery to %s was lost and it is not closed", c.id)
	case c.loggedOut && !silent:
		o.fail("the machine was told that %s is closed, which is open", c.id)
	case c.loggedOut && c.closedEarly:
		o.fail("%s was logged out while it had a pending reply or a line (promise 5)", c.id)
	case silent && !c.ending() && !c.hasLine() && c.receipts == 0:
		o.fail("%s has ended its input, has no pending reply and was not logged out (promise 5)", c.id)
	case c.ending() && c.queue() == 0 && !c.shut:
		o.fail("%s was written everything and is not closed", c.id)
	case c.queue() > 0 && !c.writeBlocked && !c.hadShare:
		o.fail("%s has %d bytes in its queue that the kernel would take", c.id, c.queue())
	case c.idleAtStop:
		o.fail("%s was idle at the stop and is not closed", c.id)
	case o.turn.unjudged:
	case o.timeout(c) <= o.turn.timerNow && c.written == 0 && (c.queued || c.shut):
		o.fail("%s is not closed after its timeout, which expired at %v", c.id, o.timeout(c))
	case !c.loggedOut && o.loginExpires(c) <= o.turn.timerNow:
		o.fail("%s is not closed after its login timeout, which expired at %v (C4)", c.id, o.loginExpires(c))
	}
}

// checkListener: the loop waits for it, except while there is no descriptor (A1).
func (o *observer) checkListener() {
	if o.stopping() {
		if o.kernel.Find(memkernel.Listener) != nil {
			o.fail("the listener is open after the stop")
		}
		return
	}
	l := &o.listener
	if l.paused && o.turn.timerNow >= l.since+acceptPause {
		l.paused = o.turn.unjudged && l.interest == 0
	}
	if waits := l.interest == poller.Readable; waits == l.paused {
		o.fail("the loop waits for the listener: %v; there is no descriptor: %v", waits, l.paused)
	}
	for _, e := range o.turn.batch {
		if e.ID.Slot() == memkernel.Listener && o.turn.accepts == 0 {
			o.fail("the listener was reported ready and accept was not called")
		}
	}
}

// checkDescriptors: those that are open are those that are registered, and the reserve (I4).
func (o *observer) checkDescriptors() {
	for fd := o.firstFree; fd < len(o.kernel.Sockets); fd++ {
		s := o.kernel.Sockets[fd]
		if s != nil && fd == o.reserve {
			continue
		}
		known := fd < len(o.connections) && o.connections[fd] != nil
		registered := s != nil && s.ID != 0
		if (s != nil) != known || known != registered {
			o.fail("descriptor %d: open %v, registered %v, of a connection %v", fd, s != nil, registered, known)
		}
	}
	if o.turn.reserveDue {
		o.fail("a descriptor was closed, and opening the reserve was not tried (A1)")
	}
}

// checkLog: one warning a second at most (A1, F8, I7).
func (o *observer) checkLog() {
	l, now := &o.log, o.kernel.Now()
	if l.warnings == 0 {
		return
	}
	if l.warnings > 1 || l.ever && now < l.warnedAt+time.Second {
		o.fail("%d warnings in the log, %v after the last one", l.warnings, now-l.warnedAt)
	}
	l.warnings, l.ever, l.warnedAt = 0, true, now
}

// checkTimeout: the loop sleeps until the nearest timeout, neither longer nor shorter, and not at all
// while it has work left (B12, B15, I3).
func (o *observer) checkTimeout(timeout time.Duration) {
	nearest := memkernel.Never
	for _, c := range o.connected {
		nearest = min(nearest, o.timeout(c))
		if !c.loggedOut {
			nearest = min(nearest, o.loginExpires(c))
		}
		if c.hadLine {
			nearest = 0
		}
	}
	for _, p := range o.receipts {
		if p.to.closed && !p.from.loggedOut {
			nearest = 0 // its sender waits for the reply
		}
	}
	if o.listener.paused && !o.stopping() {
		nearest = min(nearest, o.listener.since+acceptPause)
	}
	if o.stopping() {
		if nearest == memkernel.Never {
			o.fail("the loop is asked to stop, has no connection and waits")
		}
		nearest = min(nearest, o.stopped.since+drainTimeout)
	}
	wanted := max(0, nearest-o.kernel.Now())
	if nearest == memkernel.Never {
		wanted = poller.Forever
	}
	if timeout != wanted {
		o.fail("the loop would wait %v and should wait %v (B12; -1ns is for ever)", timeout, wanted)
	}
}

// mayClose is called before a connection is closed. It reports whether everything had been written.
func (o *observer) mayClose(c *connection) (complete bool) {
	expired := o.turn.timerNow >= o.timeout(c) && c.written == 0 && !o.turn.unjudged
	unacknowledged := o.stopping() && len(c.socket.Sending) > 0
	switch {
	case c.queued && expired && c.timedOut && (c.writes > 0 || c.ready&poller.Writable == 0): // it was written to first (B13)
		o.counts[countSendTimeouts]++
		return false
	case slices.Contains(o.turn.evictable, c):
		return false
	case c.failed != nil, c.ready&poller.Ended != 0 && (c.unreadable || c.Done) && !c.shut:
		return false
	case c.ending() && !c.closedEarly && c.inputEnded && c.queue() == 0 && !c.shut:
		return true
	case c.shut && c.inputEnded:
		return true
	case c.shut && expired && unacknowledged:
		o.fail("%s is closed at the stop with %d bytes unacknowledged (G18)", c.id, len(c.socket.Sending))
	case c.shut && expired && (c.reads > 0 || c.ready == 0):
		return false
	case o.stopping() && c.loggedOut && !c.closedEarly && c.queue() == 0 && !c.shut:
		if unacknowledged {
			o.fail("%s is closed at the stop with %d bytes unacknowledged (G18)", c.id, len(c.socket.Sending))
		}
		return true // idle at the stop
	case o.turn.timerNow >= c.registered+o.loginTimeout && c.Name == "" && o.loginTimeout > 0 &&
		(o.log.reason == poller.LoginTimeout || o.log.reason == poller.EOF && c.inputEnded && c.reads > 0) && // both in this turn
		!o.turn.unjudged && (c.reads > 0 || c.ready&poller.Readable == 0 || c.unreadable): // it was read first (B13)
		o.counts[countLoginTimeouts]++
		return false
	case o.maxBuffer > 0 && slices.Contains(memoryReasons, o.log.reason):
		o.mayCloseForMemory(c)
		return false
	}
	o.fail("%s is closed without a reason (the loop says %q): %d bytes in its queue, %d written in this turn, %d replies pending, timeout set at %v",
		c.id, o.log.reason, c.queue(), c.written, c.receipts, c.timeoutSet)
	return false
}
