package poller

import (
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func newWake(t *testing.T) Wake {
	t.Helper()
	w, err := NewWake()
	if err != nil {
		t.Fatalf("NewWake: %v", err)
	}
	t.Cleanup(func() { unix.Close(w.Descriptor()) })
	return w
}

func asked(t *testing.T, w Wake, want uint64) {
	t.Helper()
	if times, err := readWake(new(Epoll), w.Descriptor()); err != nil || times != want {
		t.Fatalf("the wake was asked %d times (%v), expected %d", times, err, want)
	}
}

// A wake counts what it is asked, from any goroutine, and reading takes it all.
func TestAWakeCounts(t *testing.T) {
	w := newWake(t)
	asked(t, w, 0) // nothing, and without blocking
	var all sync.WaitGroup
	for range 10 {
		all.Add(1)
		go func() {
			defer all.Done()
			if err := w.Stop(); err != nil {
				t.Errorf("Stop: %v", err)
			}
		}()
	}
	all.Wait()
	asked(t, w, 10)
	asked(t, w, 0)
}

// G7: a wake that was asked before the loop went to sleep is not missed.
func TestG7AWakeIsLevelTriggered(t *testing.T) {
	w := newWake(t)
	if err := w.Stop(); err != nil {
		t.Fatalf("Stop: %v", err)
	}
	for range 3 {
		wait(t, w.Descriptor(), unix.POLLIN)
	}
	asked(t, w, 1)
}

// B1: an interrupted read of the wake is weather; any other error is the process's.
func TestB1AnInterruptedWakeIsReadAgain(t *testing.T) {
	r := newRig(t)
	r.k.fail["read"] = []error{unix.EINTR, unix.EAGAIN}
	r.k.stop(1)
	r.turn()
	r.turn()
	r.stopped(false)
	r.turn()
	r.stopped(true)

	r = newRig(t)
	r.k.fail["read"] = []error{unix.EBADF}
	r.k.stop(1)
	if err := r.l.Run(); err == nil || err.Error() != "read: bad file descriptor" {
		t.Errorf("Run returned %v, expected that the wake cannot be read", err)
	}
}
