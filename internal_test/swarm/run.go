package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// options say what to do to which server.
type options struct {
	load    string
	address string
	pid     int // the server's process; 0: not known, so nothing is said of it

	n         int // pairs, senders, users or visitors
	depth     int // messages in flight for each sender
	rate      int // messages per second in all, of the open loop
	askers    int
	size      int    // bytes of a message
	idle      int    // clients that log in and are silent from then on
	silent    int    // clients that never log in
	attack    string // what the attackers do; "": there are none
	attackers int
	warmup    time.Duration
	settle    time.Duration // between the last login and the first message
	seconds   time.Duration

	count, trace bool   // count the server's system calls, with strace if need be
	percentiles  string // file for the distribution of the latencies
	progress     *progress
	patience     time.Duration // with messages of the open loop that do not get through; 0: the usual
}

// run brings the clients up, warms up, measures and takes them down. The result is good as far as
// it goes, even if there is an error.
func run(o options) (r result, err error) {
	s, err := newSwarm(o.address)
	if err != nil {
		return r, err
	}
	defer s.close()
	s.progress = o.progress
	l, what, err := o.build(s)
	if err != nil {
		return r, err
	}
	if o.pid != 0 {
		if r.PrivateBefore, err = privateMemory(o.pid); err != nil {
			return r, err
		}
	}
	s.add(idler, o.idle)
	s.add(unauthenticated, o.silent)
	coming := slices.DeleteFunc(slices.Clone(s.clients), func(c *client) bool { return c.kind == visitor })
	if err := s.gather(coming); err != nil {
		return r, err
	}
	r.Load, r.What, r.Clients = o.load, what, len(s.clients)

	s.tally.samples = make([]time.Duration, 0, int(o.seconds.Seconds()*1e6)+1) // no growing while it counts
	s.load = silence{s}
	if err := s.turnFor(o.settle); err != nil {
		return r, err
	}
	if o.attack != "" {
		a, err := startAttack(o)
		if err != nil {
			return r, err
		}
		defer func() { r.Answered = a.stop() }()
		r.Attack, r.Attackers = o.attack, o.attackers
	}
	s.load = l
	l.start()
	if m, ok := l.(*messages); ok && m.schedule != nil {
		defer wakePunctually()()
		s.schedule, r.Asked = m.schedule, float64(o.rate)
		s.schedule.patience = cmp.Or(o.patience, patience)
	}
	if err := s.turnFor(o.warmup); err != nil {
		return r, err
	}
	if err := r.measure(s, o); err != nil {
		return r, err
	}
	if err := r.countCalls(s, o); err != nil {
		return r, err
	}
	if s.schedule != nil {
		if err := s.schedule.drain(); err != nil {
			return r, err
		}
	}
	r.judge(s, o)
	if o.percentiles != "" {
		err = savePercentiles(o.percentiles, s.tally.samples)
	}
	return r, errors.Join(s.tally.first, err)
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
	if s.schedule != nil {
		s.schedule.measured.from, s.schedule.measured.until = begin, begin+o.seconds
	}
	if err := s.turnFor(o.seconds); err != nil {
		return err
	}
	if o.pid != 0 {
		serverAfter, err = usageOf(o.pid)
	}
	r.Seconds, r.Messages = (now() - begin).Seconds(), s.tally.messages
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

// countCalls counts the server's system calls, in a window of its own that leaves no samples.
func (r *result) countCalls(s *swarm, o options) error {
	if !o.count || o.pid == 0 || o.load == "none" {
		return nil
	}
	var messages int
	samples := len(s.tally.samples)
	calls, by, err := countCalls(o.pid, o.trace, func() error {
		before := s.tally.messages
		err := s.turnFor(min(o.seconds, countWindow))
		messages = s.tally.messages - before
		return err
	})
	if s.schedule == nil { // the open loop knows itself which are of the measured window
		s.tally.samples = s.tally.samples[:samples]
	}
	if by != "" && messages > 0 && calls > 0 { // none at all cannot be true
		r.Calls = &callCount{Calls: calls, Messages: messages, By: by}
	}
	return err
}

var errNothing = errors.New("no message got through")

// build adds the clients of the load to a swarm.
func (o *options) build(s *swarm) (l load, what string, err error) {
	switch {
	case o.n < 1 || o.depth < 1 || o.askers < 1 || o.idle < 0 || o.silent < 0 || o.seconds <= 0:
		return nil, "", errors.New("-n, -k, -askers and -seconds must be above 0, -idle and -silent not below")
	case o.size < numberDigits:
		return nil, "", fmt.Errorf("-size must be %d at least: a message carries a number", numberDigits)
	case o.load == "open" && o.rate < 1:
		return nil, "", errors.New("-rate must be above 0")
	}
	switch o.load {
	case "pairs":
		l, what = newMessages(s, o.n, o.n, 1, o.size), fmt.Sprintf("%d pairs, closed loop", o.n)
	case "open":
		l, what = newOpenLoop(s, o.n, o.rate, o.size), fmt.Sprintf("%d pairs, open loop at %d messages/s in all", o.n, o.rate)
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
		return nil, "", fmt.Errorf("there is no load %q: it is pairs, open, pipeline, fanin, list, churn or none", o.load)
	}
	return l, what, nil
}
