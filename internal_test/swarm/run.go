package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"
)

// options say what to do to which server.
type options struct {
	load    string
	address string
	pid     int // the server's process; 0: not known, so nothing is said of it

	n       int // pairs, senders, users or visitors
	depth   int // messages in flight for each sender
	askers  int
	size    int // bytes of a message
	idle    int // clients that log in and are silent from then on
	silent  int // clients that never log in
	warmup  time.Duration
	settle  time.Duration // between the last login and the first message
	seconds time.Duration
}

// A result is what came of a run.
type result struct {
	Load     string  `json:"load"`
	What     string  `json:"what"`
	Clients  int     `json:"clients"` // in all
	Seconds  float64 `json:"seconds"`
	Messages int     `json:"messages"` // that got through
	Latency  latency `json:"latency_ns"`
	Errors   int     `json:"errors"`
	First    string  `json:"first_error,omitempty"`

	Generator  float64 `json:"generator_cores"`
	Bottleneck bool    `json:"generator_was_bottleneck"`

	Server  *usage `json:"server,omitempty"`        // used in the window
	Private int    `json:"private_bytes,omitempty"` // at the end of it
}

type latency struct {
	P50  time.Duration `json:"p50"`
	P99  time.Duration `json:"p99"`
	P999 time.Duration `json:"p99.9"`
	Max  time.Duration `json:"max"`
}

// perSecond is the rate at which messages got through.
func (r result) perSecond() float64 { return float64(r.Messages) / r.Seconds }

// each is a total of the window for each message, 0 if there was none.
func (r result) each(total int) float64 {
	if r.Messages == 0 {
		return 0
	}
	return float64(total) / float64(r.Messages)
}

// cores is how many processors a time spent in the window makes.
func (r result) cores(spent time.Duration) float64 { return spent.Seconds() / r.Seconds }

// run brings the clients up, warms up, measures and takes them down. The result is good as far as
// it goes, even if there is an error.
func run(o options) (r result, err error) {
	s, err := newSwarm(o.address)
	if err != nil {
		return r, err
	}
	defer s.close()
	l, what, err := o.build(s)
	if err != nil {
		return r, err
	}
	s.add(idler, o.idle)
	s.add(stranger, o.silent)
	coming := slices.DeleteFunc(slices.Clone(s.clients), func(c *client) bool { return c.kind == visitor })
	if err := s.gather(coming); err != nil {
		return r, err
	}
	r = result{Load: o.load, What: what, Clients: len(s.clients)}

	s.tally.samples = make([]time.Duration, 0, int(o.seconds.Seconds()*1e6)+1) // no growing while it counts
	s.load = silence{s}
	if err := s.turnFor(o.settle); err != nil {
		return r, err
	}
	s.load = l
	l.start()
	if err := s.turnFor(o.warmup); err != nil {
		return r, err
	}
	if err := r.measure(s, o); err != nil {
		return r, err
	}
	r.judge(s, o)
	return r, s.tally.first
}

// measure is the window.
func (r *result) measure(s *swarm, o options) error {
	var server, serverAfter usage
	own, err := usageOf(os.Getpid())
	if err == nil && o.pid != 0 {
		server, err = usageOf(o.pid)
	}
	if err != nil {
		return err
	}
	s.reset()
	begin := now()
	if err := s.turnFor(o.seconds); err != nil {
		return err
	}
	if o.pid != 0 {
		serverAfter, err = usageOf(o.pid)
	}
	r.Seconds, r.Messages = (now() - begin).Seconds(), len(s.tally.samples)
	if err != nil {
		return err
	}
	ownAfter, err := usageOf(os.Getpid())
	if err != nil {
		return err
	}
	r.Generator = r.cores(ownAfter.since(own).CPU)
	if o.pid != 0 {
		used := serverAfter.since(server)
		r.Server = &used
		r.Private, err = privateMemory(o.pid)
	}
	return err
}

var errNothing = errors.New("no message got through")

// judge says what the counts mean.
func (r *result) judge(s *swarm, o options) {
	if o.load != "none" && r.Messages == 0 && s.tally.errors == 0 {
		s.fail(errNothing)
	}
	if r.Errors = s.tally.errors; r.Errors > 0 {
		r.First = s.tally.first.Error()
	}
	r.Bottleneck = r.Generator > 0.95 && (r.Server == nil || r.cores(r.Server.CPU) < 0.9)
	r.Latency = latencies(s.tally.samples)
}

// latencies are the exact percentiles, by nearest rank. It sorts the samples.
func latencies(samples []time.Duration) (l latency) {
	if len(samples) == 0 {
		return l
	}
	slices.Sort(samples)
	rank := func(p float64) time.Duration { return samples[int(math.Ceil(p*float64(len(samples))))-1] }
	return latency{P50: rank(0.50), P99: rank(0.99), P999: rank(0.999), Max: rank(1)}
}

// build adds the clients of the load to a swarm.
func (o *options) build(s *swarm) (l load, what string, err error) {
	switch {
	case o.n < 1 || o.depth < 1 || o.askers < 1 || o.idle < 0 || o.silent < 0 || o.seconds <= 0:
		return nil, "", errors.New("-n, -k, -askers and -seconds must be above 0, -idle and -silent not below")
	case o.size < numberDigits:
		return nil, "", fmt.Errorf("-size must be %d at least: a message carries a number", numberDigits)
	}
	switch o.load {
	case "pairs":
		l, what = newMessages(s, o.n, o.n, 1, o.size), fmt.Sprintf("%d pairs, closed loop", o.n)
	case "pipeline":
		l, what = newMessages(s, o.n, o.n, o.depth, o.size), fmt.Sprintf("%d senders x %d in flight to %d recipients", o.n, o.depth, o.n)
	case "fanin":
		l, what = newMessages(s, o.n, 1, 1, o.size), fmt.Sprintf("%d senders to one recipient, closed loop", o.n)
	case "list":
		l, what = newListing(s, o.askers), fmt.Sprintf("LIST of %d users, %d asking in closed loop", max(o.n, o.askers)+o.idle, o.askers)
		o.idle += max(0, o.n-o.askers)
	case "churn":
		l, what = newChurning(s, o.n), fmt.Sprintf("%d visitors that connect, log in and go", o.n)
	case "none":
		l, what = silence{s}, "no messages"
	default:
		return nil, "", fmt.Errorf("there is no load %q: it is pairs, pipeline, fanin, list, churn or none", o.load)
	}
	return l, what, nil
}
