package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

// The tests of kinds measure what does not depend on how fast the machine is: how many system calls
// and writes a message takes, and how many bytes a user. They fail when the kind changes: a second
// wait for each message, a write for each frame, a buffer for each client.

// One pair in closed loop takes four system calls a message: wait, read, write, write. 50 senders
// with 16 messages in flight share them: 0.20 to 0.25. The few more that are allowed are for waits
// that came back empty and for the Go runtime's own calls, of which there are the more the slower
// the machine is; so the best of several tries counts. The kernel counts the writes
// (syscw, proc_pid_io(5)): each client is written once a turn at most, so that the deliveries to a
// client share one, and the SEND-OKs to another.
func TestKindsCallsPerMessage(t *testing.T) {
	for _, c := range []struct {
		options
		least, most, writes float64
	}{
		{options{load: "pairs", n: 1, depth: 1}, 3.8, 4.2, 2},
		{options{load: "pipeline", n: 50, depth: 16}, 0.10, 0.30, 2.0 / 16},
	} {
		t.Run(c.load, func(t *testing.T) {
			d := daemon.Start(t)
			o := c.options
			o.address, o.pid, o.askers, o.size, o.warmup, o.seconds, o.count, o.trace = d.Address, d.PID(), 1, 32, 50*time.Millisecond, 200*time.Millisecond, true, true
			tries := ""
			for range 10 {
				r, err := runUntil(o)
				if err != nil {
					t.Fatal(err)
				}
				if r.Calls == nil {
					t.Skip("system calls cannot be counted here")
				}
				calls, writes := r.Calls.each(), r.each(r.Server.Writes)
				if calls >= c.least && calls <= c.most && writes <= c.writes*1.02 && writes >= c.writes*0.98 {
					return
				}
				tries += fmt.Sprintf("%.2f system calls and %.3f writes a message\n", calls, writes)
			}
			t.Errorf("expected %.2f to %.2f system calls and %.3f writes a message in one of the tries:\n%s", c.least, c.most, c.writes, tries)
		})
	}
}

// An idle user costs 64 bytes of memory, name included. 80 leave room for the grain in which memory
// is taken; a buffer, a timer or a goroutine for each would be far above. What the collector has not
// given back of the beginning differs by 100 KB from one process to the next, so the best of several
// tries counts.
func TestKindsBytesPerIdleUser(t *testing.T) {
	const most = 80
	few, many := daemon.Crowd(t, 1_000), daemon.Crowd(t, 4_000)
	if many < 4_000 {
		t.Skipf("%d users are too few for a slope", many)
	}
	used := func(users int) int {
		d := daemon.Start(t)
		r, err := run(options{
			load: "none", address: d.Address, pid: d.PID(), idle: users, n: 1, depth: 1, askers: 1, size: 32, seconds: 100 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		return r.Private
	}
	var slopes []int
	for range 5 {
		slopes = append(slopes, (used(many)-used(few))/(many-few))
		if slices.Min(slopes) <= most {
			return
		}
	}
	t.Errorf("%d bytes for each user from %d to %d, expected %d at most in one of the tries", slopes, few, many, most)
}
