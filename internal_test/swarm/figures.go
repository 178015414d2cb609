package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"chatd/internal_test/contender"
)

// figuresOptions are how thoroughly to measure.
type figuresOptions struct {
	rounds    int
	seconds   time.Duration // of each load
	many, few int           // idle clients, for what one costs
	rest      time.Duration // of the window in which all are idle
	warmup    time.Duration // of each load
	settle    time.Duration // for what logins have left to do
	only      string        // the contenders, with commas between them; "": all
	trace     bool          // strace may count system calls

	out, charts string // the file of the record, and the folder of the charts; "": none
}

// quick is for a look in a few minutes. Its figures are coarse.
func (o *figuresOptions) quick() {
	o.rounds, o.seconds, o.warmup, o.settle = 1, 400*time.Millisecond, 100*time.Millisecond, 300*time.Millisecond
	o.many, o.few, o.rest = 5_000, 1_000, 3*time.Second
	if o.only == "" {
		o.only = "chatd,c,goroutines" // Go and gcc alone
	}
}

// figuresCommand measures all contenders in turn, prints the tables and draws the charts.
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
	flags.StringVar(&o.only, "only", "", "`names` of the servers to measure, with commas between them (default all)")
	flags.BoolVar(&o.trace, "strace", true, "count system calls with strace where the kernel's counter may not be used")
	flags.StringVar(&o.out, "out", "docs/figures.json", "`file` to write all values to")
	flags.StringVar(&o.charts, "charts", "docs/charts", "`folder` to draw the charts in; empty for none")
	tables := flags.String("tables", "", "measure nothing and print the tables of an earlier run's `file`")
	quick := flags.Bool("quick", false, "one short round with fewer clients, and with the servers that need Go and gcc alone: -rounds, -load, -many, -few, -rest, -warmup and -settle are ignored")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil || flags.NArg() > 0 || o.rounds < 1 || o.few >= o.many {
		fmt.Fprintln(stderr, "swarm figures: there must be a round, more -many than -few, and nothing but flags")
		return 2
	}
	if *quick {
		o.quick()
	}
	if err := o.run(*tables, args, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "swarm figures: %v\n", err)
		return 1
	}
	return 0
}

func (o *figuresOptions) run(tables string, args []string, stdout, stderr io.Writer) error {
	if tables != "" {
		r, err := loadRecord(tables)
		if err != nil {
			return err
		}
		r.print(stdout)
		return nil
	}
	r, err := figures(*o, stderr)
	if err != nil {
		return err
	}
	r.Command = strings.Join(append([]string{"go run ./internal_test/swarm figures"}, args...), " ")
	if o.out != "" {
		if err := r.save(o.out); err != nil {
			return err
		}
	}
	r.print(stdout)
	if o.out != "" && o.charts != "" {
		if err := drawCharts(o.out, o.charts); err != nil {
			fmt.Fprintf(stderr, "The charts were not drawn: %v\n", err)
		}
	}
	return nil
}

// drawCharts has the module charts draw. It needs the network if its library was never downloaded.
func drawCharts(record, folder string) error {
	root, err := contender.Root()
	if err != nil {
		return err
	}
	from, err := filepath.Abs(record)
	if err != nil {
		return err
	}
	to, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	draw := exec.Command("go", "run", "-C", filepath.Join(root, "internal_test/charts"), ".", from, to)
	if output, err := draw.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, output)
	}
	return nil
}

// figures builds the contenders and measures them.
func figures(o figuresOptions, stderr io.Writer) (*record, error) {
	root, err := contender.Root()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "figures")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	m := &measurement{options: o, stderr: stderr, progress: newProgress(stderr)}
	defer m.progress.clear()
	if err := m.gather(root, folder); err != nil {
		return nil, err
	}
	m.record = record{
		Date: time.Now().UTC().Format(time.DateOnly), Machine: thisMachine(),
		Rounds: o.rounds, Many: o.many, Few: o.few, Rest: o.rest.Seconds(), LeftOut: m.record.LeftOut,
	}
	if err := m.takeApart(root); err != nil {
		return nil, err
	}
	for round := range o.rounds {
		if err := m.round(round); err != nil {
			return nil, err
		}
	}
	return &m.record, nil
}
