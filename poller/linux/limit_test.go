package linux

import (
	"strings"
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

// A15: limits of descriptors from tiny to those of container runtimes give a sane
// number of users, and what was asked for is never silently less.
func TestA15Capacity(t *testing.T) {
	for _, c := range []struct {
		limit   uint64
		asked   int
		users   int
		refusal string
	}{
		{limit: 64, users: 16}, // as many as TR1 wants
		{limit: 49, users: 1},
		{limit: 48, refusal: "must be above 48"},
		{limit: 0, refusal: "must be above 48"},
		{limit: 1024, users: 976},
		{limit: 1024, asked: 976, users: 976},
		{limit: 1024, asked: 977, refusal: "at most 976 do"}, // A10
		{limit: 1 << 20, users: 1<<20 - 48},
		{limit: 1 << 30, users: 1 << 20},
		{limit: 1<<64 - 1, users: 1 << 20}, // RLIM_INFINITY
		{limit: 1 << 30, asked: 5_000_000, users: 5_000_000},
	} {
		users, err := Capacity(c.limit, c.asked)
		switch {
		case c.refusal == "" && (err != nil || users != c.users):
			t.Errorf("Capacity(%d, %d) = %d, %v; want %d", c.limit, c.asked, users, err, c.users)
		case c.refusal != "" && (err == nil || !strings.Contains(err.Error(), c.refusal)):
			t.Errorf("Capacity(%d, %d) = %d, %v; want an error with %q", c.limit, c.asked, users, err, c.refusal)
		}
	}
}
