package poller

import (
	"math/bits"
	"testing"
	"time"

	"chatd/protocol"
)

// F8: the connection to close is the first of a class of sizes, which costs no walk through the others.
func TestF8TheVictimIsFoundAtOnce(t *testing.T) {
	var m memory
	conns := make([]conn, 10_000)
	for i := range conns {
		m.update(&conns[i], 100, time.Duration(i))
	}
	m.update(&conns[7000], 4000, 5000)
	if m.victim(0) != &conns[7000] {
		t.Error("the largest is not the victim")
	}
	if m.victim(stalledAfter+1) != &conns[0] {
		t.Error("the one that is stalled longest is not the victim")
	}
}

// F11: a client that makes no progress is stalled after a second, whatever else its turns do, and one that
// makes progress is not. A stalled client goes before a larger one.
func TestF11OnlyProgressCounts(t *testing.T) {
	for _, progress := range []bool{false, true} {
		var m memory
		var small, large conn
		small.out.shared = 100 // as much as it has of its own
		small.progress = true
		m.update(&small, 100, 0)
		for now := range stalledAfter / time.Millisecond {
			small.progress = small.progress || progress && now == 500
			m.update(&small, 100, now*time.Millisecond)
		}
		m.update(&large, 10_000, stalledAfter)
		if got := m.victim(stalledAfter); progress != (got == &large) || !progress != (got == &small) {
			t.Errorf("the victim is the larger one: %v; progress of the smaller one: %v", got == &large, progress)
		}
	}
}

// F1, D11: two queues hold one text. Its bytes count once in the sum, in full for each of the two, and
// as long as one of them holds it.
func TestF1ASharedTextCountsOnce(t *testing.T) {
	f := protocol.Frame{Text: make([]byte, shareFrom), Shared: new(protocol.Shared)}
	var m memory
	var a, b conn
	expect := func(when string, sharedA, sharedB, all int) {
		t.Helper()
		for range 2 { // a turn without a change counts nothing again
			m.update(&a, a.capacity(), 0)
			m.update(&b, b.capacity(), 0)
		}
		if a.out.shared != sharedA || b.out.shared != sharedB || m.shared != all || m.own != a.capacity()+b.capacity() {
			t.Errorf("%s: %d and %d bytes shared, %d counted; expected %d, %d and %d; %d of their own, expected %d", when,
				a.out.shared, b.out.shared, m.shared, sharedA, sharedB, all, m.own, a.capacity()+b.capacity())
		}
		for i := range m.class { // in the class of what each holds, with the shared text in full
			for k := m.class[i].first; k != nil; k = k.next {
				if holds := k.conn.capacity() + k.conn.out.shared; holds == 0 || bits.Len(uint(holds)) != i {
					t.Errorf("%s: a connection that holds %d bytes is in class %d", when, holds, i)
				}
			}
		}
	}
	a.out.push(&protocol.Frame{Text: []byte("alone\n")})
	a.out.push(&f)
	expect("one queue", shareFrom, 0, shareFrom)
	b.out.push(&f)
	expect("two queues", shareFrom, shareFrom, shareFrom)
	a.out.consume(6, nil)
	a.out.consume(shareFrom/2, nil)
	expect("half sent", shareFrom, shareFrom, shareFrom)
	a.out.consume(shareFrom/2, nil)
	expect("sent by one", 0, shareFrom, shareFrom)
	b.out.discard(nil)
	expect("lost by the other", 0, 0, 0)
}
