package protocol_test

import (
	"fmt"
	"testing"

	"chatd/protocol"
	"chatd/state"
)

// crowd is a machine with so many users; the first is user 0 at slot 0.
func crowd(t testing.TB, n int) *protocol.Machine {
	t.Helper()
	m := protocol.NewMachine(n+1, 1<<20)
	for slot := range n {
		id := state.NewID(slot, 1)
		m.Open(id)
		if _, frames := m.Input(id, fmt.Appendf(nil, "HELLO-FROM user%d\n", slot)); len(frames) != 1 || frames[0].Last != "" {
			t.Fatalf("login of user%d failed", slot)
		}
	}
	return m
}

var (
	oneMessage = []byte("SEND user1 a message of thirty-two bytes....\n")
	askForList = []byte("LIST\n")
)

// exchange sends a message and settles it.
func exchange(t testing.TB, m *protocol.Machine) {
	_, frames := m.Input(alice, oneMessage)
	if len(frames) != 1 {
		t.Fatalf("SEND: %q", texts(frames))
	}
	if frames = m.Complete(frames[0].Receipt, true); len(frames) != 1 {
		t.Fatalf("Complete: %q", texts(frames))
	}
}

func askList(t testing.TB, m *protocol.Machine) {
	if _, frames := m.Input(alice, askForList); len(frames) != 1 {
		t.Fatalf("LIST: %q", texts(frames))
	}
}

// A message costs no allocation once the machine is warm, and no more does a list that has not
// changed: the garbage collector has nothing to do however many there are.
func TestNoAllocationPerMessage(t *testing.T) {
	m := crowd(t, 1000)
	pipelined := func() {
		var receipts [20]protocol.Receipt
		for i := range receipts {
			_, frames := m.Input(alice, oneMessage)
			receipts[i] = frames[0].Receipt
		}
		for _, r := range receipts {
			m.Complete(r, true)
		}
	}
	inPieces := func() {
		m.Input(alice, oneMessage[:20])
		_, frames := m.Input(alice, oneMessage[20:])
		m.Complete(frames[0].Receipt, true)
	}
	for name, do := range map[string]func(){
		"SEND and its Complete":    func() { exchange(t, m) },
		"LIST":                   func() { askList(t, m) },
		"20 SENDs in flight":     pipelined,
		"a line in two pieces":   inPieces,
		"an error":               func() { m.Input(alice, []byte("\n")) },
		"SEND to nobody":         func() { m.Input(alice, []byte("SEND nobody hi\n")) },
		"SEND without a message": func() { m.Input(alice, []byte("SEND user1\n")) },
	} {
		if n := testing.AllocsPerRun(100, do); n != 0 {
			t.Errorf("%s: %v allocations, want none", name, n)
		}
	}
}

// BenchmarkSend is the whole way of a message: a line comes in, the DELIVERY goes out, its receipt
// comes back, SEND-OK goes out.
func BenchmarkSend(b *testing.B) {
	for _, users := range []int{2, 20_000} {
		b.Run(fmt.Sprintf("users=%d", users), func(b *testing.B) {
			m := crowd(b, users)
			b.ReportAllocs()
			for b.Loop() {
				exchange(b, m)
			}
		})
	}
}

// BenchmarkSendInFlight has twenty messages out before the first receipt comes back.
func BenchmarkSendInFlight(b *testing.B) {
	const inFlight = 20
	m := crowd(b, 2)
	var receipts [inFlight]protocol.Receipt
	b.ReportAllocs()
	for b.Loop() {
		for i := range receipts {
			_, frames := m.Input(alice, oneMessage)
			receipts[i] = frames[0].Receipt
		}
		for _, r := range receipts {
			m.Complete(r, true)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/inFlight, "ns/message")
}

// BenchmarkList asks for the same list again and again.
func BenchmarkList(b *testing.B) {
	m := crowd(b, 1000)
	b.ReportAllocs()
	for b.Loop() {
		askList(b, m)
	}
}

// BenchmarkListChanged asks for a list that has just changed.
func BenchmarkListChanged(b *testing.B) {
	m := crowd(b, 1000)
	b.ReportAllocs()
	for b.Loop() {
		loginAndOut(m, 1000)
		askList(b, m)
	}
}

// BenchmarkLogin is a client that comes, logs in and goes, among a thousand users.
func BenchmarkLogin(b *testing.B) {
	m := crowd(b, 1000)
	b.ReportAllocs()
	for b.Loop() {
		loginAndOut(m, 1000)
	}
}

var hello = []byte("HELLO-FROM somebody\n")

func loginAndOut(m *protocol.Machine, slot int) {
	id := state.NewID(slot, 1)
	m.Open(id)
	m.Input(id, hello)
	m.Close(id)
}
