package main

import (
	"slices"
	"time"

	"chatd/poller"
	"chatd/state"
)

// endOfTurn holds the state in which the loop goes to wait against the rules.
func (w *watch) endOfTurn(timeout time.Duration) {
	ownerless := false
	for _, p := range w.receipts {
		ownerless = ownerless || p.from.left && p.to.closed
	}
	w.live(func(v *view) {
		w.checkEvents(v)
		w.checkLife(v)
		if w.missed(v) && w.speaks(v) {
			w.fail("%s has a line in %s that was not found", v.id, quote(v.pending))
		}
		if wanted := w.interested(v); v.interest != wanted {
			w.fail("%s is armed for %q and should be for %q: %d bytes queued, %d replies owed",
				v.id, readinessName(v.interest), readinessName(wanted), v.queue(), v.waits)
		}
		if v.work && !v.asked && w.runnable(v) && !w.partial {
			w.fail("%s has %d bytes of input that nothing holds back, and none was carried out (B11)", v.id, len(v.pending))
		}
		v.work = w.runnable(v)
		if v.queue() > 0 && !v.shut && (!v.queued || v.moved > 0) {
			v.since = w.kernel.clock
		}
		v.queued = v.queue() > 0
		w.settle(v)
	})
	w.checkRoom()
	w.checkListener()
	w.checkOpen()
	w.checkLog()
	if timeout != 0 || !ownerless { // else the loop will drop it in the next turn
		w.checkTimeout(timeout)
	}
	if w.counts.turns > 0 && w.effects == 0 && w.injected == w.kernel.injected && w.woken == w.kernel.clock {
		w.fail("a turn without work: neither did anything come of it, nor did time pass (I3)")
	}
	w.injected, w.woken = w.kernel.injected, w.kernel.clock
}

// dropOwnerless forgets receipts that the loop does not complete, because their owner is closed. It
// returns how many deliveries are lost by that.
func (w *watch) dropOwnerless() (lost int) {
	for receipt, p := range w.receipts {
		if sent := p.to.taken >= p.end; p.from.left && (sent || p.to.closed) {
			w.over(receipt, p, sent)
			if !sent {
				lost++
			}
		}
	}
	return lost
}

// checkEvents: what was reported has been dealt with (B5, B10).
func (w *watch) checkEvents(v *view) {
	wanted := w.interested(v)&poller.Readable != 0 && !v.held && !v.shut
	switch {
	case v.ready&poller.Writable != 0 && v.queued && v.queue() > 0 && v.writes == 0:
		w.fail("%s was reported writable and nothing was written", v.id)
	case v.ready&poller.Readable != 0 && wanted && v.reads == 0 && !v.asked:
		w.fail("%s was reported readable and was not read", v.id)
	case v.ready&poller.Ended != 0 && v.reads == 0:
		w.fail("%s was reported as ended and is still there (B5)", v.id)
	}
}

// checkLife: each connection has taken the steps of its life that it could take, and no other.
func (w *watch) checkLife(v *view) {
	silent := v.ended || w.stopping()
	switch {
	case v.failed != nil:
		w.fail("%s failed with %v and is still there", v.id, v.failed)
	case v.fated:
		w.fail("a delivery to %s was given up and %s is still there", v.id, v.id)
	case v.left && !silent:
		w.fail("the machine was told that %s has gone, which is there and speaks", v.id)
	case v.left && v.early:
		w.fail("%s was logged out while it was still owed something (promise 5)", v.id)
	case silent && !v.left && !v.dismissed && !w.hasLine(v) && v.waits == 0:
		w.fail("%s has said its last, is owed nothing and has not been logged out (promise 5)", v.id)
	case (v.left || v.dismissed) && v.queue() == 0 && !v.shut:
		w.fail("%s has been told everything and has not been closed", v.id)
	case v.queue() > 0 && !v.full && !v.sated:
		w.fail("%s has %d bytes queued that the kernel would take", v.id, v.queue())
	case v.idle:
		w.fail("%s was idle at the stop and is still there", v.id)
	case w.deadline(v) <= w.kernel.clock && v.moved == 0 && (v.queued || v.shut) && !w.partial:
		w.fail("%s is there after its deadline, which was at %v", v.id, w.deadline(v))
	}
}

// checkListener: it is left alone while there is no room, and only then (A1).
func (w *watch) checkListener() {
	if w.stopping() {
		if w.kernel.files[listenerFD].open {
			w.fail("the listener is open after the stop")
		}
		return
	}
	if w.listener.paused && w.kernel.clock >= w.listener.since+acceptPause {
		w.listener.paused = w.partial && w.listener.interest == 0
	}
	if armed := w.listener.interest == poller.Readable; armed == w.listener.paused {
		w.fail("the listener is armed: %v, there is no room: %v", armed, w.listener.paused)
	}
	for _, e := range w.batch {
		if e.ID.Slot() == listenerFD && w.accepts == 0 {
			w.fail("the listener was reported ready and nothing was accepted")
		}
	}
}

// checkOpen: the descriptors that are open are those that are registered, and no other (I4).
func (w *watch) checkOpen() {
	if w.buried && w.spare < 0 && w.kernel.spell == 0 && !w.kernel.full(w.kernel.lowestFree()) {
		w.fail("a descriptor has come free, and the spare was not taken again (A1)")
	}
	for fd := w.firstFree; fd < len(w.kernel.files); fd++ {
		f := &w.kernel.files[fd]
		if f.spare && fd == w.spare {
			continue
		}
		known := fd < len(w.views) && w.views[fd] != nil
		if f.open != known || f.open != f.armed {
			w.fail("descriptor %d: open %v, registered %v, in use %v", fd, f.open, f.armed, known)
		}
	}
}

// checkLog: one line a second at most (A1, F8, I7).
func (w *watch) checkLog() {
	j := &w.journal
	complaints := j.warnings
	j.warnings = 0
	if complaints == 0 {
		return
	}
	if complaints > 1 || j.complaints > 0 && w.kernel.clock < j.complainedAt+time.Second {
		w.fail("%d complaints in the log, %v after the last one", complaints, w.kernel.clock-j.complainedAt)
	}
	j.complaints++
	j.complainedAt = w.kernel.clock
}

// checkTimeout: the loop sleeps until the nearest deadline, neither longer nor shorter, and not at
// all with work left (B12, B15, I3).
func (w *watch) checkTimeout(timeout time.Duration) {
	nearest := never
	w.live(func(v *view) {
		nearest = min(nearest, w.deadline(v))
		if v.work {
			nearest = 0
		}
	})
	for _, p := range w.receipts {
		if p.to.closed && !p.from.left {
			nearest = 0 // its sender waits to hear of it
		}
	}
	if w.listener.paused && !w.stopping() {
		nearest = min(nearest, w.listener.since+acceptPause)
	}
	if w.stopping() {
		if nearest == never {
			w.fail("the loop has stopped, has nobody left and waits")
		}
		nearest = min(nearest, w.stopped.since+drainFor)
	}
	wanted := max(0, nearest-w.kernel.clock)
	if nearest == never {
		wanted = poller.Forever
	}
	if timeout != wanted {
		w.fail("the loop would wait %s and should wait %s (B12)", waitName(timeout), waitName(wanted))
	}
}

func waitName(timeout time.Duration) string {
	if timeout == poller.Forever {
		return "forever"
	}
	return timeout.String()
}

// mayClose is asked before a connection is closed. It reports whether all had been said by then.
func (w *watch) mayClose(v *view) (whole bool) {
	overdue := w.kernel.clock >= w.deadline(v) && v.moved == 0 && !w.partial
	switch {
	case v.queued && overdue && v.stalled && (v.writes > 0 || v.ready&poller.Writable == 0): // it had its chance first (B13)
		w.counts.timeouts++
		w.timeouts++
		return false
	case slices.Contains(w.next, v):
		return false
	case v.failed != nil, v.ready&poller.Ended != 0 && (v.deaf || v.dismissed) && !v.shut:
		return false
	case (v.left || v.dismissed) && !v.early && v.ended && v.queue() == 0 && !v.shut:
		return true
	case v.shut && v.ended:
		return true
	case v.shut && overdue && w.stopping() && len(v.socket.out) > 0:
		w.fail("%s is closed at the stop with %d bytes unacknowledged (G18)", v.id, len(v.socket.out))
	case v.shut && overdue && (v.reads > 0 || v.ready == 0):
		return false
	case w.stopping() && v.left && !v.early && v.queue() == 0 && !v.shut:
		if len(v.socket.out) > 0 {
			w.fail("%s is closed at the stop with %d bytes unacknowledged (G18)", v.id, len(v.socket.out))
		}
		return true // idle at the stop
	}
	w.fail("%s is closed for no reason: %d bytes queued, %d moved in this turn, %d replies owed, nothing moved since %v",
		v.id, v.queue(), v.moved, v.waits, v.since)
	return false
}

// standsApart reports whether an ID is the listener's or the wake's.
func standsApart(id state.ID) bool { return id.Slot() == listenerFD || id.Slot() == wakeFD }
