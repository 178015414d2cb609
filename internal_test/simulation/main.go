// Simulation runs the real loop and the real machine on package memkernel, a kernel made of memory.
// A seed decides everything that may happen: what clients send and when, how many bytes each read and
// write takes, the order of events, what fails. A seed that breaks a rule breaks it again each time.
//
//	go run ./internal_test/simulation -seeds 100000            from seed 0 on, on all cores
//	go run ./internal_test/simulation -seed 42 -trace          one seed, with everything that happens
//	go run ./internal_test/simulation/mutants                  can it find mistakes?
//	go run ./internal_test/simulation -exhaust                 without chance: every schedule of small scenes (path.go)
//
// The loop asks for everything through two interfaces (package poller). The faults (faults.go) are
// the hook of memkernel; clients send valid and invalid lines (client.go). Both interfaces are observed
// (observer.go, observed_kernel.go, observed_machine.go): every call is compared with the rules
// (rules.go, eviction.go, memory.go) and every byte with a model of the protocol (package model). The
// observer never looks inside the loop.
//
// Everything that is random comes from one interface (source.go).
//
// For a seed that fails, the command is printed that replays it, and another one with as few clients,
// steps and faults as still fail (shrink.go).
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Options are the flags.
type options struct {
	settings
	seeds uint64
	trace bool

	exhaust     bool
	scene, path string
	bound       int
	state       string
}

func register(flags *flag.FlagSet, seeds uint64) *options {
	o := &options{}
	flags.Uint64Var(&o.seed, "seed", 0, "the first `seed`")
	flags.Uint64Var(&o.seeds, "seeds", seeds, "how `many`, from that one on")
	flags.BoolVar(&o.trace, "trace", false, "print everything that happens in the first seed")
	flags.IntVar(&o.clients, "clients", 0, "how `many` at a time (default what the seed says)")
	flags.IntVar(&o.steps, "steps", 0, "how `many` steps the clients take (default what the seed says)")
	flags.Func("without", "`faults` to leave out, with commas between", o.leaveOut)
	flags.Func("poller", "report events as `select`, poll or epoll does (default epoll)", o.follow)
	flags.BoolVar(&o.exhaust, "exhaust", false, "go through every path of the scenes within the bound")
	flags.StringVar(&o.scene, "scene", "", "only the scene with this `name`")
	flags.IntVar(&o.bound, "bound", -1, "how `many` choices of a path may differ from the usual (default as in go test)")
	flags.StringVar(&o.path, "path", "", "without -exhaust, replay this path of the scene: `choices`")
	flags.StringVar(&o.state, "state", "", "with -exhaust, the `file` to go on from, and to write how far that went")
	return o
}

func main() {
	o := register(flag.CommandLine, 10_000)
	flag.Parse()
	if !o.begin(os.Stdout) {
		os.Exit(1)
	}
}

// begin does what the flags say and reports whether no rule was broken.
func (o *options) begin(out io.Writer) bool {
	if o.scene != "" || o.exhaust {
		return o.explore(out)
	}
	if o.trace {
		_, err := run(o.settings, seeded(o.seed), func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) })
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

// runAll runs many seeds on all cores, until one of them breaks a rule, and prints its progress.
func runAll(first settings, seeds uint64, out io.Writer) (broken settings, err error) {
	var (
		done  total
		next  atomic.Uint64
		group sync.WaitGroup
		once  sync.Once
	)
	work := func() {
		defer group.Done()
		for i := next.Add(1) - 1; i < seeds; i = next.Add(1) - 1 {
			s := first
			s.seed += i
			counts, failure := run(s, seeded(s.seed), nil)
			done.add(counts)
			if failure != nil {
				next.Store(seeds)
				once.Do(func() { broken, err = s, failure })
			}
		}
	}
	debug.SetGCPercent(400) // a run makes much garbage and keeps little
	for range runtime.GOMAXPROCS(0) {
		group.Add(1)
		go work()
	}
	finished := make(chan struct{})
	go func() { group.Wait(); close(finished) }()
	done.print(out, finished)
	return broken, err
}

// Counts show that things happen: the kinds below, and then which fault met which phase (reached).
type counts [countKinds + int(faultKinds)*int(phases)]int

const (
	countSeeds = iota
	countTurns
	countLines
	countSent
	countLost
	countSendTimeouts
	countLoginTimeouts
	countMemory
	countReports
	countStops
	countKinds
)

var countNames = [countKinds]string{
	"seeds", "turns", "lines", "SEND-OK", "deliveries lost", "send timeouts", "login timeouts", "closed for memory", "reports", "stops",
}

// A total adds up what all cores count.
type total struct {
	sync.Mutex
	counts
}

func (t *total) add(c counts) {
	t.Lock()
	defer t.Unlock()
	t.counts.add(c)
}

func (t *counts) add(c counts) {
	for i, n := range c {
		t[i] += n
	}
}

// print prints the total every ten seconds and at the end.
func (t *total) print(out io.Writer, finished <-chan struct{}) {
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
		fmt.Fprintf(out, "%d seeds, %.0f/s:", c[countSeeds], float64(c[countSeeds])/time.Since(start).Seconds())
		for i, name := range countNames[1:] {
			fmt.Fprintf(out, " %d %s,", c[i+1], name)
		}
		fmt.Fprintln(out)
	}
}
