package poller

import (
	"testing"

	"golang.org/x/sys/unix"
)

// ended checks for which reason how many connections have ended.
func (r *rig) ended(reason string, times int) {
	r.t.Helper()
	for got, n := range r.l.closed {
		if string(got) == reason && n == times {
			return
		}
	}
	r.t.Fatalf("connections have ended for %v, expected %d for %s", r.l.closed, times, reason)
}

// Every connection ends for one reason, the first, and is counted under it.
func TestReasons(t *testing.T) {
	r := newRig(t)
	user := r.user("user")
	r.says(r.connect(), "nonsense\n")
	r.says(r.connect(), "HELLO-FROM user\n")
	r.pass(lingerFor)
	r.ended("bad_login", 1)
	r.ended("in_use", 1)
	leaves := r.connect()
	leaves.eof = true
	r.rest()
	r.ended("eof", 1)
	user.reset = true
	r.rest()
	r.ended("reset", 1)
	r.k.fail["add"] = []error{unix.ENOSPC}
	r.connect()
	r.ended("refused", 1)
	r.connect()
	r.user("last")
	r.k.stop(1)
	r.turn()
	r.ended("shutdown", 2)
	if !r.l.Stopped() {
		t.Error("not stopped, though nothing was queued")
	}
}
