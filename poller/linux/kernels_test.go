package linux

import (
	"slices"
	"testing"
	"time"

	"chatd/poller"
	"chatd/state"

	"golang.org/x/sys/unix"
)

// guard is how long a test waits for what must happen, before it says that it did not.
const guard = 10 * time.Second

// withEach runs a test with each of the real kernels.
func withEach(t *testing.T, test func(t *testing.T, k poller.Kernel)) {
	t.Helper()
	t.Run("select", func(t *testing.T) { test(t, new(Select)) })
	t.Run("poll", func(t *testing.T) { test(t, new(Poll)) })
	t.Run("epoll", func(t *testing.T) {
		e, err := NewEpoll()
		if err != nil {
			t.Fatalf("NewEpoll: %v", err)
		}
		t.Cleanup(func() { unix.Close(e.fd) })
		test(t, e)
	})
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

// The three conditions of a descriptor are reported as they come: what was asked for, and, but for
// select, the end also unasked (B5). They are reported again until they are dealt with, and each
// carries the whole ID.
func TestKernelsReportReadiness(t *testing.T) {
	withEach(t, func(t *testing.T, k poller.Kernel) {
		ended := poller.Ended
		if _, ok := k.(*Select); ok {
			ended = 0
		}
		ours, theirs := socketpair(t)
		id := state.NewID(ours, 0xFEDC_BA99)
		events := make([]poller.Event, 4)
		expect := func(what string, want poller.Readiness) {
			t.Helper()
			for range 2 {
				n, err := k.Wait(events, 0)
				if err != nil || n > 1 || n == 0 && want != 0 || n == 1 && (events[0] != poller.Event{ID: id, Ready: want}) {
					t.Fatalf("%s: %d events, %v, %v; expected %v", what, n, events[0], err, poller.Event{ID: id, Ready: want})
				}
			}
		}
		modify := func(interest poller.Readiness) {
			t.Helper()
			if err := k.Modify(id, interest); err != nil {
				t.Fatalf("Modify: %v", err)
			}
		}
		if err := k.Add(id, poller.Readable); err != nil {
			t.Fatalf("Add: %v", err)
		}
		expect("nothing to read", 0)
		modify(poller.Readable | poller.Writable)
		expect("room to write", poller.Writable)
		unix.Write(theirs, []byte("x"))
		expect("something to read, room to write", poller.Readable|poller.Writable)
		modify(poller.Readable)
		expect("something to read", poller.Readable)
		modify(0)
		expect("not asked for", 0)
		unix.Shutdown(theirs, unix.SHUT_WR)
		expect("B6: half-closed, not asked for", 0)
		unix.Close(theirs)
		expect("B5: ended, not asked for", ended)
		modify(poller.Readable)
		expect("ended", poller.Readable|ended)
		k.Close(ours)
		expect("closed", 0)
	})
}

// B15: a wait ends with its timeout and no earlier, also one of less than a millisecond, and one
// that is longer than the part of it that the scheduler does not see.
func TestB15AWaitIsNotShorterThanItsTimeout(t *testing.T) {
	withEach(t, func(t *testing.T, k poller.Kernel) {
		for _, timeout := range []time.Duration{
			400 * time.Microsecond, 3 * time.Millisecond, (shortWait + 5) * time.Millisecond,
		} {
			began := k.Now()
			n, err := k.Wait(make([]poller.Event, 1), timeout)
			for err == unix.EINTR {
				began = k.Now()
				n, err = k.Wait(make([]poller.Event, 1), timeout)
			}
			if n != 0 || err != nil || k.Now()-began < timeout {
				t.Errorf("Wait(%v) returned %d events, %v, after %v", timeout, n, err, k.Now()-began)
			}
		}
	})
}

// What becomes ready only when the wait has long been seen by the scheduler is reported all the same.
func TestKernelsReportWhatComesLate(t *testing.T) {
	withEach(t, func(t *testing.T, k poller.Kernel) {
		ours, theirs := socketpair(t)
		want := poller.Event{ID: state.NewID(ours, 1), Ready: poller.Readable}
		k.Add(want.ID, poller.Readable)
		time.AfterFunc(3*shortWait*time.Millisecond, func() { unix.Write(theirs, []byte("x")) })
		events := make([]poller.Event, 4)
		n, err := k.Wait(events, guard)
		for err == unix.EINTR {
			n, err = k.Wait(events, guard)
		}
		if err != nil || n != 1 || events[0] != want {
			t.Errorf("Wait: %v, %v; expected %v", events[:n], err, want)
		}
	})
}

// addReadable registers so many descriptors that are readable from now on.
func addReadable(t *testing.T, k poller.Kernel, n int) (ids []state.ID) {
	t.Helper()
	for range n {
		ours, theirs := socketpair(t)
		unix.Write(theirs, []byte("x"))
		ids = append(ids, state.NewID(ours, 1))
		if err := k.Add(ids[len(ids)-1], poller.Readable); err != nil {
			t.Fatalf("Add: %v", err)
		}
	}
	return ids
}

// More descriptors are ready than Wait can report at a time. The next Wait reports those that did not fit
// first, also when one of the others is closed meanwhile. So no connection starves (B10), and no timeout
// ends one whose event the loop has not seen yet (B13).
func TestKernelsReportFirstWhatDidNotFit(t *testing.T) {
	withEach(t, func(t *testing.T, k poller.Kernel) {
		const ready, atATime = 10, 3
		addReadable(t, k, ready)
		var reported []state.ID
		events := make([]poller.Event, atATime)
		wait := func() {
			t.Helper()
			n, err := k.Wait(events, 0)
			if err != nil || n != atATime {
				t.Fatalf("Wait: %d events, %v; expected %d", n, err, atATime)
			}
			for _, e := range events {
				reported = append(reported, e.ID)
			}
		}
		for range 3*ready/atATime - 1 { // the last report is of none that is last in any order
			wait()
		}
		for i, id := range reported[ready:] {
			if reported[i] != id {
				t.Fatalf("reported %v, expected the same %d again and again", reported, ready)
			}
		}
		last := len(reported) - 1
		closed, others := reported[last], reported[last-ready+1:last]
		k.Close(closed.Slot())
		for len(reported) <= last+len(others) {
			wait()
		}
		if !slices.Equal(reported[last+1:], others) {
			t.Errorf("after %v was closed reported %v, expected %v", closed, reported[last+1:], others)
		}
	})
}

// What is closed is not waited for any more: neither what was registered under its number nor the next
// descriptor with that number. A descriptor that was never registered can be closed too.
func TestKernelsForgetWhatIsClosed(t *testing.T) {
	withEach(t, func(t *testing.T, k poller.Kernel) {
		events := make([]poller.Event, 4)
		expect := func(what string, want ...poller.Event) {
			t.Helper()
			if n, err := k.Wait(events, 0); err != nil || !slices.Equal(events[:n], want) {
				t.Fatalf("%s: %v, %v; expected %v", what, events[:n], err, want)
			}
		}
		old, other := addReadable(t, k, 1)[0], addReadable(t, k, 1)[0]
		k.Close(old.Slot())
		expect("one closed", poller.Event{ID: other, Ready: poller.Readable})
		ours, theirs := socketpair(t)
		unix.Write(theirs, []byte("x"))
		if ours != old.Slot() {
			t.Fatalf("the new descriptor is %d, expected %d again", ours, old.Slot())
		}
		expect("the number used again", poller.Event{ID: other, Ready: poller.Readable})
		k.Close(other.Slot())
		id := state.NewID(ours, 3)
		if err := k.Add(id, poller.Readable); err != nil {
			t.Fatalf("Add: %v", err)
		}
		expect("the number registered again", poller.Event{ID: id, Ready: poller.Readable})
		unregistered, err := unix.FcntlInt(uintptr(ours), unix.F_DUPFD_CLOEXEC, unix.FD_SETSIZE)
		if err != nil {
			t.Skipf("no descriptor above %d is to be had: %v", unix.FD_SETSIZE, err)
		}
		if err := k.Close(unregistered); err != nil {
			t.Errorf("Close(%d): %v", unregistered, err)
		}
		expect("a descriptor that was not registered is closed", poller.Event{ID: id, Ready: poller.Readable})
	})
}

// Once warm, a wait allocates nothing: not the short one, nor the long one after it.
func TestAWaitAllocatesNothing(t *testing.T) {
	withEach(t, func(t *testing.T, k poller.Kernel) {
		events := make([]poller.Event, 4)
		quiet, _ := socketpair(t)
		k.Add(state.NewID(quiet, 1), poller.Readable)
		for _, timeout := range []time.Duration{0, (shortWait + 1) * time.Millisecond} {
			n := testing.AllocsPerRun(5, func() {
				for err := error(unix.EINTR); err == unix.EINTR; { // a wait that is cut short proves nothing
					_, err = k.Wait(events, timeout)
				}
			})
			if n != 0 {
				t.Errorf("%v allocations in a wait of %v for nothing, expected none", n, timeout)
			}
		}
		addReadable(t, k, 3)
		if n := testing.AllocsPerRun(100, func() { k.Wait(events, poller.Forever) }); n != 0 {
			t.Errorf("%v allocations in a wait, expected none", n)
		}
	})
}
