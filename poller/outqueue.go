package poller

import (
	"unsafe"

	"chatd/protocol"
)

const (
	// chunkSize is how much is queued in one piece, in bytes, and so about how much of a connection
	// is written in one turn.
	chunkSize = 64 << 10

	// shareFrom is the length from which a shared frame is queued as a piece of its own, in bytes.
	// A shorter one is copied, to leave in one write with its neighbours.
	shareFrom = 16 << 10

	// spareChunk is the longest chunk whose memory is used again, in bytes.
	spareChunk = 2 * chunkSize
)

// An outQueue is what a connection still has to send: bytes in order, and the receipts that fall
// due among them. It is a stream; where one frame ends and the next begins matters only to the
// receipts.
type outQueue struct {
	chunks []chunk // in order
	offset int     // how much of the first chunk the kernel has taken
	size   int     // bytes that the kernel has not taken
	own    int     // of these, bytes that are kept for this queue alone
	taken  uint64  // bytes that the kernel has taken, in all
	marks  []mark  // in order
	spare  []byte  // the memory of an own chunk that is used up
}

// A chunk is written in one piece.
type chunk struct {
	text   []byte
	shared *protocol.Shared // nil: the text is ours, to append to
}

// A mark stands behind the last byte of a frame with a receipt: the receipt is due when the kernel
// has taken that many bytes in all.
type mark struct {
	end     uint64
	receipt protocol.Receipt
}

// push appends a frame.
func (q *outQueue) push(f *protocol.Frame) {
	last := len(q.chunks) - 1
	switch {
	case f.Shared != nil && len(f.Text) >= shareFrom:
		f.Shared.Holders++
		q.chunks = append(q.chunks, chunk{f.Text, f.Shared})
	case last >= 0 && q.chunks[last].shared == nil && len(q.chunks[last].text)+len(f.Text) <= chunkSize:
		q.chunks[last].text = append(q.chunks[last].text, f.Text...)
		q.own += len(f.Text)
	default:
		q.chunks = append(q.chunks, chunk{text: append(q.spare, f.Text...)})
		q.spare = nil
		q.own += len(f.Text)
	}
	q.size += len(f.Text)
	if f.Receipt != (protocol.Receipt{}) {
		q.marks = append(q.marks, mark{q.taken + uint64(q.size), f.Receipt})
	}
}

// head is what is to be written next. The queue must not be empty.
func (q *outQueue) head() []byte { return q.chunks[0].text[q.offset:] }

// took takes note that the kernel has taken n bytes of the head, and appends the receipts that are
// due by that.
func (q *outQueue) took(n int, due []protocol.Receipt) []protocol.Receipt {
	q.size -= n
	if q.chunks[0].shared == nil {
		q.own -= n
	}
	q.taken += uint64(n)
	q.offset += n
	if q.offset == len(q.chunks[0].text) {
		q.drop()
	}
	fallen := 0
	for fallen < len(q.marks) && q.marks[fallen].end <= q.taken {
		due = append(due, q.marks[fallen].receipt)
		fallen++
	}
	q.marks = q.marks[:copy(q.marks, q.marks[fallen:])]
	return due
}

// drop takes the first chunk out, keeping its memory if it is our own.
func (q *outQueue) drop() {
	first := q.chunks[0]
	switch {
	case first.shared != nil:
		first.shared.Holders--
	case len(q.chunks) == 1 && cap(first.text) <= spareChunk:
		q.spare = first.text[:0]
	}
	last := copy(q.chunks, q.chunks[1:])
	q.chunks[last] = chunk{} // or its text would be held
	q.chunks = q.chunks[:last]
	q.offset = 0
}

// share is how many bytes are kept because of this queue: its own, and its part of those that it
// keeps together with others.
func (q *outQueue) share() int {
	bytes := q.own
	for _, c := range q.chunks {
		if c.shared != nil {
			bytes += len(c.text) / c.shared.Holders
		}
	}
	return bytes
}

// emptied is an empty queue with the memory of this one.
func (q *outQueue) emptied() outQueue {
	return outQueue{chunks: q.chunks[:0], marks: q.marks[:0], spare: q.spare}
}

// memory is how much of it an empty queue holds, in bytes.
func (q *outQueue) memory() int {
	return cap(q.spare) + cap(q.chunks)*int(unsafe.Sizeof(chunk{})) + cap(q.marks)*int(unsafe.Sizeof(mark{}))
}

// abandon empties the queue and appends the receipts that can no longer fall due.
func (q *outQueue) abandon(undelivered []protocol.Receipt) []protocol.Receipt {
	for _, m := range q.marks {
		undelivered = append(undelivered, m.receipt)
	}
	for _, c := range q.chunks {
		if c.shared != nil {
			c.shared.Holders--
		}
	}
	*q = outQueue{}
	return undelivered
}
