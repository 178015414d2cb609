package linux

import (
	"strings"
	"testing"

	"chatd/poller"
	"chatd/state"

	"golang.org/x/sys/unix"
)

// A set has room for the descriptors up to 1023. The next is refused in words that say so, and
// nothing changes for the others.
func TestSelectRefusesHighDescriptors(t *testing.T) {
	k := new(Select)
	ours, theirs := socketpair(t)
	unix.Write(theirs, []byte("x"))
	highest, err := unix.FcntlInt(uintptr(ours), unix.F_DUPFD_CLOEXEC, unix.FD_SETSIZE-1)
	if err != nil {
		t.Skipf("no descriptor above %d is to be had: %v", unix.FD_SETSIZE-2, err)
	}
	defer unix.Close(highest)
	if highest != unix.FD_SETSIZE-1 {
		t.Skipf("descriptor %d is taken", unix.FD_SETSIZE-1)
	}
	id := state.NewID(highest, 1)
	if err := k.Add(id, poller.Readable); err != nil {
		t.Fatalf("Add(%v): %v", id, err)
	}
	err = k.Add(state.NewID(highest+1, 1), poller.Readable)
	if err == nil || !strings.Contains(err.Error(), "select cannot wait for descriptor 1024 or above") {
		t.Errorf("Add of descriptor %d: %v, expected a refusal", highest+1, err)
	}
	events := make([]poller.Event, 4)
	if n, err := k.Wait(events, 0); n != 1 || events[0] != (poller.Event{ID: id, Ready: poller.Readable}) {
		t.Errorf("Wait: %v, %v; expected %v", events[:n], err, poller.Event{ID: id, Ready: poller.Readable})
	}
}
