package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// figuresOptions are how thoroughly to measure.
type figuresOptions struct {
	rounds    int
	seconds   time.Duration // of each load
	many, few int           // idle clients, for what one costs
	rest      time.Duration // of the window in which all are idle

	warmup time.Duration // of each load
	settle time.Duration // for what logins have left to do
}

// figuresCommand measures all contenders in turn and prints the table.
func figuresCommand(args []string, stdout, stderr io.Writer) int {
	var o figuresOptions
	flags := flag.NewFlagSet("swarm figures", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rounds, "rounds", 5, "`number` of times each is measured")
	flags.DurationVar(&o.seconds, "load", 1500*time.Millisecond, "`time` for which each load is measured")
	flags.IntVar(&o.many, "many", 19_000, "idle clients; the descriptor limit must allow them")
	flags.IntVar(&o.few, "few", 1_000, "idle clients to compare with")
	flags.DurationVar(&o.rest, "rest", 10*time.Second, "`time` for which the idle clients are measured")
	flags.DurationVar(&o.warmup, "warmup", 300*time.Millisecond, "`time` of load before it is measured")
	flags.DurationVar(&o.settle, "settle", 500*time.Millisecond, "`time` of rest before idle clients are measured")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil || flags.NArg() > 0 || o.rounds < 1 || o.few >= o.many {
		fmt.Fprintln(stderr, "swarm figures: there must be a round, more -many than -few, and nothing but flags")
		return 2
	}
	table, err := figures(o, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "swarm figures: %v\n", err)
		return 1
	}
	table.print(stdout, args)
	return 0
}

// The rows of the table.
const (
	rowPairsCPU = iota
	rowPairsWrites
	rowPipelineCPU
	rowPipelineWrites
	rowFaninCPU
	rowFaninWrites
	rowMemory
	rowRest
	rows
)

// figures builds the contenders and measures them, one after the other, alternating. Each
// measurement has a server that was started for it.
func figures(o figuresOptions, progress io.Writer) (*table, error) {
	dir, err := os.MkdirTemp("", "figures")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	t := newTable(o, contenders())
	for i := range t.contenders {
		if err := t.contenders[i].build(dir); err != nil {
			return nil, err
		}
	}
	for round := range o.rounds {
		for i := range t.contenders {
			fmt.Fprintf(progress, "round %d of %d: %s\n", round+1, o.rounds, t.contenders[i].name)
			if err := t.measure(i); err != nil {
				return nil, fmt.Errorf("%s: %w", t.contenders[i].name, err)
			}
		}
		t.yardstick = append(t.yardstick, yardstick())
	}
	return t, nil
}

// measure adds one value to each row of a contender.
func (t *table) measure(contender int) error {
	values := &t.values[contender]
	loads := []struct {
		options
		cpu, writes int
	}{
		{options{load: "pairs", n: 50}, rowPairsCPU, rowPairsWrites},
		{options{load: "pipeline", n: 50, depth: 16}, rowPipelineCPU, rowPipelineWrites},
		{options{load: "fanin", n: 100}, rowFaninCPU, rowFaninWrites},
	}
	for _, l := range loads {
		l.warmup, l.seconds = t.options.warmup, t.options.seconds
		r, err := t.once(contender, l.options)
		if err != nil {
			return err
		}
		values[l.cpu] = append(values[l.cpu], r.each(int(r.Server.CPU))/1e3)
		values[l.writes] = append(values[l.writes], r.each(r.Server.Writes))
		if r.Bottleneck {
			t.bottlenecks = append(t.bottlenecks, fmt.Sprintf("%s with %s", r.What, t.contenders[contender].name))
		}
	}
	return t.measureIdle(contender, values)
}

// measureIdle finds what an idle client costs: its memory is the slope between few and many of
// them.
func (t *table) measureIdle(contender int, values *[rows][]float64) error {
	o := options{load: "none", idle: t.options.few, settle: t.options.settle, seconds: time.Millisecond}
	few, err := t.once(contender, o)
	if err != nil {
		return err
	}
	o.idle, o.seconds = t.options.many, t.options.rest
	many, err := t.once(contender, o)
	if err != nil {
		return err
	}
	slope := float64(many.Private-few.Private) / float64(t.options.many-t.options.few)
	values[rowMemory] = append(values[rowMemory], slope)
	values[rowRest] = append(values[rowRest], float64(many.Server.Ticks))
	t.restCPU[contender] = append(t.restCPU[contender], many.Server.CPU)
	return nil
}

// once starts a contender, runs one load against it and stops it.
func (t *table) once(contender int, o options) (result, error) {
	server, err := t.contenders[contender].start()
	if err != nil {
		return result{}, err
	}
	defer server.stop()
	o.address, o.pid = server.address, server.pid()
	o.n, o.depth, o.askers, o.size = max(o.n, 1), max(o.depth, 1), 1, 32
	return run(o)
}
