package poller

import (
	"math"
	"time"
)

// deadlines are the deadlines of one kind. All are equally far ahead when they are set, so the
// order in which they are set is the order in which they fall due, and a list is enough: setting,
// moving and taking back cost the same however many there are. A connection has at most one
// deadline.
//
// There is no timer behind it. The nearest deadline is the timeout of the loop's next wait, and
// where there is none the wait has none.
type deadlines struct {
	after       time.Duration // 0: they are never due, and only their order is of use
	first, last *conn
}

// never is later than every deadline.
const never time.Duration = math.MaxInt64

// nearest is when the first deadline is due.
func (d *deadlines) nearest() time.Duration {
	if d.first == nil {
		return never
	}
	return d.first.due
}

// set gives a connection a deadline, in place of the one it may have.
func (d *deadlines) set(c *conn, now time.Duration) {
	c.cancel()
	c.deadline, c.due = d, now+d.after
	if d.after == 0 {
		c.due = never
	}
	c.prev = d.last
	if d.last != nil {
		d.last.next = c
	} else {
		d.first = c
	}
	d.last = c
}

// cancel takes a connection's deadline back.
func (c *conn) cancel() {
	d := c.deadline
	if d == nil {
		return
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		d.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		d.last = c.prev
	}
	c.deadline, c.prev, c.next = nil, nil, nil
}
