package protocol_test

import (
	"fmt"
	"testing"

	"chatd/protocol"
	"chatd/state"
)

// A warm is a machine with users, of which the first, user0, sends.
type warm struct {
	t testing.TB
	*protocol.Machine
	sender, guest state.Session
	lines         protocol.LineBuffer // of the sender
	receipts      []protocol.Receipt
}

func newWarm(t testing.TB, users int) *warm {
	w := &warm{t: t, Machine: protocol.NewMachine(protocol.Limits{Users: users + 1, Line: 1 << 20, Name: 255})}
	for slot := range users {
		s := state.Session{ID: state.NewID(slot, 1)}
		w.Line(&s, protocol.Line{Text: fmt.Appendf(nil, "HELLO-FROM user%d", slot)})
		if slot == 0 {
			w.sender = s
		}
	}
	w.guest.ID = state.NewID(users, 1)
	if w.Users() != users {
		t.Fatalf("%d users, want %d", w.Users(), users)
	}
	return w
}

// read executes the lines that end in what the sender wrote, and returns the frames of the last.
func (w *warm) read(in []byte) (frames []protocol.Frame) {
	w.lines.Feed(in)
	for {
		limit, _ := w.NextLine(&w.sender)
		line, ok := w.lines.Next(limit)
		if !ok {
			w.lines.Keep()
			return frames
		}
		if frames = w.Line(&w.sender, line); len(frames) > 0 && frames[0].Receipt.Owner != 0 {
			w.receipts = append(w.receipts, frames[0].Receipt)
		}
	}
}

// exchange reads and completes what was sent.
func (w *warm) exchange(in []byte) {
	frames := w.read(in)
	for _, r := range w.receipts {
		frames = w.Complete(&w.sender, r.Place, true)
	}
	if w.receipts = w.receipts[:0]; len(frames) != 1 {
		w.t.Fatalf("%q: the last call returned %d frames", in, len(frames))
	}
}

// loginAndOut is a client that logs in and leaves.
func (w *warm) loginAndOut() {
	w.Line(&w.guest, protocol.Line{Text: []byte("HELLO-FROM guest")})
	w.Close(&w.guest)
}

const (
	oneMessage = "SEND user1 a message of thirty-two bytes....\n"
	inFlight   = 20
)

// A message that allocates makes the garbage collector run, and all clients wait for it. However many
// users there are, nothing may allocate once the machine is warm: no message, and no list that has not
// changed.
func TestKindAllocationsOfAMessage(t *testing.T) {
	for _, users := range []int{2, 5_000} {
		w := newWarm(t, users)
		many := make([]byte, 0, inFlight*len(oneMessage))
		for range inFlight {
			many = append(many, oneMessage...)
		}
		for _, lines := range []string{
			oneMessage, "LIST\n", "\n", "LIST x\n", "SEND nobody hi\n", "SEND user1\n", "SEND user1 hi\r\n", string(many),
		} {
			in := []byte(lines)
			if n := testing.AllocsPerRun(100, func() { w.exchange(in) }); n != 0 {
				t.Errorf("%d users, %q: %v allocations, want none", users, lines, n)
			}
			if n := testing.AllocsPerRun(100, func() {
				w.read(in[:len(in)/2])
				w.exchange(in[len(in)/2:])
			}); n != 0 {
				t.Errorf("%d users, %q in two pieces: %v allocations, want none", users, lines, n)
			}
		}
	}
}

func bench(b *testing.B, users int, do func(w *warm)) {
	w := newWarm(b, users)
	b.ReportAllocs()
	for b.Loop() {
		do(w)
	}
}

// BenchmarkSend is the whole way of a message: its line is read, the DELIVERY leaves, its receipt is
// completed, SEND-OK leaves.
func BenchmarkSend(b *testing.B) {
	in := []byte(oneMessage)
	for _, users := range []int{2, 20_000} {
		b.Run(fmt.Sprintf("users=%d", users), func(b *testing.B) { bench(b, users, func(w *warm) { w.exchange(in) }) })
	}
}

// BenchmarkSendInFlight sends twenty messages before the first receipt is completed.
func BenchmarkSendInFlight(b *testing.B) {
	in := []byte(oneMessage)
	bench(b, 2, func(w *warm) {
		for range inFlight - 1 {
			w.read(in)
		}
		w.exchange(in)
	})
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/inFlight, "ns/message")
}

// BenchmarkList asks for the same list again and again.
func BenchmarkList(b *testing.B) {
	bench(b, 1000, func(w *warm) { w.exchange([]byte("LIST\n")) })
}

// BenchmarkListChanged asks for a list that has just changed.
func BenchmarkListChanged(b *testing.B) {
	bench(b, 1000, func(w *warm) { w.loginAndOut(); w.exchange([]byte("LIST\n")) })
}

// BenchmarkLogin is a client that logs in and leaves, among a thousand users.
func BenchmarkLogin(b *testing.B) { bench(b, 1000, (*warm).loginAndOut) }
