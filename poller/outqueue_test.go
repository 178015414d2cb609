package poller

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"chatd/protocol"
	"chatd/state"
)

// receipt makes a receipt that is told from others by its number.
func receipt(n int) protocol.Receipt {
	return protocol.Receipt{Owner: state.NewID(7, 1), Place: uint32(n)}
}

func sharedIf(shared bool) *protocol.Shared {
	if shared {
		return new(protocol.Shared)
	}
	return nil
}

// A queueModel is what an outQueue is, said plainly: all bytes ever pushed, how many of them have
// been taken, and where the frames with receipts end.
type queueModel struct {
	text  []byte
	taken int
	ends  []int
	given int // receipts that have fallen due
}

func (m *queueModel) push(q *outQueue, text []byte, shared, withReceipt bool) {
	f := protocol.Frame{Text: text, Shared: sharedIf(shared)}
	if withReceipt {
		f.Receipt = receipt(len(m.ends))
		m.ends = append(m.ends, len(m.text)+len(text))
	}
	q.push(&f)
	m.text = append(m.text, text...)
	if !shared {
		clear(text) // good until the machine's next call only
	}
}

// take has the kernel take at most n bytes, and compares.
func (m *queueModel) take(t *testing.T, q *outQueue, n int) {
	t.Helper()
	n = min(n, len(q.head()))
	if got, want := q.head()[:n], m.text[m.taken:m.taken+n]; !bytes.Equal(got, want) {
		t.Fatalf("after %d bytes the queue offers %s, expected %s", m.taken, brief(string(got)), brief(string(want)))
	}
	due := q.consume(n, nil)
	m.taken += n
	for _, got := range due {
		if m.given == len(m.ends) || got != receipt(m.given) || m.ends[m.given] > m.taken {
			t.Fatalf("after %d bytes receipt %d is due; expected number %d of the ends %v",
				m.taken, got.Place, m.given, m.ends)
		}
		m.given++
	}
	if m.given < len(m.ends) && m.ends[m.given] <= m.taken {
		t.Fatalf("after %d bytes the receipt of the frame that ends at %d is not due", m.taken, m.ends[m.given])
	}
	m.check(t, q)
}

func (m *queueModel) check(t *testing.T, q *outQueue) {
	t.Helper()
	for _, c := range q.chunks {
		if c.shared == nil && len(c.text) > chunkSize {
			t.Fatalf("a chunk has %d bytes, at most %d leave in one write", len(c.text), chunkSize)
		}
	}
	for _, c := range q.chunks[len(q.chunks):cap(q.chunks)] {
		if c.text != nil {
			t.Fatalf("a chunk that was taken is still in memory: %d bytes", cap(c.text))
		}
	}
	if want := len(m.text) - m.taken; q.size != want {
		t.Fatalf("after %d bytes the queue's size is %d, expected %d", m.taken, q.size, want)
	}
}

// D1, PR12: whatever the kernel takes at a time, the bytes leave in order, and a receipt is due
// with the last byte of its frame and not one earlier.
func TestD1ReceiptsFallDueWithTheLastByteOfTheirFrame(t *testing.T) {
	lengths := []int{1, 40, shareFrom - 1, 3, shareFrom, 5, chunkSize, 7, 2*chunkSize + 1, 9, 11}
	sizes := []int{
		1, 2, 3, 5, 7, 40, 41, 1000, 4095, shareFrom, shareFrom + 1,
		chunkSize - 1, chunkSize, 10 * chunkSize,
	}
	for _, shared := range []bool{false, true} {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("shared=%v/%d", shared, size), func(t *testing.T) {
				var q outQueue
				var m queueModel
				for i, length := range lengths {
					m.push(&q, bytes.Repeat([]byte{'a' + byte(i)}, length), shared, i%3 != 1)
				}
				for q.size > 0 {
					m.take(t, &q, size)
				}
				if m.given != len(m.ends) {
					t.Fatalf("%d receipts fell due, expected %d", m.given, len(m.ends))
				}
			})
		}
	}
}

// D11: a LIST-OK that goes to many is in memory once. A short shared text is copied, to leave in
// one write with its neighbours (D16).
func TestD11LargeSharedFramesAreNotCopied(t *testing.T) {
	for _, test := range []struct {
		length         int
		shared, copied bool
	}{
		{shareFrom, true, false},
		{100 * shareFrom, true, false},
		{shareFrom - 1, true, true},
		{shareFrom, false, true},
	} {
		text := make([]byte, test.length)
		var q outQueue
		q.push(&protocol.Frame{Text: text, Shared: sharedIf(test.shared)})
		if copied := &q.head()[0] != &text[0]; copied != test.copied {
			t.Errorf("%d bytes, shared %v: copied %v, expected %v", test.length, test.shared, copied, test.copied)
		}
	}
}

// D11: what follows a shared frame is not appended to it, though its memory may have room.
func TestD11NothingIsWrittenIntoASharedFrame(t *testing.T) {
	memory := bytes.Repeat([]byte("."), 2*shareFrom)
	var q outQueue
	q.push(&protocol.Frame{Text: []byte("before\n")})
	q.push(&protocol.Frame{Text: memory[:shareFrom], Shared: sharedIf(true)})
	q.consume(len("before\n"), nil)
	q.push(&protocol.Frame{Text: []byte("after\n")})
	q.push(&protocol.Frame{Text: []byte("later\n")})
	q.consume(shareFrom, nil)
	if got := string(q.head()); got != "after\nlater\n" {
		t.Errorf("after the shared frame the queue offers %q, expected %q", got, "after\nlater\n")
	}
	if n := bytes.Count(memory, []byte(".")); n != len(memory) {
		t.Errorf("%d bytes of the shared frame's memory have been overwritten", len(memory)-n)
	}
	// Nor is its memory used again when the kernel has taken it.
	text := bytes.Repeat([]byte("x"), shareFrom)
	var after outQueue
	after.push(&protocol.Frame{Text: text, Shared: new(protocol.Shared)})
	after.consume(len(text), nil)
	after.push(&protocol.Frame{Text: []byte("y")})
	if text[0] != 'x' {
		t.Error("a text that others hold was overwritten")
	}
}

// D16: many small frames are one piece, up to chunkSize, and so one write.
func TestD16SmallFramesLieTogether(t *testing.T) {
	var q outQueue
	for range chunkSize / 8 {
		q.push(&protocol.Frame{Text: []byte("SEND-OK\n"), Shared: sharedIf(true)})
	}
	if len(q.head()) != chunkSize {
		t.Errorf("%d bytes in frames of 8: the first piece has %d, expected all", q.size, len(q.head()))
	}
	q.push(&protocol.Frame{Text: []byte("SEND-OK\n"), Shared: sharedIf(true)})
	if len(q.chunks) != 2 {
		t.Errorf("with one frame more there are %d pieces, expected 2", len(q.chunks))
	}
}

// A client that is spoken to again and again costs no allocation, also when the queue goes into the
// pool in between.
func TestAnEmptyQueueIsUsedAgain(t *testing.T) {
	var q outQueue
	var due []protocol.Receipt
	f := protocol.Frame{Text: []byte("DELIVERY a hello\n"), Receipt: receipt(1)}
	if n := testing.AllocsPerRun(100, func() {
		for range 10 {
			q.push(&f)
		}
		for q.size > 0 {
			due = q.consume(min(7, len(q.head())), due[:0])
		}
	}); n != 0 {
		t.Errorf("%v allocations, expected none", n)
	}
}

func TestAnEmptyQueueKeepsLittleMemory(t *testing.T) {
	var q outQueue
	q.push(&protocol.Frame{Text: make([]byte, 1<<20), Receipt: receipt(1)})
	for q.size > 0 {
		q.consume(len(q.head()), nil)
	}
	if q.own != cap(q.spare) || q.own > maxSpare {
		t.Errorf("an empty queue keeps %d bytes after a long frame and counts %d, expected at most %d",
			cap(q.spare), q.own, maxSpare)
	}
	q.push(&protocol.Frame{Text: make([]byte, chunkSize/2), Receipt: receipt(1)})
	q.consume(chunkSize/2, nil)
	if cap(q.spare) < chunkSize/2 || q.own != cap(q.spare) {
		t.Errorf("an empty queue keeps %d bytes, and counts %d", cap(q.spare), q.own)
	}
}

// D3: of a queue that is given up, the receipts that have not fallen due come back, in order.
func TestD3AnAbandonedQueueGivesItsReceiptsBack(t *testing.T) {
	var q outQueue
	for i := range 4 {
		q.push(&protocol.Frame{Text: []byte("DELIVERY a x\n"), Receipt: receipt(i)})
	}
	due := q.consume(len("DELIVERY a x\nDEL"), nil)
	lost := q.discard(nil)
	if !slices.Equal(due, []protocol.Receipt{receipt(0)}) ||
		!slices.Equal(lost, []protocol.Receipt{receipt(1), receipt(2), receipt(3)}) {
		t.Errorf("due %v, lost %v; expected the first, and the other three", due, lost)
	}
	if q.size != 0 || len(q.chunks) != 0 || len(q.discard(nil)) != 0 {
		t.Errorf("the queue still has %d bytes", q.size)
	}
}

// brief shows a text that may be long.
func brief(text string) string {
	if len(text) <= 200 {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprintf("%q...%q (%d bytes)", text[:100], text[len(text)-100:], len(text))
}
