package state

import "strconv"

// An ID identifies one connection. Its low half is the connection's slot, which is its descriptor and
// so is small and used again; its high half is the slot's generation, which grows with each
// connection. A closed connection's ID does not match that of a later one, so stale events and late
// receipts are ignored.
//
// A generation is odd while a connection has the slot: it grows when one begins and when one ends. So the
// zero ID is no connection's, and an ID comes again only after 2^31 connections of one slot.
type ID uint64

// NewID joins a slot and its generation.
func NewID(slot int, generation uint32) ID { return ID(generation)<<32 | ID(uint32(slot)) }

// Slot is the index of the connection in tables: its descriptor.
func (id ID) Slot() int { return int(uint32(id)) }

// Generation tells apart the connections that have had the slot.
func (id ID) Generation() uint32 { return uint32(id >> 32) }

// String is for logs and traces: the first connection of slot 7 is 7.1, the second 7.3.
func (id ID) String() string {
	return strconv.Itoa(id.Slot()) + "." + strconv.FormatUint(uint64(id.Generation()), 10)
}

// A Session is the protocol's state of one client. The loop keeps it as part of what it holds for an
// active connection; of an idle client only the ID and LoggedIn have to be remembered.
//
// Replies leave in the order of the requests (PR12). A reply that is not known yet, because its
// DELIVERY has not been sent, holds back those to later requests: they wait in a FIFO, each in a place
// of its own.
type Session struct {
	ID       ID
	LoggedIn bool // the Registry has a name for ID.Slot()

	// replies[head:] are waiting. Their places are indexes, which begin at 0 again when the FIFO is
	// empty. replies[head] is always Unresolved: a known reply at the head leaves at once.
	replies []Reply
	head    int
}

// A Reply is one answer of the protocol, by number. Package protocol has the texts.
type Reply uint8

// Unresolved is the reply that is not known yet.
const Unresolved Reply = 0

// Pending reports whether the client waits for a reply, so that a further one has to wait behind it.
func (s *Session) Pending() bool { return s.head < len(s.replies) }

// Last is the reply at the end of the FIFO, which must not be empty.
func (s *Session) Last() Reply { return s.replies[len(s.replies)-1] }

// Append puts a reply at the end of the FIFO and returns its place.
func (s *Session) Append(reply Reply) (place uint32) {
	s.replies = append(s.replies, reply)
	return uint32(len(s.replies) - 1)
}

// Resolve says what the reply in a place is, and removes and returns the known replies at the head of the
// FIFO, which may leave now. They are valid until the next call.
func (s *Session) Resolve(place uint32, reply Reply) (ready []Reply) {
	s.replies[place] = reply
	first := s.head
	for s.head < len(s.replies) && s.replies[s.head] != Unresolved {
		s.head++
	}
	ready = s.replies[first:s.head]
	if s.head == len(s.replies) {
		s.replies, s.head = s.replies[:0], 0
	}
	return ready
}

// Reset makes the session that of another client and keeps the memory of the FIFO.
func (s *Session) Reset(id ID, loggedIn bool) {
	*s = Session{ID: id, LoggedIn: loggedIn, replies: s.replies[:0]}
}

// pageLen is how many records a Table allocates at a time.
const pageLen = 1024

// A Table is an array of records, indexed by slot, that grows with the highest slot used. It grows page
// by page: no record is ever copied, so a pointer to one stays valid, and the size does not depend on
// the descriptor limit. The kernel returns the lowest free descriptor, so the pages are dense.
type Table[T any] struct {
	pages []*[pageLen]T
}

// At returns the record of slot i and allocates its page if necessary. i must not be negative.
func (t *Table[T]) At(i int) *T {
	p := i / pageLen
	for p >= len(t.pages) {
		t.pages = append(t.pages, nil)
	}
	if t.pages[p] == nil {
		t.pages[p] = new([pageLen]T)
	}
	return &t.pages[p][i%pageLen]
}

// Each calls visit for every record of the allocated pages, in order of slots.
func (t *Table[T]) Each(visit func(i int, record *T)) {
	for p, page := range t.pages {
		if page == nil {
			continue
		}
		for i := range page {
			visit(p*pageLen+i, &page[i])
		}
	}
}
