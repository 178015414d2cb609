package main

import "syscall"

// An evictionClass says whether a connection may be evicted when there is no descriptor for a new
// client. Those that linger go before those that are not logged in, of each the oldest first, and users
// never (A9).
type evictionClass int

const (
	protected       evictionClass = iota // logged in, or its last frame is in its queue
	unauthenticated                      // not logged in
	lingering
)

// accepted takes note of how a call of accept ended. Without a descriptor the loop closes its reserve
// and tries again. If a client was waiting, another connection is evicted for it; if there is none that
// may be, the client is rejected (A1).
func (o *observer) accepted(fd int, err error) {
	full := err == syscall.EMFILE || err == syscall.ENFILE
	t := &o.turn
	switch {
	case err == nil:
		t.effects++
		if t.reserveClosed {
			if t.evictable = o.evictable(); len(t.evictable) == 0 {
				o.rejected = fd
			}
		}
		return
	case full && o.reserve >= 0:
		return
	case full && !t.reserveClosed:
		t.evictable = o.evictable()
	case !full && (t.reserveClosed || err != syscall.ENOBUFS && err != syscall.ENOMEM):
		return
	}
	if len(t.evictable) == 0 {
		o.listener.paused, o.listener.since = true, o.kernel.Now()
	}
}

// classify takes note of a connection's class at the end of a turn.
func (o *observer) classify(c *connection) {
	now := protected
	switch {
	case c.shut:
		now = lingering
	case c.Name == "" && !c.ending():
		now = unauthenticated
	}
	if now != c.eviction {
		c.eviction, c.evictionTurn = now, o.counts[countTurns]
	}
}

// evictable returns the connections of which one must be evicted now. Of those that came into their
// class in the same turn, any may be.
func (o *observer) evictable() (oldest []*connection) {
	for _, c := range o.connected {
		over := c.failed != nil || c.loggedOut && !c.shut || c.shut && c.inputEnded
		if c.eviction == protected || over || c.eviction == unauthenticated && (c.Name != "" || c.Done) {
			continue
		}
		switch {
		case len(oldest) == 0 || oldest[0].eviction < c.eviction,
			oldest[0].eviction == c.eviction && oldest[0].evictionTurn > c.evictionTurn:
			oldest = []*connection{c}
		case oldest[0].eviction == c.eviction && oldest[0].evictionTurn == c.evictionTurn:
			oldest = append(oldest, c)
		}
	}
	return oldest
}

// checkEvicted: if a connection had to be evicted, one was.
func (o *observer) checkEvicted() {
	for _, c := range o.turn.evictable {
		if c.closed {
			return
		}
	}
	if len(o.turn.evictable) > 0 {
		o.fail("%s should have been evicted (A9)", o.turn.evictable[0].id)
	}
}
