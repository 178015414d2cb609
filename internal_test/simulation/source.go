package main

import (
	"math"
	"math/rand/v2"
	"time"
)

// A source decides everything that is random in a run.
type source interface {
	// Choose returns a number from 0 to n-1; what says what it decides. 0 and n-1 are the extremes of
	// what can happen, so a source that enumerates may begin with these two. There is nothing to
	// enumerate where n is 1.
	Choose(n int, what string) int
}

// sources makes the source of one part of a run: the parameters, the kernel, the simulation or one
// client. With a source for each, one more choice of one part does not change the choices of the others.
type sources func(part int) source

const (
	partParameters = iota
	partKernel
	partSimulation
	partClient // and the following
)

// seeded is sources that choose at random. The same seed gives the same choices.
func seeded(seed uint64) sources {
	return func(part int) source { return random{rand.New(rand.NewPCG(seed, uint64(part)))} }
}

type random struct{ *rand.Rand }

// Choose draws a number even if n is 1, so that the choices that follow do not depend on n.
func (r random) Choose(n int, _ string) int { return r.IntN(n) }

// Dice are a source and the rates of the faults.
type dice struct {
	source
	odds *[faultKinds]int // of 1000
}

// happens reports whether a fault happens now.
func (d dice) happens(f fault) bool {
	n := 1000
	if d.odds[f] == 0 {
		n = 1
	}
	return d.Choose(n, faultNames[f]) < d.odds[f]
}

// size is a number from 1 to n. Small ones are as likely as large ones.
func (d dice) size(n int, what string) int {
	const steps = 1 << 16
	share := float64(d.Choose(steps, what)) / (steps - 1)
	return int(math.Exp(share * math.Log(float64(n)+0.99)))
}

// duration is mostly short and at most 20 s.
func (d dice) duration() time.Duration {
	return time.Duration(d.size(int(20*time.Second), "duration"))
}

// pick is one of several values.
func pick[T any](d dice, what string, from ...T) T { return from[d.Choose(len(from), what)] }
