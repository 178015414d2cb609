package poller

import "testing"

// FuzzOutQueue pushes frames and takes bytes in any order and of any size, and compares the queue
// with a plain slice of bytes and a list of ends (D1).
//
// Each step is two bytes. The first says what: take, or push a frame that may be shared and may
// have a receipt. The second says how much, on a scale that reaches beyond all limits of the queue.
func FuzzOutQueue(f *testing.F) {
	f.Add([]byte{1, 5, 3, 9, 0, 7, 7, 200, 0, 255, 0, 3})       // short frames, then a long shared one
	f.Add([]byte{7, 201, 1, 1, 0, 203, 3, 2, 0, 1, 0, 1, 0, 1}) // a shared frame first
	f.Add([]byte{3, 220, 3, 220, 3, 220, 0, 190, 3, 1, 0, 255}) // chunks that fill up
	f.Fuzz(func(t *testing.T, steps []byte) {
		var q outQueue
		var m queueModel
		for ; len(steps) >= 2 && len(m.text) < 8*chunkSize; steps = steps[2:] {
			what, length := steps[0], scale(steps[1])
			switch {
			case what&1 != 0:
				text := make([]byte, length)
				for i := range text {
					text[i] = byte(len(m.text) + i)
				}
				m.push(&q, text, what&4 != 0, what&2 != 0)
			case q.size > 0:
				m.take(t, &q, length)
			case what&2 != 0: // another connection has it
				m.text, m.ends, m.taken, m.given = nil, nil, 0, 0
			}
			m.check(t, &q)
		}
		for q.size > 0 {
			m.take(t, &q, chunkSize)
		}
		if m.given != len(m.ends) {
			t.Fatalf("%d receipts fell due, expected %d", m.given, len(m.ends))
		}
	})
}

// scale makes one byte a length: 1 to 128 as they are, then in steps of 1 KiB up to 128 KiB.
func scale(b byte) int {
	if b < 128 {
		return int(b) + 1
	}
	return (int(b)-127)<<10 - int(b)&1
}
