// Simulation runs the real loop and the real machine on a kernel in memory, with everything that
// may happen decided by a seed: who says what and when, how many bytes each read and write takes,
// in which order events are reported, what fails. A seed that breaks a rule breaks it again each
// time.
//
//	go run ./internal_test/simulation -seeds 100000            from seed 0 on, on all cores
//	go run ./internal_test/simulation -seed 42 -trace          one seed, with all that happens
//	go run ./internal_test/simulation/mutants                  is it able to find anything?
//
// The two seams of the loop make it possible (package poller). Behind poller.Kernel stands a kernel
// that follows the rules of Linux (kernel.go, wait.go, socket.go) and has as many faults as the
// seed wants (faults.go); at the other end clients say right and wrong things (client.go). A watch
// stands at both seams (watch.go, seam_kernel.go, seam_machine.go): it holds every call against the
// rules (rules.go) and every byte against a model of the protocol (model.go). It never looks inside
// the loop.
//
// A seed that fails is told with the command that replays it, and once more as small as leaving out
// clients, steps and faults makes it (shrink.go).
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Options are the flags.
type options struct {
	settings
	seeds uint64
	trace bool
}

func register(flags *flag.FlagSet, seeds uint64) *options {
	o := &options{}
	flags.Uint64Var(&o.seed, "seed", 0, "the first `seed`")
	flags.Uint64Var(&o.seeds, "seeds", seeds, "how `many`, from that one on")
	flags.BoolVar(&o.trace, "trace", false, "tell all that happens in the first seed")
	flags.IntVar(&o.clients, "clients", 0, "how `many` at a time (default what the seed says)")
	flags.IntVar(&o.steps, "steps", 0, "how `many` steps the clients take (default what the seed says)")
	flags.Func("without", "`faults` to leave out, with commas between", o.leaveOut)
	flags.Func("poller", "report events as `select`, poll or epoll does (default epoll)", o.follow)
	return o
}

func main() {
	o := register(flag.CommandLine, 10_000)
	flag.Parse()
	if !o.begin(os.Stdout) {
		os.Exit(1)
	}
}

// begin does what the flags say and reports whether all went well.
func (o *options) begin(out io.Writer) bool {
	if o.trace {
		_, err := run(o.settings, func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) })
		if err != nil {
			fmt.Fprintln(out, "broken:", err)
		}
		return err == nil
	}
	s, err := runAll(o.settings, o.seeds, out)
	if err == nil {
		return true
	}
	const replay = "\tgo run ./internal_test/simulation -trace"
	fmt.Fprintf(out, "seed %d: %v\n%s %v\n", s.seed, err, replay, s)
	small, err := shrink(s)
	fmt.Fprintf(out, "shrunk: %v\n%s %v\n", err, replay, small)
	return false
}

// runAll runs many seeds on all cores, until one of them breaks a rule, and tells how far it has
// come.
func runAll(first settings, seeds uint64, out io.Writer) (broken settings, err error) {
	var (
		done  tally
		next  atomic.Uint64
		group sync.WaitGroup
		once  sync.Once
	)
	work := func() {
		defer group.Done()
		for i := next.Add(1) - 1; i < seeds; i = next.Add(1) - 1 {
			s := first
			s.seed += i
			counts, failure := run(s, nil)
			done.add(counts)
			if failure != nil {
				next.Store(seeds)
				once.Do(func() { broken, err = s, failure })
			}
		}
	}
	for range runtime.GOMAXPROCS(0) {
		group.Add(1)
		go work()
	}
	finished := make(chan struct{})
	go func() { group.Wait(); close(finished) }()
	done.tell(out, finished)
	return broken, err
}

// Counts are what happened, so that one can see that something did.
type counts struct{ seeds, turns, lines, sent, lost, timeouts, stops uint64 }

// A tally adds up what all cores count.
type tally struct {
	sync.Mutex
	counts
}

func (t *tally) add(c counts) {
	t.Lock()
	defer t.Unlock()
	t.seeds++
	t.turns += c.turns
	t.lines += c.lines
	t.sent += c.sent
	t.lost += c.lost
	t.timeouts += c.timeouts
	t.stops += c.stops
}

// tell prints the tally now and then, and at the end.
func (t *tally) tell(out io.Writer, finished <-chan struct{}) {
	start, tick := time.Now(), time.NewTicker(10*time.Second)
	defer tick.Stop()
	for last := false; !last; {
		select {
		case <-tick.C:
		case <-finished:
			last = true
		}
		t.Lock()
		c := t.counts
		t.Unlock()
		fmt.Fprintf(out, "%d seeds, %.0f/s: %d turns, %d lines, %d SEND-OK, %d deliveries lost, %d send timeouts, %d stops\n",
			c.seeds, float64(c.seeds)/time.Since(start).Seconds(), c.turns, c.lines, c.sent, c.lost, c.timeouts, c.stops)
	}
}
