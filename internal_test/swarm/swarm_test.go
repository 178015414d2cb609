package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

// deadline only guards against hanging.
const deadline = 10 * time.Second

// short is a run that is long enough to see whether it works.
func short(load string) options {
	return options{load: load, n: 4, depth: 4, rate: 1000, askers: 2, size: 32, warmup: 10 * time.Millisecond, seconds: 100 * time.Millisecond}
}

func TestMain(m *testing.M) { os.Exit(daemon.Main(m)) }

// runUntil repeats a run for as long as nothing comes at all: the machine may be busy.
func runUntil(o options) (r result, err error) {
	for end := now() + deadline; ; {
		r, err = run(o)
		if !errors.Is(err, errNothing) || now() > end {
			return r, err
		}
	}
}

// TestSwarmLoads plays each load to chatd, with idle clients beside it, and checks that what is
// reported can be true.
func TestSwarmLoads(t *testing.T) {
	chatd := daemon.Start(t)
	for load, clients := range map[string]int{"pairs": 8, "open": 8, "pipeline": 8, "fanin": 5, "list": 4, "churn": 4} {
		t.Run(load, func(t *testing.T) {
			o := short(load)
			o.address, o.pid, o.idle, o.silent = chatd.Address, chatd.PID(), 20, 5
			r, err := runUntil(o)
			if err != nil {
				t.Fatal(err)
			}
			if r.Clients != clients+25 {
				t.Errorf("%d clients, expected %d", r.Clients, clients+25)
			}
			if r.Errors != 0 || r.First != "" {
				t.Errorf("%d errors, first %q, expected none", r.Errors, r.First)
			}
			if l := r.Latency; l.P50 <= 0 || l.P99 < l.P50 || l.P999 < l.P99 || l.Max < l.P999 {
				t.Errorf("latencies %+v are not in order", l)
			}
			if r.Server.CPU <= 0 || r.Server.Reads == 0 || r.Server.Writes == 0 || r.Private == 0 || r.Generator <= 0 {
				t.Errorf("used %+v, %d private bytes, %v cores of ours, expected something of each", *r.Server, r.Private, r.Generator)
			}
		})
	}
}

// TestSwarmCountsWrites checks the count of writes where it is known: in closed loop each message
// takes one write for the DELIVERY and one for the SEND-OK. Only at the two ends of the window may
// messages be cut.
func TestSwarmCountsWrites(t *testing.T) {
	chatd := daemon.Start(t)
	o := short("pairs")
	o.address, o.pid = chatd.Address, chatd.PID()
	r, err := runUntil(o)
	if err != nil {
		t.Fatal(err)
	}
	if cut := r.Server.Writes - 2*r.Messages; cut < -4*o.n || cut > 4*o.n {
		t.Errorf("%d writes for %d messages, expected two each, give or take %d", r.Server.Writes, r.Messages, 4*o.n)
	}
}

// TestSwarmNone brings up clients that say nothing.
func TestSwarmNone(t *testing.T) {
	chatd := daemon.Start(t)
	o := short("none")
	o.address, o.pid, o.idle, o.silent = chatd.Address, chatd.PID(), 300, 20
	r, err := run(o)
	if err != nil || r.Messages != 0 || r.Clients != 320 || r.Private == 0 {
		t.Errorf("%+v, %v, expected no message of 320 clients, and the server's memory", r, err)
	}
}

// TestSwarmLatencies checks the percentiles against samples of which they are known.
func TestSwarmLatencies(t *testing.T) {
	var samples []time.Duration
	for i := range 1000 {
		samples = append(samples, time.Duration(1000-i))
	}
	if got, expected := latencies(samples), (latency{500, 990, 999, 1000}); got != expected {
		t.Errorf("of 1 to 1000: got %+v, expected %+v", got, expected)
	}
	if got, expected := latencies([]time.Duration{7}), (latency{7, 7, 7, 7}); got != expected {
		t.Errorf("of 7 alone: got %+v, expected %+v", got, expected)
	}
}

// TestSwarmCommand runs the program as from the command line.
func TestSwarmCommand(t *testing.T) {
	chatd := daemon.Start(t)
	for _, c := range []struct {
		args     []string
		status   int
		expected string
	}{
		{[]string{"none", "-idle", "3", "-seconds", "0.01", "-json", "-address", chatd.Address}, 0, `"clients": 3`},
		{[]string{"none", "-idle", "3", "-seconds", "0.01", "-address", chatd.Address}, 0, "3 clients in all"},
		{[]string{"open", "-rate", "0", "-address", chatd.Address}, 1, "-rate must be above 0"},
		{[]string{"dance", "-address", chatd.Address}, 1, `no load "dance"`},
		{[]string{"pairs", "-size", "7", "-address", chatd.Address}, 1, "-size must be 8"},
		{[]string{"pairs", "rest"}, 2, ""},
		{nil, 2, "usage: swarm LOAD"},
	} {
		var output bytes.Buffer
		if status := command(c.args, &output, &output); status != c.status || !strings.Contains(output.String(), c.expected) {
			t.Errorf("swarm %q: status %d and\n%s\nexpected %d and %q", c.args, status, &output, c.status, c.expected)
		}
	}
}

// TestSwarmSaysThatItWasTheBottleneck judges runs in which a second took the generator and the
// server so much of a core.
func TestSwarmSaysThatItWasTheBottleneck(t *testing.T) {
	for _, c := range []struct {
		generator, server float64
		expected          bool
	}{
		{0.99, 0.50, true},
		{0.99, 0.95, false}, // the server had no more to give either
		{0.60, 0.50, false},
	} {
		used := usage{CPU: time.Duration(c.server * 1e9)}
		r := result{Seconds: 1, Generator: c.generator, Server: &used}
		if r.judge(&swarm{}, options{load: "none"}); r.Bottleneck != c.expected {
			t.Errorf("generator %v, server %v: bottleneck %v, expected %v", c.generator, c.server, r.Bottleneck, c.expected)
		}
	}
}
