package main

import (
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
)

var flags = register(flag.CommandLine, 0)

// Clients that act at random on a kernel with every fault (H7).
func TestH7SeedsAgainstTheModel(t *testing.T) {
	o := *flags
	if o.seeds == 0 {
		o.seeds = 3000
		if testing.Short() {
			o.seeds = 500
		}
	}
	var out strings.Builder
	if !o.begin(&out) {
		t.Fail()
	}
	t.Log(out.String())
}

// The same with a kernel that reports events in the order of descriptors, as poll does, or that also
// reports nothing without interest, as select does.
func TestSeedsAsSelectAndPollReport(t *testing.T) {
	for _, poller := range []string{"select", "poll"} {
		o := *flags
		o.poller, o.seeds, o.trace = poller, 300, false
		var out strings.Builder
		if !o.begin(&out) {
			t.Fail()
		}
		t.Log(out.String())
	}
}

// Extremes answers each choice with one of its two extremes, as an enumerating source would begin.
type extremes struct{ *rand.Rand }

func (e extremes) Choose(n int, _ string) int { return e.IntN(2) * (n - 1) }

// A run needs nothing but Choose, and one source may be that of all its parts.
func TestOneSourceForAllParts(t *testing.T) {
	for seed := range uint64(30) {
		one := extremes{rand.New(rand.NewPCG(seed, 0))}
		if c, err := run(settings{}, func(int) source { return one }, nil); err != nil {
			t.Errorf("seed %d, after %d turns: %v", seed, c[countTurns], err)
		}
	}
}
