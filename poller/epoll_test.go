package poller

import (
	"testing"
	"time"

	"chatd/state"

	"golang.org/x/sys/unix"
)

// guard is how long a test waits for what must happen, before it says that it did not.
const guard = 10 * time.Second

func newEpoll(t *testing.T) *Epoll {
	t.Helper()
	e, err := NewEpoll()
	if err != nil {
		t.Fatalf("NewEpoll: %v", err)
	}
	t.Cleanup(func() { unix.Close(e.fd) })
	return e
}

// socketpair makes two sockets that are connected to each other and do not block.
func socketpair(t *testing.T) (ours, theirs int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("socketpair: %v", err)
	}
	t.Cleanup(func() {
		unix.Close(fds[0])
		unix.Close(fds[1])
	})
	return fds[0], fds[1]
}

// The three conditions of a descriptor are reported as they come: what was asked for, and the end
// also unasked (B5). They are reported again until they are dealt with, and each carries the whole
// ID.
func TestEpollReportsReadiness(t *testing.T) {
	e := newEpoll(t)
	ours, theirs := socketpair(t)
	id := state.NewID(ours, 0xFEDC_BA99)
	events := make([]Event, 4)
	expect := func(what string, want Readiness) {
		t.Helper()
		for range 2 {
			n, err := e.Wait(events, 0)
			if err != nil || n > 1 || n == 0 && want != 0 || n == 1 && (events[0] != Event{id, want}) {
				t.Fatalf("%s: %d events, %v, %v; expected %v", what, n, events[0], err, Event{id, want})
			}
		}
	}
	modify := func(interest Readiness) {
		t.Helper()
		if err := e.Modify(id, interest); err != nil {
			t.Fatalf("Modify: %v", err)
		}
	}
	if err := e.Add(id, Readable); err != nil {
		t.Fatalf("Add: %v", err)
	}
	expect("nothing to read", 0)
	modify(Readable | Writable)
	expect("room to write", Writable)
	unix.Write(theirs, []byte("x"))
	expect("something to read, room to write", Readable|Writable)
	modify(Readable)
	expect("something to read", Readable)
	modify(0)
	expect("not asked for", 0)
	unix.Shutdown(theirs, unix.SHUT_WR)
	expect("B6: half-closed, not asked for", 0)
	unix.Close(theirs)
	expect("B5: ended, not asked for", Ended)
	modify(Readable)
	expect("ended", Readable|Ended)
	unix.Close(ours) // takes it out of the set
	expect("closed", 0)
}

// B15: a wait ends with its timeout and no earlier, also one of less than a millisecond, and one
// that is longer than the part of it that the scheduler does not see.
func TestB15AWaitIsNotShorterThanItsTimeout(t *testing.T) {
	e := newEpoll(t)
	for _, timeout := range []time.Duration{
		400 * time.Microsecond, 3 * time.Millisecond, (shortWait + 5) * time.Millisecond,
	} {
		began := e.Now()
		if n, err := e.Wait(make([]Event, 1), timeout); n != 0 || err == nil && e.Now()-began < timeout {
			t.Errorf("Wait(%v) returned %d events, %v, after %v", timeout, n, err, e.Now()-began)
		}
	}
}
