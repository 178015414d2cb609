package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// print writes the tables in Markdown, with the command that makes them again.
func (r *record) print(w io.Writer) {
	fmt.Fprintf(w, "    %s\n\n", r.Command)
	fmt.Fprintf(w, "Median of %d rounds (lowest to highest); 32-byte messages; %d x %s, Linux %s, %s, %s.\n",
		r.Rounds, r.Machine.Processors, r.Machine.Processor, r.Machine.Linux, r.Machine.Go, r.Date)
	fmt.Fprintf(w, "An empty system call took %.0f ns here. System calls counted by: %s.\n", r.Machine.EmptyCall, orUnknown(r.Calls))
	for _, why := range r.LeftOut {
		fmt.Fprintf(w, "Left out: %s\n", why)
	}
	for _, what := range r.Limited {
		fmt.Fprintf(w, "The generator was the bottleneck in a round of %s: the rate and the latency are its own.\n", what)
	}
	fmt.Fprintf(w, "\n### Goals\n\n")
	r.printGoals(w)
	fmt.Fprintf(w, "\n### chatd and its peers\n\n")
	r.printPeers(w)
	fmt.Fprintf(w, "\n### Idle clients beside %s\n\n", tenPairs)
	r.printSweep(w)
	fmt.Fprintf(w, "\n### One message, taken apart\n\n")
	r.printParts(w)
}

func orUnknown(text string) string {
	if text == "" {
		return "nothing (unknown)"
	}
	return text
}

// printPeers is a row for each load and figure, and a column for each server.
func (r *record) printPeers(w io.Writer) {
	servers := r.servers()
	head(w, append([]string{"load", "figure"}, servers...)...)
	rows := []struct {
		figure figure
		format string
	}{
		{cpuEach, "%.2f"},
		{rate, "%.0f"},
		{p99, "%.0f"},
		{callsEach, "%.2f"},
		{writesEach, "%.3f"},
		{switchesEach, "%.2f"},
	}
	row := func(load string, figure figure, format string) {
		fmt.Fprintf(w, "| %s | %s |", load, figure)
		for _, server := range servers {
			values := r.values(key{Load: load, Figure: figure, Server: server})
			if figure == writesEach && len(values) > 0 && slices.Max(values) == 0 {
				values = nil // it writes with send(2), which is not counted
			}
			fmt.Fprintf(w, " %s |", spread(values, format))
		}
		fmt.Fprintln(w)
	}
	for _, l := range loads {
		for _, f := range rows {
			row(l.name, f.figure, f.format)
		}
	}
	row(idle, privateEach, "%.0f")
}

// printSweep is a row for each number of idle clients.
func (r *record) printSweep(w io.Writer) {
	columns := []string{"idle clients"}
	for _, f := range []figure{cpuEach, p99} {
		for _, poller := range pollers {
			columns = append(columns, fmt.Sprintf("%s, %s", poller, f))
		}
	}
	head(w, columns...)
	for _, idlers := range crowds(r.Many) {
		fmt.Fprintf(w, "| %d |", idlers)
		for _, f := range []figure{cpuEach, p99} {
			for _, poller := range pollers {
				fmt.Fprintf(w, " %s |", spread(r.values(key{tenPairs, f, poller, idlers}), "%.1f"))
			}
		}
		fmt.Fprintln(w)
	}
}

// printParts adds the parts up and compares them with what a message costs.
func (r *record) printParts(w io.Writer) {
	head(w, "part", "ns")
	sum := 0.0
	for _, part := range parts {
		values := r.values(key{Load: partsLoad, Figure: cost, Server: part})
		fmt.Fprintf(w, "| %s | %s |\n", part, spread(values, "%.0f"))
		if len(values) > 0 {
			sum += middle(values)
		}
	}
	fmt.Fprintf(w, "| sum | %.0f |\n", sum)
	for _, server := range r.servers() {
		for _, load := range []string{onePair, pairs} {
			if values := r.values(key{Load: load, Figure: cpuEach, Server: server}); len(values) > 0 {
				fmt.Fprintf(w, "| all CPU of %s, %s | %.0f |\n", server, load, 1e3*middle(values))
			}
		}
	}
}

func head(w io.Writer, columns ...string) {
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
}

// spread is the median of some values, and their range if there are several.
func spread(values []float64, format string) string {
	f := func(v float64) string { return fmt.Sprintf(format, v) }
	switch len(values) {
	case 0:
		return "-"
	case 1:
		return f(values[0])
	}
	return fmt.Sprintf("%s (%s to %s)", f(middle(values)), f(slices.Min(values)), f(slices.Max(values)))
}

// seconds writes a number of seconds as people do.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
