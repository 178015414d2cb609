package linux

import (
	"math"
	"testing"
	"time"

	"chatd/poller"
)

// B15: a timeout that is rounded down to 0 ms makes the loop turn without end until it is over.
func TestB15TimeoutsAreRoundedUp(t *testing.T) {
	for _, test := range []struct {
		timeout time.Duration
		want    int
	}{
		{poller.Forever, -1},
		{0, 0},
		{1, 1},
		{400 * time.Microsecond, 1},
		{time.Millisecond, 1},
		{time.Millisecond + 1, 2},
		{30 * time.Second, 30_000},
		{365 * 24 * time.Hour, math.MaxInt32},
	} {
		if got := milliseconds(test.timeout); got != test.want {
			t.Errorf("milliseconds(%v) = %d, expected %d", test.timeout, got, test.want)
		}
	}
}

// B14: the wall clock is set back or forward by hours. A reading of Go's clock that has a monotonic
// part (time, "Monotonic Clocks") makes time.Since independent of that, and so every timeout.
func TestB14TheClockIsMonotonic(t *testing.T) {
	if start == start.Round(0) { // Round strips the monotonic part
		t.Fatalf("the clock starts at %v, a reading without a monotonic part", start)
	}
	before := Sockets{}.Now()
	if after := (Sockets{}).Now(); before < 0 || after < before {
		t.Fatalf("the clock went from %v to %v", before, after)
	}
}
