package linux

import (
	"encoding/binary"
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

func asked(t *testing.T, w Wake, want uint32) {
	t.Helper()
	askedFor(t, w, want, 0)
}

func askedFor(t *testing.T, w Wake, stops, reports uint32) {
	t.Helper()
	var counter [8]byte
	_, err := Sockets{}.Read(w.Descriptor(), counter[:])
	if err == unix.EAGAIN {
		err = nil
	}
	n := binary.NativeEndian.Uint64(counter[:])
	gotStops, gotReports := uint32(n), uint32(n>>32)
	if err != nil || gotStops != stops || gotReports != reports {
		t.Fatalf("the wake was asked %d times to stop and %d times to report (%v), expected %d and %d",
			gotStops, gotReports, err, stops, reports)
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

// G5: requests to report and to stop are counted apart.
func TestG5AWakeCountsReportsApart(t *testing.T) {
	w := newWake(t)
	for range 3 {
		if err := w.Report(); err != nil {
			t.Fatalf("Report: %v", err)
		}
	}
	if err := w.Stop(); err != nil {
		t.Fatalf("Stop: %v", err)
	}
	askedFor(t, w, 1, 3)
	askedFor(t, w, 0, 0)
}
