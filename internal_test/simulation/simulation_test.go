package main

import (
	"flag"
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
