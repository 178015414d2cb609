package poller

import "time"

// A list is a doubly linked list of connections, in the order in which they were pushed. Its links
// are part of the conn, so that pushing and removing cost the same however many there are, and
// allocate nothing.
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
