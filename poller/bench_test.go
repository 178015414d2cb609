package poller_test

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"chatd/poller"
	"chatd/poller/memkernel"
	"chatd/protocol"
)

// A load is how many senders send how many messages to one target in each turn.
type load struct{ senders, messages int }

// newTraffic makes a loop, a function that takes one turn of a load, and a counter of the writes of
// the loop. Each message has 32 bytes: a SEND, a DELIVERY and a SEND-OK.
func newTraffic(t testing.TB, load load) (l *poller.Loop, k *memkernel.Kernel, turn func(), writes *int) {
	t.Helper()
	writes = new(int)
	k = memkernel.New(memkernel.Options{Before: func(c *memkernel.Call) {
		if c.Name == "write" {
			*writes++
		}
	}})
	l, err := poller.NewLoop(poller.Config{
		Kernel: k, Machine: protocol.NewMachine(protocol.Limits{Users: 100, Line: 1 << 20, Name: 255}), Listeners: []int{memkernel.Listener}, Wake: memkernel.Wake,
		SendTimeout: sendTimeout, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatalf("NewLoop: %v", err)
	}
	all := []byte(strings.Repeat("SEND target "+strings.Repeat("x", 32)+"\n", load.messages))
	messages := all
	if len(messages) > poller.ReadSize || load.messages > poller.LinesPerTurn {
		t.Fatalf("%d bytes or %d lines are more than one turn", len(messages), load.messages)
	}
	var clients []*client
	login := func(name string) {
		s := k.Connect()
		say(s, "HELLO-FROM "+name+"\n")
		clients = append(clients, s)
	}
	buffer := make([]byte, 1<<20)
	turn = func() {
		for _, s := range clients[1:] {
			s.Write(messages)
		}
		if err := l.Turn(); err != nil {
			t.Fatalf("Turn: %v", err)
		}
		for _, s := range clients {
			s.Read(buffer)
		}
	}
	login("target")
	turn()
	turn()
	for i := range load.senders {
		login(fmt.Sprint(i))
	}
	for range 10 {
		turn()
	}
	messages = nil
	for range 100 { // what the logins have delayed
		turn()
	}
	messages = all
	*writes = 0
	return l, k, turn, writes
}

// BenchmarkTurn is the cost of the loop, the protocol and the kernel in memory.
func BenchmarkTurn(b *testing.B) {
	for _, load := range []load{{1, 1}, {1, 32}, {50, 1}, {50, 16}} {
		b.Run(fmt.Sprintf("senders=%d/messages=%d", load.senders, load.messages), func(b *testing.B) {
			_, _, turn, writes := newTraffic(b, load)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				turn()
			}
			sent := float64(b.N * load.senders * load.messages)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/sent, "ns/msg")
			b.ReportMetric(float64(*writes)/sent, "writes/msg")
		})
	}
}

// Once warm, a turn allocates nothing, however many clients wake up in it and however much it
// queues for one. Each of them is written once: the target for what it is sent, each sender for its
// SEND-OKs. Nothing is left of the turn.
func TestKindAllocationsAndWritesOfATurn(t *testing.T) {
	for _, load := range []load{{1, 1}, {1, 32}, {50, 1}, {50, 6}, {50, 16}, {50, 20}} {
		l, k, turn, writes := newTraffic(t, load)
		const turns = 100
		if n := testing.AllocsPerRun(turns, turn); n != 0 {
			t.Errorf("%+v: %v allocations a turn, expected none", load, n)
		}
		if expected := (turns + 1) * (load.senders + 1); *writes != expected { // AllocsPerRun makes a run more
			t.Errorf("%+v: %d writes in %d turns, expected %d", load, *writes, turns+1, expected)
		}
		if err := l.Check(registered(k)); err != nil {
			t.Errorf("%+v: %v", load, err)
		}
	}
}
