package poller

import (
	"log/slog"
	"math"
	"time"

	"chatd/protocol"
)

// timeouts are the timeouts of one kind. All are equally long, so the order in which they are set is
// the order in which they expire, and a list is enough: setting and removing one costs the same however
// many there are.
//
// There is no timer behind it. The nearest timeout is that of the loop's next Wait, and where there is
// none, Wait has none.
type timeouts struct {
	list
	after time.Duration // 0: they never expire, and only their order is used
}

// never is later than every timeout.
const never time.Duration = math.MaxInt64

// nearest is when the first timeout expires.
func (t *timeouts) nearest() time.Duration {
	if t.first == nil {
		return never
	}
	return t.first.at
}

// set sets the timeout of a connection that sends or lingers, in place of the one it may have.
func (t *timeouts) set(c *conn, now time.Duration) { t.push(&c.timeout, c, t.expiry(now)) }

// setLogin sets the login timeout of a connection. It stands beside the other one, so that a client
// cannot prolong it by what it does (C4).
func (t *timeouts) setLogin(c *conn, now time.Duration) { t.push(&c.login, c, t.expiry(now)) }

func (t *timeouts) expiry(now time.Duration) time.Duration {
	if t.after == 0 {
		return never
	}
	return now + t.after
}

// timeout is how long Wait may sleep, and the time from which on. It remembers when the nearest timeout of
// any kind expires; if there is none, the time does not matter.
func (l *Loop) timeout() (sleep, now time.Duration) {
	l.nearest = min(l.watchdogDue, l.statsDue)
	for _, t := range []*timeouts{&l.sendTimeouts, &l.lingerTimeouts, &l.loginTimeouts} {
		l.nearest = min(l.nearest, t.nearest())
	}
	if l.pausedUntil > 0 {
		l.nearest = min(l.nearest, l.pausedUntil)
	}
	if l.stops > 0 {
		l.nearest = min(l.nearest, l.stopUntil)
	}
	if l.nearest != never {
		now = l.Kernel.Now()
	}
	switch {
	case l.resumed.first != nil || len(l.lost) > 0:
		return 0, now
	case l.nearest == never:
		return Forever, now
	}
	return max(0, l.nearest-now), now
}

// timerNow is the time by which timeouts expire in this turn. What was ready at that time is in the batch:
// it is the time before Wait, or if Wait has slept and found nothing, the time to which it slept. The clock
// after Wait would be wrong, since the process may have been stopped between the two (B13).
//
// It is -1 if no timeout is set, or if the batch was full: after an absence more connections may be ready
// than fit, so as many batches are handled first as it takes to see every connection (B13), but no more
// (F12).
func (l *Loop) timerNow(events int, sleep, before, after time.Duration) time.Duration {
	if events == len(l.events) {
		if l.fullBatches++; l.fullBatches*events < l.connections+len(l.Listeners)+1 { // one more is the wake
			return -1
		}
	}
	l.fullBatches = 0
	switch {
	case l.nearest == never:
		return -1
	case events == 0:
		return min(before+sleep, after)
	}
	return before
}

// expire handles the timeouts that have expired by now.
func (l *Loop) expire(now time.Duration) error {
	for l.sendTimeouts.nearest() <= now {
		c := l.sendTimeouts.first.conn
		if n := l.Kernel.Unacknowledged(c.ID.Slot()); n < c.unacknowledged {
			c.unacknowledged = n // the client took something, but not enough for the kernel to take more from us
			l.sendTimeouts.set(c, now)
		} else {
			l.abortAndWarn(c, SendTimeout)
		}
	}
	for l.loginTimeouts.nearest() <= now {
		l.abort(l.loginTimeouts.first.conn, LoginTimeout)
	}
	for l.lingerTimeouts.nearest() <= now {
		c := l.lingerTimeouts.first.conn
		if l.stops > 0 && l.Kernel.Unacknowledged(c.ID.Slot()) > 0 {
			l.lingerTimeouts.set(c, now) // until the drain timeout (beginStop)
			continue
		}
		l.abort(c, c.reason)
	}
	if l.watchdogDue <= now {
		l.watchdogDue = now + l.Watchdog
		l.report(Alive)
	}
	if l.statsDue <= now {
		l.statsDue, l.statsFrom = never, now+l.StatsEvery
		l.report(Changed)
	}
	if l.pausedUntil > 0 && l.pausedUntil <= now {
		return l.unpause()
	}
	return nil
}

// abortAndWarn aborts a connection for a reason that an administrator may want to know.
func (l *Loop) abortAndWarn(c *conn, reason protocol.Reason) {
	l.warnLimited("closing", slog.Any("reason", reason), slog.Any("client", c.ID),
		slog.Any("peer", peer{l.Kernel, c.ID.Slot()}), slog.String("name", l.name(c)), slog.Int("queued", c.out.size), slog.Int("held", c.held))
	l.abort(c, reason)
}

// A list is a doubly linked list of connections in the order in which they were pushed. Its links are
// part of the conn, so pushing and removing cost the same however many there are, and allocate nothing.
type list struct{ first, last *link }

// A link is a connection's place in at most one list.
type link struct {
	conn       *conn
	list       *list // nil: none
	at         time.Duration
	prev, next *link
}

// push puts a connection's link at the end of the list, out of the list that it may be in.
func (l *list) push(k *link, c *conn, at time.Duration) {
	k.remove()
	*k = link{conn: c, list: l, at: at, prev: l.last}
	if l.last != nil {
		l.last.next = k
	} else {
		l.first = k
	}
	l.last = k
}

// remove takes a link out of its list, if it is in one.
func (k *link) remove() {
	l := k.list
	if l == nil {
		return
	}
	if k.prev != nil {
		k.prev.next = k.next
	} else {
		l.first = k.next
	}
	if k.next != nil {
		k.next.prev = k.prev
	} else {
		l.last = k.prev
	}
	k.list, k.prev, k.next = nil, nil, nil
}
