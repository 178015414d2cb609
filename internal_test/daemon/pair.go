package internal_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

// A pair is two users, ada and bob, who talk while something happens to the server that is none of
// their business. They must not notice.
type pair struct {
	ada, bob *daemon.Client
	said     int
}

func loginPair(t *testing.T, d *daemon.Daemon) *pair {
	t.Helper()
	return &pair{ada: d.Login(t, "ada"), bob: d.Login(t, "bob")}
}

// talk has ada say something to bob, and be told SEND-OK, so many times.
func (p *pair) talk(times int) {
	for range times {
		p.said++
		message := fmt.Sprint("message ", p.said)
		p.ada.Line("SEND bob " + message)
		p.bob.Expect("DELIVERY ada " + message)
		p.ada.Expect("SEND-OK")
	}
}

// talkUntil has them talk until a condition holds.
func (p *pair) talkUntil(t *testing.T, what string, holds func() bool) {
	t.Helper()
	daemon.Await(t, what, func() bool {
		p.talk(1)
		return holds()
	})
}

// dialAll connects clients that say nothing.
func dialAll(t *testing.T, d *daemon.Daemon, n int) []*daemon.Client {
	t.Helper()
	clients := make([]*daemon.Client, n)
	for i := range clients {
		clients[i] = d.Dial(t)
	}
	return clients
}

// inBackground does something beside the test, and says whether it is done. What goes wrong there
// must show in what the test itself sees.
func inBackground(do func()) (done func() bool) {
	var flag atomic.Bool
	go func() {
		do()
		flag.Store(true)
	}()
	return flag.Load
}

// lowerLimit lowers the limit of descriptors of a running daemon (prlimit(2)); what is open stays
// open. The limit is as before when restore has been called.
func lowerLimit(t *testing.T, d *daemon.Daemon, limit int) (restore func()) {
	t.Helper()
	var before unix.Rlimit
	change := func(to *unix.Rlimit) {
		t.Helper()
		if err := unix.Prlimit(d.PID(), unix.RLIMIT_NOFILE, to, &before); err != nil {
			t.Fatalf("prlimit: %v", err)
		}
	}
	change(nil)
	old := before
	change(&unix.Rlimit{Cur: uint64(limit), Max: old.Max})
	return func() { change(&old) }
}

// lowestFree is the descriptor that the daemon would be given next.
func lowestFree(t *testing.T, d *daemon.Daemon) (fd int) {
	t.Helper()
	open := d.Open(t)
	for open[fd] != "" {
		fd++
	}
	return fd
}

// expectComplaints expects a message in the log, and no more often than once a second since a
// moment before which it cannot have been there.
func expectComplaints(t *testing.T, d *daemon.Daemon, message string, since time.Time) {
	t.Helper()
	n, most := strings.Count(d.Stderr.String(), message), 1+int(time.Since(since).Seconds())
	if n < 1 || n > most {
		t.Errorf("%d lines of the log say %q, expected 1 to %d:\n%.2000s", n, message, most, d.Stderr)
	}
}
