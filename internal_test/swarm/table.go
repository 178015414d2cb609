package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A table holds what has been measured: for each contender and row one value a round.
type table struct {
	options     figuresOptions
	contenders  []contender
	values      [][rows][]float64
	restCPU     [][]time.Duration
	yardstick   []time.Duration
	bottlenecks []string // runs in which the generator was the limit
}

func newTable(o figuresOptions, contenders []contender) *table {
	return &table{
		options:    o,
		contenders: contenders,
		values:     make([][rows][]float64, len(contenders)),
		restCPU:    make([][]time.Duration, len(contenders)),
	}
}

// print writes the table in Markdown, with the command that makes it again.
func (t *table) print(w io.Writer, args []string) {
	fmt.Fprintf(w, "    %s\n\n", strings.Join(append([]string{"go run ./internal_test/swarm figures"}, args...), " "))
	fmt.Fprintf(w, "Median of %d rounds (lowest to highest); 32-byte messages; %d processors, Linux %s, %s.\n",
		t.options.rounds, runtime.NumCPU(), kernelRelease(), runtime.Version())
	fmt.Fprintf(w, "An empty system call took %v here.\n\n", middle(t.yardstick))

	fmt.Fprint(w, "| load | figure |")
	for _, c := range t.contenders {
		fmt.Fprintf(w, " %s |", c.name)
	}
	fmt.Fprintf(w, "\n|%s\n", strings.Repeat("---|", 2+len(t.contenders)))
	idle := fmt.Sprintf("%d idle clients", t.options.many)
	for row, head := range [rows]struct{ load, figure, format string }{
		rowPairsCPU:       {"50 pairs, closed loop", "CPU a message, us", "%.2f"},
		rowPairsWrites:    {"", "writes a message", "%.2f"},
		rowPipelineCPU:    {"50 senders x 16 in flight to 50", "CPU a message, us", "%.2f"},
		rowPipelineWrites: {"", "writes a message", "%.3f"},
		rowFaninCPU:       {"100 senders to one, closed loop", "CPU a message, us", "%.2f"},
		rowFaninWrites:    {"", "writes a message", "%.2f"},
		rowMemory:         {idle, fmt.Sprintf("private bytes a client (slope from %d)", t.options.few), "%.0f"},
		rowRest:           {"", fmt.Sprintf("ticks of CPU in %v", t.options.rest), "%.0f"},
	} {
		fmt.Fprintf(w, "| %s | %s |", head.load, head.figure)
		for i := range t.contenders {
			fmt.Fprintf(w, " %s |", spread(t.values[i][row], head.format))
		}
		fmt.Fprintln(w)
	}

	fmt.Fprintf(w, "\nCPU with %s in %v, in full:", idle, t.options.rest)
	for i, c := range t.contenders {
		fmt.Fprintf(w, " %s %v;", c.name, middle(t.restCPU[i]))
	}
	fmt.Fprintln(w, " a tick is 10 ms.")
	for _, b := range t.bottlenecks {
		fmt.Fprintf(w, "The generator was the bottleneck in a round of %s.\n", b)
	}
}

// spread is the median of some values, and their range.
func spread(values []float64, format string) string {
	f := func(v float64) string { return fmt.Sprintf(format, v) }
	return fmt.Sprintf("%s (%s to %s)", f(middle(values)), f(slices.Min(values)), f(slices.Max(values)))
}

// middle is the median; of an even number of values the higher of the two.
func middle[T float64 | time.Duration](values []T) T {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

// yardstick is what an empty system call takes: it says how fast the machine was, for comparing
// figures of different days.
func yardstick() time.Duration {
	const calls = 100_000
	begin := now()
	for range calls {
		unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
	}
	return (now() - begin) / calls
}

func kernelRelease() string {
	var name unix.Utsname
	unix.Uname(&name)
	return unix.ByteSliceToString(name.Release[:])
}
