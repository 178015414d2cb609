package poller

import (
	"testing"
	"unsafe"
)

// A message costs no allocation and at most two writes, and those in the same turn share them: one
// for what the target hears, one for each sender's SEND-OKs. A benchmark would show it as numbers
// that nobody compares; here the build fails.
func TestKindAllocationsAndWritesOfATurn(t *testing.T) {
	for _, load := range []load{{1, 1}, {1, 100}, {50, 1}, {50, 16}} {
		l, k := newTraffic(t, load.senders, load.messages)
		if n := testing.AllocsPerRun(100, func() { l.Turn() }); n != 0 {
			t.Errorf("%+v: %v allocations a turn, expected none", load, n)
		}
		k.writes = 0
		l.Turn()
		if expected := 1 + load.senders; k.writes != expected {
			t.Errorf("%+v: %d writes in a turn, expected %d: the target once and each sender once", load, k.writes, expected)
		}
	}
}

// An idle connection is one slot, and a slot is two words. With the limit of descriptors at a
// million, each word more is 8 MB.
func TestKindSizeOfASlot(t *testing.T) {
	if size := unsafe.Sizeof(slot{}); size > 16 {
		t.Errorf("a slot is %d bytes, expected 16 at most", size)
	}
}
