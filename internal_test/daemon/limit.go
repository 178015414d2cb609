package daemon

import (
	"testing"

	"golang.org/x/sys/unix"
)

// LowerLimit lowers the limit of descriptors of a running daemon (prlimit(2)); what is open stays
// open. restore sets the old limit.
func (d *Daemon) LowerLimit(t testing.TB, limit int) (restore func()) {
	t.Helper()
	var old unix.Rlimit
	change := func(to *unix.Rlimit) {
		t.Helper()
		if err := unix.Prlimit(d.PID(), unix.RLIMIT_NOFILE, to, nil); err != nil {
			t.Fatalf("prlimit: %v", err)
		}
	}
	if err := unix.Prlimit(d.PID(), unix.RLIMIT_NOFILE, nil, &old); err != nil {
		t.Fatalf("prlimit: %v", err)
	}
	change(&unix.Rlimit{Cur: uint64(limit), Max: old.Max})
	return func() { change(&old) }
}

// LowestFree is the descriptor that the daemon would be given next.
func (d *Daemon) LowestFree(t testing.TB) (fd int) {
	t.Helper()
	for open := d.Open(t); open[fd] != ""; {
		fd++
	}
	return fd
}
