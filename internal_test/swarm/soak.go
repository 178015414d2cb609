// Soak runs chatd under mixed load and faults for as long as it is told, over loopback, and sees
// whether it is at the end what it was at the beginning: exit status 0, or 1 if it is not or has
// given a wrong answer. The longer it runs, the smaller the leak that it finds.
//
// The load comes in rounds. In each, a few hundred visitors come and go: users who talk, who read
// slowly or not at all, who flood, reset, half-close or never end their line; strangers; and one
// pair whose answers are timed. Between two rounds only the pair is there, so that figures can be
// compared and every other connection must be gone.
package main

import (
	"flag"
	"fmt"
	"log"
	"slices"
	"strings"
	"time"

	"chatd/internal_test/daemon"
)

// What may have changed between the end of the first tenth and the end of the run. Descriptors may
// not: at rest there are exactly as many as at the start, and two for the pair.
const (
	memoryTolerance = 16 << 20 // bytes; the Go runtime gives back what it does not need at its leisure
	answerFactor    = 3        // for the fastest tenth of the pair's round trips: the rest is the machine's
	answerTolerance = 2 * time.Millisecond
)

func main() {
	length := flag.Duration("for", time.Minute, "`time` of load")
	visitors := flag.Int("visitors", 200, "`number` of visitors at a time")
	seed := flag.Uint64("seed", 1, "what each visitor does follows from this `number`, but not when")
	flag.Parse()
	log.SetFlags(0)
	f := &failures{Logger: log.Default()}
	f.attempt(func(s *scope) { soak(s, max(*length, time.Second), *visitors, *seed) })
	daemon.Remove()
	if f.Load() {
		log.Fatalf("failed with -seed %d", *seed)
	}
	fmt.Println("nothing drifted")
}

// soak makes the rounds and compares what was after the first tenth with what is at the end.
func soak(s *scope, length time.Duration, visitors int, seed uint64) {
	d := daemon.Start(s, "--send-timeout", "3s", "--login-timeout", "5s", "--max-buffer", "6MiB")
	ada, bob := d.Login(s, "ada"), d.Login(s, "bob")
	c := newCrowd(d, s.failures, visitors, seed)
	var first, last figures
	for load := time.Duration(0); load < length && !s.Failed(); {
		turn := min(time.Minute, max(length/10, time.Second), length-load)
		load += turn
		last = round(s, c, ada, bob, turn)
		fmt.Printf("%6v %v\n", load, last)
		if first == (figures{}) && load >= length/10 {
			first = last
		}
	}
	if last.hasDrifted(first) {
		s.Fatalf("drifted:\nafter the first tenth %v\nat the end            %v", first, last)
	}
}

// round has the crowd come for a while and then waits until nobody is left but the pair.
func round(s *scope, c *crowd, ada, bob *daemon.Client, length time.Duration) (f figures) {
	leave := c.come()
	f.p10, f.p50, f.p99 = talk(ada, bob, length)
	ada.Line("LIST")
	f.users = strings.Count(ada.Hear(), ",") + 1
	f.busyMemory, f.busyDescriptors = memory(s, c.daemon), c.daemon.Descriptors(s)
	leave()
	f.messages = c.messages.Load()
	c.daemon.CheckInvariants(s, "ada", "bob")
	f.memory, f.descriptors = memory(s, c.daemon), c.daemon.Descriptors(s)
	return f
}

// talk has the pair exchange messages for a while and times each until its SEND-OK. Every answer
// must be the very next thing that is heard.
func talk(ada, bob *daemon.Client, length time.Duration) (p10, p50, p99 time.Duration) {
	var times []time.Duration
	for end := time.Now().Add(length); len(times) == 0 || time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		began := time.Now()
		ada.Line(fmt.Sprint("SEND bob ", len(times)))
		bob.Expect(fmt.Sprint("DELIVERY ada ", len(times)))
		ada.Expect("SEND-OK")
		times = append(times, time.Since(began).Round(time.Microsecond))
	}
	slices.Sort(times)
	return times[len(times)/10], times[len(times)/2], times[len(times)*99/100]
}

// figures are what is known after a round: of its end under load, and of the rest after it.
type figures struct {
	busyMemory, busyDescriptors, users int // memory is what is resident, in bytes
	messages                           int64
	p10, p50, p99                      time.Duration // of the pair's round trips
	memory, descriptors                int           // at rest
}

func (f figures) String() string {
	return fmt.Sprintf("load: rss %d MiB, %d descriptors, %d users, %d messages in all, pair p10 %v p50 %v p99 %v; rest: rss %d MiB, %d descriptors",
		f.busyMemory>>20, f.busyDescriptors, f.users, f.messages, f.p10, f.p50, f.p99, f.memory>>20, f.descriptors)
}

func (f figures) hasDrifted(first figures) bool {
	return f.memory > first.memory+memoryTolerance || f.descriptors != first.descriptors ||
		f.p10 > answerFactor*first.p10+answerTolerance
}

func memory(s *scope, d *daemon.Daemon) (kilobytes int) {
	fmt.Sscanf(d.Status(s, "VmRSS"), "%d kB", &kilobytes)
	return kilobytes << 10
}
