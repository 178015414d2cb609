package poller

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestTheDescriptorLimitIsRaisedToTheHardOne(t *testing.T) {
	limit, err := RaiseDescriptorLimit()
	if err != nil {
		t.Fatalf("RaiseDescriptorLimit: %v", err)
	}
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
		t.Fatal(err)
	}
	if limit != now.Cur || limit != now.Max {
		t.Errorf("told %d; the limits are %d and %d", limit, now.Cur, now.Max)
	}
}
