package poller

import (
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

// F1, D11: two queues hold one text. Its bytes count once in the sum, in full for each of the two, and
// as long as one of them holds it.
func TestF1ASharedTextCountsOnce(t *testing.T) {
	f := protocol.Frame{Text: make([]byte, shareFrom), Shared: new(protocol.Shared)}
	var a, b outQueue
	expect := func(when string, sharedA, sharedB, all int) {
		t.Helper()
		if a.shared != sharedA || b.shared != sharedB || a.change+b.change != all {
			t.Errorf("%s: %d and %d bytes shared, %d counted; expected %d, %d and %d", when,
				a.shared, b.shared, a.change+b.change, sharedA, sharedB, all)
		}
	}
	a.push(&protocol.Frame{Text: []byte("alone\n")})
	a.push(&f)
	expect("one queue", shareFrom, 0, shareFrom)
	b.push(&f)
	expect("two queues", shareFrom, shareFrom, shareFrom)
	a.consume(6, nil)
	a.consume(shareFrom/2, nil)
	expect("half sent", shareFrom, shareFrom, shareFrom)
	a.consume(shareFrom/2, nil)
	expect("sent by one", 0, shareFrom, shareFrom)
	b.discard(nil)
	expect("lost by the other", 0, 0, 0)
}
