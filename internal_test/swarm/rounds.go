package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"slices"
	"strconv"
	"strings"

	"chatd/internal_test/contender"
	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

// A measurement is one run of `figures`. Each single value has a server that was started for it.
type measurement struct {
	options    figuresOptions
	contenders []contender.Contender // chatd is the first
	record     record
	failed     map[string]bool // server and load of which no more is measured
	stderr     io.Writer
	progress   *progress
}

// gather builds the contenders. One that cannot be built here is left out, but chatd must be there.
func (m *measurement) gather(root, folder string) error {
	users, err := allowManyDescriptors()
	if err != nil {
		return err
	}
	m.failed = make(map[string]bool)
	for _, c := range contender.All() {
		wanted := m.options.only == "" || slices.Contains(strings.Split(m.options.only, ","), c.Name)
		if !wanted {
			continue
		}
		m.progress.say("building %s", c.Name)
		switch err := c.Build(root, folder); {
		case err == nil:
			if c.Name != "chatd" { // it fits what there is by itself
				c.Flags = users
			}
			m.contenders = append(m.contenders, c)
		case c.Name == "chatd":
			return err
		default:
			m.leaveOut("%s cannot be built or run here: %v", c.Name, err)
		}
	}
	if len(m.contenders) == 0 || m.contenders[0].Name != "chatd" {
		return fmt.Errorf("%q does not name chatd", m.options.only)
	}
	return nil
}

func (m *measurement) leaveOut(format string, args ...any) {
	why := fmt.Sprintf(format, args...)
	m.progress.clear()
	fmt.Fprintf(m.stderr, "Left out: %s\n", why)
	m.record.LeftOut = append(m.record.LeftOut, why)
}

// The loads, as the record calls them.
const (
	onePair   = "1 pair, closed loop"
	pairs     = "50 pairs, closed loop"
	pipeline  = "50 senders x 16 in flight to 50"
	fanin     = "100 senders to one, closed loop"
	list      = "LIST at 1,000 users"
	idle      = "idle clients"
	tenPairs  = "10 pairs, closed loop"
	partsLoad = "one message, taken apart"
)

var loads = []struct {
	name string
	options
}{
	{onePair, options{load: "pairs", n: 1}},
	{pairs, options{load: "pairs", n: 50}},
	{pipeline, options{load: "pipeline", n: 50, depth: 16}},
	{fanin, options{load: "fanin", n: 100}},
	{list, options{load: "list", n: 1000, askers: 1}},
}

// round measures everything once. The contenders follow each other under the same load, so that
// what is compared was measured within seconds; the first of them changes from round to round.
func (m *measurement) round(round int) error {
	for _, l := range loads {
		for _, c := range m.inTurn(round) {
			m.progress.say("round %d of %d: %s, %s", round+1, m.options.rounds, l.name, c.Name)
			l.options.warmup, l.options.seconds = m.options.warmup, m.options.seconds
			l.options.count, l.options.trace = true, m.options.trace
			err := m.attempt(c, l.name, func() error {
				r, err := m.once(c, l.options)
				if err == nil {
					m.addLoad(key{Load: l.name, Server: c.Name}, r)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	for _, c := range m.inTurn(round) {
		m.progress.say("round %d of %d: %s, %s", round+1, m.options.rounds, idle, c.Name)
		if err := m.attempt(c, idle, func() error { return m.measureIdle(c) }); err != nil {
			return err
		}
	}
	return m.sweep(round)
}

func (m *measurement) inTurn(round int) []contender.Contender {
	first := round % len(m.contenders)
	return slices.Concat(m.contenders[first:], m.contenders[:first])
}

// attempt measures a contender under a load. A peer that fails has no value for the load; if chatd
// does, there is no point in going on.
func (m *measurement) attempt(c contender.Contender, load string, do func() error) error {
	what := c.Name + ", " + load
	if m.failed[what] {
		return nil
	}
	err := do()
	if err == nil {
		return nil
	}
	if c.Name == "chatd" {
		return fmt.Errorf("%s: %w", what, err)
	}
	m.failed[what] = true
	m.record.drop(c.Name, load)
	m.leaveOut("%s: %v", what, err)
	return nil
}

// once starts a contender, runs one load against it and stops it.
func (m *measurement) once(c contender.Contender, o options) (r result, err error) {
	f := &failures{Logger: log.New(io.Discard, "", 0)}
	f.attempt(func(s *scope) {
		d := daemon.Launch(s, c.Command())
		d.AwaitReady(s)
		o.address, o.pid, o.progress = d.Address, d.PID(), m.progress
		o.n, o.depth, o.askers, o.size = max(o.n, 1), max(o.depth, 1), max(o.askers, 1), 32
		r, err = run(o)
	})
	return r, errors.Join(f.first(), err)
}

// addLoad records what came of a load.
func (m *measurement) addLoad(k key, r result) {
	add := func(f figure, value float64) {
		k.Figure = f
		m.record.add(k, value)
	}
	add(cpuEach, r.each(int(r.Server.CPU))/1e3)
	add(rate, r.perSecond())
	add(p50, float64(r.Latency.P50)/1e3)
	add(p99, float64(r.Latency.P99)/1e3)
	add(writesEach, r.each(r.Server.Writes))
	add(switchesEach, r.each(r.Server.Voluntary))
	if r.Calls != nil {
		add(callsEach, r.Calls.each())
		m.record.Calls = r.Calls.By
	}
	if limited := fmt.Sprintf("%s with %s", k.Load, k.Server); r.Bottleneck && !slices.Contains(m.record.Limited, limited) {
		m.record.Limited = append(m.record.Limited, limited)
	}
}

// measureIdle finds what an idle client costs: its memory is the slope between few and many of
// them. At rest, chatd and the reference are watched for a while.
func (m *measurement) measureIdle(c contender.Contender) error {
	o := options{load: "none", idle: m.options.few, settle: m.options.settle, seconds: m.options.settle/100 + 1}
	few, err := m.once(c, o)
	if err != nil {
		return err
	}
	watched := c.Name == "chatd" || c.Name == contender.Reference
	if o.idle = m.options.many; watched {
		o.seconds = m.options.rest
	}
	many, err := m.once(c, o)
	if err != nil {
		return err
	}
	k := key{Load: idle, Server: c.Name, Figure: privateEach}
	m.record.add(k, float64(many.Private-few.Private)/float64(m.options.many-m.options.few))
	if watched {
		k.Idle = m.options.many
		k.Figure = restTicks
		m.record.add(k, float64(many.Server.Ticks))
		k.Figure = restSwitches
		m.record.add(k, float64(many.Server.Voluntary+many.Server.Involuntary))
	}
	return nil
}

// allowManyDescriptors raises the soft limit of descriptors to the hard one, for this process and
// for the servers that it starts, and returns the flag that says how many users then fit.
func allowManyDescriptors() ([]string, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, err
	}
	limit.Cur = limit.Max
	const others = 100 // descriptors that are no users
	users := int(min(limit.Max, 1<<20)) - others
	return []string{"--max-users", strconv.Itoa(users)}, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
}
