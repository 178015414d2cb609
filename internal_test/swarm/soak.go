package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"strings"
	"time"

	"chatd/internal_test/daemon"
)

// Soak runs chatd under mixed load and faults for as long as it is told, over loopback, and compares
// the end with the beginning: the exit status is 1 if they differ or chatd has given a wrong answer.
// The longer it runs, the smaller the leak that it finds.
//
// The load comes in rounds. In each, a few hundred guests come and go: users that talk, that read
// slowly or not at all, that flood, reset, half-close or never end their line; clients that do not
// log in; and one pair whose answers are timed. Between two rounds only the pair is there, so that
// figures can be compared and every other connection must be gone.

// What may have changed between the end of the first tenth and the end of the run. Descriptors may
// not: at rest there are exactly as many as at the start, and two for the pair.
const (
	memoryTolerance = 16 << 20 // bytes; the Go runtime gives back what it does not need at its leisure
	answerFactor    = 3        // for the fastest tenth of the pair's round trips: the rest is the machine's
	answerTolerance = 2 * time.Millisecond
)

// soakCommand is the program `swarm soak`.
func soakCommand(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("swarm soak", flag.ContinueOnError)
	flags.SetOutput(stderr)
	length := flags.Duration("for", time.Minute, "`time` of load")
	guests := flags.Int("visitors", 200, "`number` of guests at a time")
	seed := flags.Uint64("seed", 1, "what each guest does follows from this `number`, but not when")
	if flags.Parse(args) != nil {
		return 2
	}
	f := &failures{Logger: log.New(stderr, "", 0)}
	f.attempt(func(s *scope) { soak(s, stdout, max(*length, time.Second), *guests, *seed) })
	daemon.Remove()
	if f.failed() {
		fmt.Fprintf(stderr, "failed with -seed %d\n", *seed)
		return 1
	}
	fmt.Fprintln(stdout, "nothing drifted")
	return 0
}

// soak makes the rounds and compares what was after the first tenth with what is at the end.
func soak(s *scope, out io.Writer, length time.Duration, guests int, seed uint64) {
	d := daemon.Start(s, "--send-timeout", "3s", "--login-timeout", "5s", "--max-buffer", "6MiB")
	ada, bob := d.Login(s, "ada"), d.Login(s, "bob")
	c := newCrowd(d, s.failures, guests, seed)
	var first, last soakFigures
	for load := time.Duration(0); load < length && !s.Failed(); {
		turn := min(time.Minute, max(length/10, time.Second), length-load)
		load += turn
		last = soakRound(s, c, ada, bob, turn)
		fmt.Fprintf(out, "%6v %v\n", load, last)
		if first == (soakFigures{}) && load >= length/10 {
			first = last
		}
	}
	if last.hasDrifted(first) {
		s.Fatalf("drifted:\nafter the first tenth %v\nat the end            %v", first, last)
	}
}

// soakRound has the crowd come for a while and then waits until only the pair is left.
func soakRound(s *scope, c *crowd, ada, bob *daemon.Client, length time.Duration) (f soakFigures) {
	leave := c.come()
	f.p10, f.latency = talk(ada, bob, length)
	ada.Line("LIST")
	f.users = strings.Count(ada.Hear(), ",") + 1
	f.busyMemory, f.busyDescriptors = c.daemon.Memory(s, "VmRSS"), c.daemon.Descriptors(s)
	leave()
	f.messages = c.messages.Load()
	c.daemon.CheckInvariants(s, "ada", "bob")
	f.memory, f.descriptors = c.daemon.Memory(s, "VmRSS"), c.daemon.Descriptors(s)
	return f
}

// talk has the pair exchange messages for a while and times each until its SEND-OK. Every answer
// must be the very next line that comes. p10 is the fastest tenth.
func talk(ada, bob *daemon.Client, length time.Duration) (p10 time.Duration, l latency) {
	var times []time.Duration
	for end := time.Now().Add(length); len(times) == 0 || time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		began := time.Now()
		ada.Line(fmt.Sprint("SEND bob ", len(times)))
		bob.Expect(fmt.Sprint("DELIVERY ada ", len(times)))
		ada.Expect("SEND-OK")
		times = append(times, time.Since(began).Round(time.Microsecond))
	}
	l = latencies(times) // which sorts them
	return times[rank(0.1, len(times))-1], l
}

// figures are what is known after a round: of its end under load, and of the rest after it.
type soakFigures struct {
	busyMemory, busyDescriptors, users int // memory is what is resident, in bytes
	messages                           int64
	p10                                time.Duration // of the pair's round trips
	latency
	memory, descriptors int // at rest
}

func (f soakFigures) String() string {
	return fmt.Sprintf("load: rss %d MiB, %d descriptors, %d users, %d messages in all, pair p10 %v p50 %v p99 %v; rest: rss %d MiB, %d descriptors",
		f.busyMemory>>20, f.busyDescriptors, f.users, f.messages, f.p10, f.P50, f.P99, f.memory>>20, f.descriptors)
}

func (f soakFigures) hasDrifted(first soakFigures) bool {
	return f.memory > first.memory+memoryTolerance || f.descriptors != first.descriptors ||
		f.p10 > answerFactor*first.p10+answerTolerance
}
