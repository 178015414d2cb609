package poller

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"chatd/protocol"
	"chatd/state"

	"golang.org/x/sys/unix"
)

// A freeKernel is a Kernel that costs nothing: in each turn the same clients say the same, and
// whatever is written is taken. What is left to measure is the loop and the protocol.
type freeKernel struct {
	ids    [64]state.ID // by descriptor
	ready  []Event      // what every Wait reports
	said   []byte       // what every Read reads
	next   int          // descriptor for Accept
	last   int
	writes int
}

func (k *freeKernel) Wait(events []Event, _ time.Duration) (int, error) {
	return copy(events, k.ready), nil
}

func (k *freeKernel) Read(_ int, p []byte) (int, error) { return copy(p, k.said), nil }
func (*freeKernel) Unsent(int) int                      { return 0 }
func (k *freeKernel) Shutdown(int) error                { return nil }
func (k *freeKernel) Close(int) error                   { return nil }
func (k *freeKernel) Modify(state.ID, Readiness) error  { return nil }
func (k *freeKernel) Reserve() (int, error)             { return fakeSpare, nil }
func (k *freeKernel) Now() time.Duration                { return 0 }
func (k *freeKernel) Peer(int) string                   { return "" }

func (k *freeKernel) Write(_ int, p []byte) (int, error) {
	k.writes++
	return len(p), nil
}

func (k *freeKernel) Add(id state.ID, _ Readiness) error {
	k.ids[id.Slot()] = id
	return nil
}

func (k *freeKernel) Accept(int) (int, error) {
	if k.next > k.last {
		return -1, unix.EAGAIN
	}
	k.next++
	return k.next - 1, nil
}

// newTraffic makes a loop in each of whose turns so many senders send so many messages of 32 bytes
// to one target: each is a SEND, a DELIVERY and a SEND-OK.
func newTraffic(t testing.TB, senders, messages int) (*Loop, *freeKernel) {
	t.Helper()
	const target = fakeWake + 1
	k := &freeKernel{next: target, last: target + senders}
	l, err := NewLoop(Config{
		Kernel: k, Machine: protocol.NewMachine(len(k.ids), 1<<20), Listener: fakeListener, Wake: fakeWake,
		SendTimeout: sendTimeout, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatalf("NewLoop: %v", err)
	}
	turn := func(ready ...Event) {
		k.ready = ready
		if err := l.Turn(); err != nil {
			t.Fatalf("Turn: %v", err)
		}
	}
	turn(Event{internalID(fakeListener), Readable})
	var all []Event
	for fd := target; fd <= k.last; fd++ {
		k.said = fmt.Appendf(nil, "HELLO-FROM %d\n", fd)
		turn(Event{k.ids[fd], Readable})
		all = append(all, Event{k.ids[fd], Readable})
	}
	k.said = []byte(strings.Repeat(fmt.Sprintf("SEND %d %s\n", target, strings.Repeat("x", 32)), messages))
	for range 10 {
		turn(all[1:]...)
	}
	if k.writes = 0; len(k.said) > readBuffer {
		t.Fatalf("%d bytes are more than one read", len(k.said))
	}
	return l, k
}

// A load is how many senders say how many messages in each turn.
type load struct{ senders, messages int }

func BenchmarkTurn(b *testing.B) {
	for _, load := range []load{{1, 1}, {1, 100}, {50, 1}, {50, 16}} {
		b.Run(fmt.Sprintf("senders=%d/messages=%d", load.senders, load.messages), func(b *testing.B) {
			l, k := newTraffic(b, load.senders, load.messages)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				l.Turn()
			}
			sent := float64(b.N * load.senders * load.messages)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/sent, "ns/msg")
			b.ReportMetric(float64(k.writes)/sent, "writes/msg")
		})
	}
}

// Once warm, a turn allocates nothing, however many clients wake up in it and however much it
// queues for one. Each of them is written once.
func TestATurnAllocatesNothing(t *testing.T) {
	for _, load := range []load{{1, 1}, {1, 100}, {50, 1}, {50, 6}, {50, 20}} {
		l, k := newTraffic(t, load.senders, load.messages)
		const turns = 100
		allocations := testing.AllocsPerRun(turns, func() { l.Turn() })
		if allocations != 0 {
			t.Errorf("%+v: %v allocations a turn, expected none", load, allocations)
		}
		if most := (turns + 1) * (load.senders + 1); k.writes != most { // AllocsPerRun makes a run more
			t.Errorf("%+v: %d writes in %d turns, expected %d", load, k.writes, turns+1, most)
		}
		if idle := l.slots.Find(fakeWake + 1).conn; idle != nil {
			t.Errorf("%+v: something is left of the last turn", load)
		}
	}
}
