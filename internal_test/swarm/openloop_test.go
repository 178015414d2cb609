package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// stallOnce makes a fake server answer nothing for a while: the first message that comes after
// begin has been called waits for it, and with it all that come meanwhile.
func stallOnce(f *fake, stall time.Duration) (begin func()) {
	var due sync.Once
	var mu sync.Mutex
	armed := false
	f.send = func(from, message string) (string, string) {
		mu.Lock()
		defer mu.Unlock()
		if armed {
			due.Do(func() { time.Sleep(stall) })
		}
		return deliver(from, message), "SEND-OK\n"
	}
	return func() {
		mu.Lock()
		defer mu.Unlock()
		armed = true
	}
}

// TestSwarmOpenLoopSeesAStall plays to a server that stalls once. In open loop all messages that
// were due meanwhile have waited: with a stall of a fifth of the window, 1 in 10 waits for half of
// it at least. In closed loop the stall is one slow message of each sender, and of many messages
// their 99th percentile does not see it; that is the coordinated omission.
func TestSwarmOpenLoopSeesAStall(t *testing.T) {
	const stall = 200 * time.Millisecond
	o := short("open")
	o.n, o.rate, o.seconds, o.warmup = 2, 500, 5*stall, 0
	f := &fake{}
	stallOnce(f, stall)()
	o.address = f.start(t)
	r, err := run(o)
	if err != nil || r.Errors != 0 {
		t.Fatalf("%v, %d errors, expected none", err, r.Errors)
	}
	if r.Latency.Max < stall*9/10 || r.Latency.P99 < stall/2 {
		t.Errorf("p99 %v, max %v after a stall of %v, expected half of it and all of it at least", r.Latency.P99, r.Latency.Max, stall)
	}
}

// TestSwarmOpenLoopCountsTheLast plays to a server that stalls until after the window: what was due
// in the window counts all the same, though it comes when the window is over.
func TestSwarmOpenLoopCountsTheLast(t *testing.T) {
	const stall = 300 * time.Millisecond
	o := short("open")
	o.n, o.rate, o.seconds, o.warmup = 1, 100, stall/3, 0
	f := &fake{}
	stallOnce(f, stall)()
	o.address = f.start(t)
	r, err := run(o)
	if r.Latency.P50 < stall/3 || !r.Behind {
		t.Errorf("p50 %v, behind %v, %v; expected %v at least, and that it could not keep up", r.Latency.P50, r.Behind, err, stall/3)
	}
}

// TestSwarmOpenLoopReportsTheMissing plays to a server that forgets a SEND-OK: the message was
// never through, and that is an error though the others were.
func TestSwarmOpenLoopReportsTheMissing(t *testing.T) {
	sent := 0
	o := short("open")
	o.n, o.rate, o.warmup, o.patience = 1, 100, 0, 100*time.Millisecond
	o.address = (&fake{send: func(from, message string) (string, string) {
		if sent++; sent == 5 {
			return deliver(from, message), ""
		}
		return deliver(from, message), "SEND-OK\n"
	}}).start(t)
	const expected = "never been through"
	if r, err := run(o); err == nil || r.Errors == 0 || !strings.Contains(r.First, expected) {
		t.Errorf("%d errors, %v, expected %q", r.Errors, err, expected)
	}
}

// TestSwarmSchedule checks when messages are due.
func TestSwarmSchedule(t *testing.T) {
	p := schedule{rate: 3, begin: 10 * time.Second}
	for i, expected := range map[int]time.Duration{
		0: 10 * time.Second, 1: 10_333_333_333, 3: 11 * time.Second, 3e6 + 1: 1e6*time.Second + 10_333_333_333,
	} {
		if got := p.due(i); got != expected {
			t.Errorf("message %d at 3 a second is due at %v, expected %v", i, got, expected)
		}
	}
}

// TestSwarmOpenLoopMeasuresFromDue has the generator itself come late: a message that was due a
// second ago and leaves now has a latency of a second at least.
func TestSwarmOpenLoopMeasuresFromDue(t *testing.T) {
	const late = time.Second
	s := &swarm{}
	m := newOpenLoop(s, 1, 1, 32)
	m.schedule.begin = now() - late
	m.schedule.measured.from, m.schedule.measured.until = now()-2*late, now()+late
	m.schedule.send() // to a client without a connection: it stays in memory
	x := &m.senders[0]
	m.progress(x, &x.acknowledged)
	m.progress(x, &x.delivered)
	if x.sent != 2 || len(s.tally.samples) != 1 || s.tally.samples[0] < late {
		t.Errorf("%d sent, latencies %v, expected 2 and one of %v at least", x.sent, s.tally.samples, late)
	}
}

// TestSwarmSilentClient plays to a fake server that would notice if a silent client sent anything, and to
// which the users must log in.
func TestSwarmSilentClient(t *testing.T) {
	f := &fake{}
	o := short("none")
	o.idle, o.silent = 3, 5
	o.address = f.start(t)
	r, err := run(o)
	if err != nil || r.Clients != 8 {
		t.Fatalf("%d clients, %v, expected 8", r.Clients, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.users) != 3 || f.users[clientName(unauthenticated, 0)] != nil {
		t.Errorf("%d users logged in, expected the 3 idle ones: %v", len(f.users), f.users)
	}
}

// TestSwarmPercentileFile checks the text that HdrHistogram's plotter reads, against samples of
// which each line is known.
func TestSwarmPercentileFile(t *testing.T) {
	samples := make([]time.Duration, 10)
	for i := range samples {
		samples[i] = time.Duration(i+1) * time.Millisecond
	}
	var out bytes.Buffer
	if err := writePercentiles(&out, samples); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	for i, expected := range map[int]string{
		0:  "Value Percentile TotalCount 1/(1-Percentile)",
		1:  "",
		2:  "1.000000 0.000000000000 1 1.00",
		3:  "1.000000 0.100000000000 1 1.11",
		7:  "5.000000 0.500000000000 5 2.00",
		8:  "6.000000 0.550000000000 6 2.22",
		12: "8.000000 0.750000000000 8 4.00",
	} {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != expected {
			t.Errorf("line %d is %q, expected %q", i, got, expected)
		}
	}
	for _, expected := range []string{
		" 1.000000000000         10\n#[Mean    =     5.500000, StdDeviation   =     2.872281]\n",
		"#[Max     =    10.000000, Total count    =           10]\n",
	} {
		if !strings.Contains(out.String(), expected) {
			t.Errorf("the text has no %q:\n%s", expected, &out)
		}
	}
}
