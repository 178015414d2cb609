package poller

import "chatd/protocol"

const (
	// chunkSize is the most that is queued in one chunk and written in one call, in bytes, and so about
	// what is written to one client in one turn.
	chunkSize = 64 << 10

	// shareFrom is the length from which a shared text is held instead of copied, in bytes. A shorter
	// one is copied, to leave in one write with its neighbours.
	shareFrom = 16 << 10

	// maxSpare is the longest chunk whose memory is used again, in bytes.
	maxSpare = 2 * chunkSize
)

// An outQueue is what a connection still has to send: a stream of bytes, and the receipts at their
// offsets in it. Where one frame ends and the next begins matters to the receipts only.
type outQueue struct {
	chunks   []chunk // in order
	offset   int     // how much of the first chunk the kernel has taken
	size     int     // bytes that the kernel has not taken
	taken    uint64  // bytes that the kernel has taken, in all
	receipts []offsetReceipt

	spare  []byte // memory of a consumed chunk
	own    int    // capacity of the chunks that are not shared, and of spare, in bytes
	shared int    // length of the shared texts, in bytes
	change int    // by how much this queue changed the sum of all shared texts, each counted once
}

// A chunk is written in one call.
type chunk struct {
	text   []byte
	shared *protocol.Shared // nil: the text belongs to the queue, which may append to it
}

// An offsetReceipt is complete when the kernel has taken the bytes up to end.
type offsetReceipt struct {
	end     uint64
	receipt protocol.Receipt
}

// push appends a frame. A long shared text is held; any other is copied, in chunks of at most chunkSize,
// so that the memory of a long text is given back chunk by chunk.
func (q *outQueue) push(f *protocol.Frame) {
	text := f.Text
	if f.Shared != nil && len(text) >= shareFrom {
		if f.Shared.Holders++; f.Shared.Holders == 1 {
			q.change += len(text)
		}
		q.shared += len(text)
		q.chunks = append(q.chunks, chunk{text, f.Shared})
		text = nil
	}
	for len(text) > 0 {
		last := len(q.chunks) - 1
		if last < 0 || q.chunks[last].shared != nil || len(q.chunks[last].text) >= chunkSize {
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
	q.size += len(f.Text)
	if f.Receipt.Owner != 0 {
		q.receipts = append(q.receipts, offsetReceipt{q.taken + uint64(q.size), f.Receipt})
	}
}

// dropChunk gives back the memory of a chunk.
func (q *outQueue) dropChunk(c chunk) {
	if c.shared == nil {
		q.own -= cap(c.text)
		return
	}
	if c.shared.Holders--; c.shared.Holders == 0 {
		q.change -= len(c.text)
	}
	q.shared -= len(c.text)
}

// head is what is to be written next. The queue must not be empty.
func (q *outQueue) head() []byte { return q.chunks[0].text[q.offset:] }

// consume is told that the kernel has taken n bytes of the head. It appends the receipts that are
// complete by that.
func (q *outQueue) consume(n int, complete []protocol.Receipt) []protocol.Receipt {
	q.size -= n
	q.taken += uint64(n)
	q.offset += n
	if first := q.chunks[0]; q.offset == len(first.text) {
		q.dropChunk(first)
		if len(q.chunks) == 1 && first.shared == nil && cap(first.text) <= maxSpare { // it leaves its memory to the next
			q.own += cap(first.text) - cap(q.spare)
			q.spare = first.text[:0]
		}
		last := copy(q.chunks, q.chunks[1:])
		q.chunks[last] = chunk{} // or its text would stay in memory
		q.chunks, q.offset = q.chunks[:last], 0
	}
	done := 0
	for done < len(q.receipts) && q.receipts[done].end <= q.taken {
		complete = append(complete, q.receipts[done].receipt)
		done++
	}
	q.receipts = q.receipts[:copy(q.receipts, q.receipts[done:])]
	return complete
}

// discard empties the queue and appends the receipts that can no longer be complete.
func (q *outQueue) discard(lost []protocol.Receipt) []protocol.Receipt {
	for _, r := range q.receipts {
		lost = append(lost, r.receipt)
	}
	for _, c := range q.chunks {
		q.dropChunk(c)
	}
	*q = outQueue{change: q.change}
	return lost
}
