package process_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

// G11: the server is restarted again and again on a listener that is held, while clients connect
// all the time. None is refused, and each is answered in the end: a client that a server
// has accepted and not served when it stops connects again.
func TestG11RestartsRefuseNoClient(t *testing.T) {
	t.Parallel()
	restarts := 40
	if testing.Short() {
		restarts = 10
	}
	address, held := listen(t)
	var (
		over     atomic.Bool
		answered [4]atomic.Int64
		all      sync.WaitGroup
	)
	for i := range answered {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := 0; !over.Load(); {
				ok, err := login(address, fmt.Sprintf("c%d-%d", i, n))
				if err != nil {
					t.Errorf("login %d of goroutine %d: %v", n, i, err)
					return
				}
				if ok {
					n++
					answered[i].Add(1)
				}
			}
		}()
	}
	allAnswered := func(since []int64) bool {
		for i := range answered {
			if answered[i].Load() == since[i] {
				return t.Failed() // which ends the wait
			}
		}
		return true
	}
	for range restarts {
		since := make([]int64, len(answered))
		for i := range answered {
			since[i] = answered[i].Load()
		}
		d := daemon.Launch(t, handOver(daemon.Command(t), held))
		d.AwaitReady(t)
		daemon.Await(t, "each visitor is answered", func() bool { return allAnswered(since) })
		if over.Store(t.Failed()); t.Failed() {
			break
		}
		d.Stop(t)
	}
	over.Store(true)
	last := daemon.Launch(t, handOver(daemon.Command(t), held))
	last.AwaitReady(t)
	all.Wait()
	last.Stop(t)
}

// login connects, logs in, and reports whether the answer came; it does not from a server that
// stops. The error is one that no client should see.
func login(address, name string) (answered bool, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	conn.(*net.TCPConn).SetLinger(0) // or thousands of ports would be kept for a minute
	conn.SetDeadline(time.Now().Add(daemon.Patience))
	fmt.Fprintf(conn, "HELLO-FROM %s\n", name)
	expected := "HELLO " + name + "\n"
	answer := make([]byte, len(expected))
	switch n, err := io.ReadFull(conn, answer); {
	case string(answer) == expected:
		return true, nil
	case n > 0 || errors.Is(err, os.ErrDeadlineExceeded):
		return false, fmt.Errorf("%s heard %q: %w", name, answer[:n], err)
	}
	return false, nil
}
