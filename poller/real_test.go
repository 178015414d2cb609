package poller

import (
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"chatd/protocol"
	"chatd/state"

	"golang.org/x/sys/unix"
)

// An echo is the smallest Machine: it says what it hears.
type echo struct{ frame [1]protocol.Frame }

func (m *echo) Open(state.ID)                                    {}
func (m *echo) Close(state.ID)                                   {}
func (m *echo) Held(state.ID) int                                { return 0 }
func (m *echo) Users() int                                       { return 0 }
func (m *echo) Complete(protocol.Receipt, bool) []protocol.Frame { return nil }

func (m *echo) Input(id state.ID, in []byte) (int, []protocol.Frame) {
	m.frame[0] = protocol.Frame{To: id, Text: in}
	return len(in), m.frame[:]
}

// A loop on a thread of its own serves clients over TCP, and a wake ends it.
func TestARealLoopServesUntilItIsStopped(t *testing.T) {
	withEach(t, func(t *testing.T, k Kernel) {
		r := newRealLoop(t, k, new(echo))
		done := make(chan error)
		go func() { done <- r.Run() }()
		var clients []net.Conn
		for range 10 {
			c, err := net.Dial("tcp", r.address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(guard))
			clients = append(clients, c)
		}
		text := strings.Repeat("hello", 1000)
		for _, c := range clients {
			io.WriteString(c, text)
			got := make([]byte, len(text))
			if n, err := io.ReadFull(c, got); string(got) != text {
				t.Fatalf("sent %d bytes and heard %d of them (%v)", len(text), n, err)
			}
		}
		if err := r.wake.Stop(); err != nil {
			t.Fatalf("Stop: %v", err)
		}
		for _, c := range clients {
			if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
				t.Errorf("at the stop a client heard %d bytes and %v, expected the end", len(rest), err)
			}
		}
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(guard):
			t.Fatalf("after %v the loop still runs", guard)
		}
		if c, err := net.Dial("tcp", r.address); err == nil {
			c.Close()
			t.Error("the listener is still open")
		}
	})
}

// A realLoop is a loop over a real kernel with a listener on loopback.
type realLoop struct {
	*Loop
	kernel  *stepped
	wake    Wake
	address string
}

// stepped is a real kernel, which counts events, and whose waits end after a moment when a test
// wants to look around between turns.
type stepped struct {
	Kernel
	atMost time.Duration // 0: no limit
	events int
}

func (k *stepped) Wait(events []Event, timeout time.Duration) (int, error) {
	if k.atMost > 0 && (timeout < 0 || timeout > k.atMost) {
		timeout = k.atMost
	}
	n, err := k.Kernel.Wait(events, timeout)
	k.events += n
	return n, err
}

func newRealLoop(t *testing.T, k Kernel, m Machine) *realLoop {
	t.Helper()
	kernel, wake := &stepped{Kernel: k}, newWake(t)
	listener, address, err := Listen("127.0.0.1", 0)
	if err != nil {
		t.Fatalf("Listen: %v", err)
	}
	l, err := NewLoop(Config{
		Kernel: kernel, Machine: m, Listener: listener, Wake: wake.Descriptor(),
		SendTimeout: sendTimeout, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatalf("NewLoop: %v", err)
	}
	return &realLoop{l, kernel, wake, address.String()}
}

// B10: more connections are always ready than a turn takes events. All are served in as many turns
// as there are shares of events.
func TestB10NobodyStarvesWhenAllAreReady(t *testing.T) {
	withEach(t, func(t *testing.T, k Kernel) {
		const connections = eventsPerTurn + 50
		l := newRealLoop(t, k, new(echo)).Loop
		clients := make([]int, connections)
		flood := []byte(strings.Repeat("x", 3*readBuffer)) // each stays ready for three turns
		for i := range clients {
			ours, theirs := socketpair(t)
			l.register(ours)
			clients[i] = theirs
			if n, err := unix.Write(theirs, flood); err != nil || n < 2*readBuffer {
				t.Fatalf("wrote %d bytes (%v); the test needs more than a client's share of a turn", n, err)
			}
		}
		for range 2 {
			if err := l.Turn(); err != nil {
				t.Fatalf("Turn: %v", err)
			}
		}
		unserved := 0
		for _, fd := range clients {
			if n, _ := unix.Read(fd, make([]byte, 1)); n <= 0 {
				unserved++
			}
		}
		if unserved > 0 {
			t.Errorf("after two turns %d of %d connections have not been served", unserved, connections)
		}
	})
}
