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
	chunks   []chunk         // in order
	offset   int             // how much of the first chunk the kernel has taken
	size     int             // bytes that the kernel has not taken
	own      int             // capacity of the chunks and the spare that belong to this queue alone, in bytes
	taken    uint64          // bytes that the kernel has taken, in all
	receipts []offsetReceipt // in order
	spare    []byte          // the memory of an own chunk that is used up
	shared   int             // length of the shared texts among the chunks, in bytes
	change   int             // by how much this queue has changed the sum of all shared texts, each counted once
}

// A chunk is written in one piece.
type chunk struct {
	text   []byte
	shared *protocol.Shared // nil: the text is ours, to append to
}

// A mark stands behind the last byte of a frame with a receipt: the receipt is due when the kernel
// has taken that many bytes in all.
type offsetReceipt struct {
	end     uint64
	receipt protocol.Receipt
}

// push appends a frame.
func (q *outQueue) push(f *protocol.Frame) {
	switch {
	case f.Shared != nil && len(f.Text) >= shareFrom:
		q.hold(f)
	default:
		q.copy(f.Text)
	}
	q.size += len(f.Text)
	if f.Receipt != (protocol.Receipt{}) {
		q.receipts = append(q.receipts, offsetReceipt{q.taken + uint64(q.size), f.Receipt})
	}
}

// hold appends a shared text without copying it.
func (q *outQueue) hold(f *protocol.Frame) {
	if f.Shared.Holders++; f.Shared.Holders == 1 {
		q.change += len(f.Text)
	}
	q.shared += len(f.Text)
	q.chunks = append(q.chunks, chunk{f.Text, f.Shared})
}

// release is the counterpart of hold.
func (q *outQueue) release(c chunk) {
	if c.shared.Holders--; c.shared.Holders == 0 {
		q.change -= len(c.text)
	}
	q.shared -= len(c.text)
}

// copy appends a text, in chunks of at most chunkSize, so that the memory of a long text is given
// back piece by piece as the kernel takes it.
func (q *outQueue) copy(text []byte) {
	for len(text) > 0 {
		last := len(q.chunks) - 1
		if last < 0 || q.chunks[last].shared != nil || len(q.chunks[last].text) == chunkSize {
			q.chunks = append(q.chunks, chunk{text: q.spare})
			q.spare = nil
			last++
		}
		c := &q.chunks[last]
		n := min(len(text), chunkSize-len(c.text))
		before := cap(c.text)
		c.text = append(c.text, text[:n]...)
		q.own += cap(c.text) - before
		text = text[n:]
	}
}

// head is what is to be written next. The queue must not be empty.
func (q *outQueue) head() []byte { return q.chunks[0].text[q.offset:] }

// consume takes note that the kernel has taken n bytes of the head, and appends the receipts that are
// due by that.
func (q *outQueue) consume(n int, due []protocol.Receipt) []protocol.Receipt {
	q.size -= n
	q.taken += uint64(n)
	q.offset += n
	if q.offset == len(q.chunks[0].text) {
		q.drop()
	}
	fallen := 0
	for fallen < len(q.receipts) && q.receipts[fallen].end <= q.taken {
		due = append(due, q.receipts[fallen].receipt)
		fallen++
	}
	q.receipts = q.receipts[:copy(q.receipts, q.receipts[fallen:])]
	return due
}

// drop takes the first chunk out, keeping its memory if it is our own.
func (q *outQueue) drop() {
	first := q.chunks[0]
	switch {
	case first.shared != nil:
		q.release(first)
	case len(q.chunks) == 1 && cap(first.text) <= spareChunk:
		q.own -= cap(q.spare)
		q.spare = first.text[:0]
	default:
		q.own -= cap(first.text)
	}
	last := copy(q.chunks, q.chunks[1:])
	q.chunks[last] = chunk{} // or its text would be held
	q.chunks = q.chunks[:last]
	q.offset = 0
}

// emptied is an empty queue with the memory of this one.
func (q *outQueue) emptied() outQueue {
	return outQueue{chunks: q.chunks[:0], receipts: q.receipts[:0], spare: q.spare, own: cap(q.spare)}
}

// capacity is how much memory an empty queue holds, in bytes.
func (q *outQueue) capacity() int {
	return cap(q.spare) + cap(q.chunks)*int(unsafe.Sizeof(chunk{})) + cap(q.receipts)*int(unsafe.Sizeof(offsetReceipt{}))
}

// discard empties the queue and appends the receipts that can no longer fall due.
func (q *outQueue) discard(lost []protocol.Receipt) []protocol.Receipt {
	for _, m := range q.receipts {
		lost = append(lost, m.receipt)
	}
	for _, c := range q.chunks {
		if c.shared != nil {
			q.release(c)
		}
	}
	*q = outQueue{change: q.change}
	return lost
}
