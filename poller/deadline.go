package poller

import (
	"math"
	"time"
)

// timeouts are the timeouts of one kind. All are equally far ahead when they are set, so the
// order in which they are set is the order in which they fall due, and a list is enough: setting,
// moving and taking back cost the same however many there are. A connection has at most one
// deadline.
//
// There is no timer behind it. The nearest deadline is the timeout of the loop's next wait, and
// where there is none the wait has none.
type timeouts struct {
	list
	after time.Duration // 0: they are never due, and only their order is of use
}

// never is later than every deadline.
const never time.Duration = math.MaxInt64

// nearest is when the first deadline is due.
func (d *timeouts) nearest() time.Duration {
	if d.first == nil {
		return never
	}
	return d.first.at
}

// set gives a connection a deadline, in place of the one it may have.
func (d *timeouts) set(c *conn, now time.Duration) {
	due := now + d.after
	if d.after == 0 {
		due = never
	}
	d.push(&c.timeout, c, due)
}

// timeout is how long the loop may sleep.
func (l *Loop) timeout() time.Duration {
	if len(l.resumed) > 0 || len(l.lost) > 0 {
		return 0
	}
	nearest := l.nearest()
	if nearest == never {
		return Forever
	}
	return max(0, nearest-l.Kernel.Now())
}

// nearest is when the first deadline is due, of all kinds.
func (l *Loop) nearest() time.Duration {
	nearest := min(l.writeTimeouts.nearest(), l.lingerTimeouts.nearest(), l.loginTimeouts.nearest(), l.watchdogDue, l.stats.due)
	if l.pausedUntil > 0 {
		nearest = min(nearest, l.pausedUntil)
	}
	if l.stops > 0 {
		nearest = min(nearest, l.stopUntil)
	}
	return nearest
}

// judgedBy is the time by which the timeouts of this turn are judged: the time at which its events
// were known, so that what comes to pass while the process itself is stopped in the middle of a
// turn is seen first. It is 0, and nobody is judged, as long as there may be connections whose
// events did not fit: after an absence all have something to say, and the next turn hears those who
// wait longest.
func (l *Loop) judgedBy(events int) time.Duration {
	l.unheard -= events
	if events == len(l.events) && l.unheard > 0 {
		return 0
	}
	l.unheard = l.count + 2 // the listener and the wake have places among the events as well
	if l.nearest() == never {
		return 0
	}
	return l.Kernel.Now()
}

// expire ends what had come to its deadline by now.
func (l *Loop) expire(now time.Duration) error {
	for l.writeTimeouts.nearest() <= now {
		c := l.writeTimeouts.first.conn
		if n := l.Kernel.Unsent(c.id.Slot()); n < c.unsent {
			c.unsent = n // the client has taken something, if too little for us to hear of it
			l.writeTimeouts.set(c, now)
		} else {
			l.abortAndLog(c, SendTimeout)
		}
	}
	for l.loginTimeouts.nearest() <= now {
		l.abort(l.loginTimeouts.first.conn, LoginTimeout)
	}
	for l.lingerTimeouts.nearest() <= now {
		c := l.lingerTimeouts.first.conn
		if l.stops > 0 && l.Kernel.Unsent(c.id.Slot()) > 0 {
			l.lingerTimeouts.set(c, now) // until the drain timeout: to close now could destroy these bytes
			continue
		}
		l.abort(c, c.reason)
	}
	if l.watchdogDue <= now {
		l.pingWatchdog(now)
	}
	if l.stats.due <= now {
		l.writeStats()
	}
	if l.pausedUntil > 0 && l.pausedUntil <= now {
		return l.unpause()
	}
	return nil
}
