// Charts draws the charts of docs/measurements.md from what `swarm figures` has measured:
//
//	go run -C internal_test/charts . ../../docs/figures.json ../../docs/charts
//
// It is a module of its own, so that what it needs is no requirement of chatd. The same record
// always gives the same files.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: charts RECORD FOLDER")
		os.Exit(2)
	}
	if err := drawAll(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "charts: %v\n", err)
		os.Exit(1)
	}
}

// charts are the files and what is drawn in them.
var charts = []struct {
	file string
	make func(*record) (*chart, error)
}{
	{"idle-cpu.svg", func(r *record) (*chart, error) {
		return idleLines(r, cpuEach, "CPU per message beside idle clients", "microseconds, log scale")
	}},
	{"memory.svg", func(r *record) (*chart, error) {
		return groups(r, privateEach, "Private memory per idle client", "bytes, log scale", 10, []group{{"", idle}})
	}},
	{"rate.svg", func(r *record) (*chart, error) {
		return groups(r, rate, "Messages per second", "messages a second, log scale", 1000, loads)
	}},
	{"calls.svg", func(r *record) (*chart, error) {
		return groups(r, callsEach, "System calls per message", "calls", 0, loads)
	}},
	{"apart.svg", apart},
}

// drawAll draws all charts into a folder.
func drawAll(from, folder string) error {
	r, err := load(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, c := range charts {
		made, err := c.make(r)
		if err != nil {
			return fmt.Errorf("%s: %w", c.file, err)
		}
		if err := os.WriteFile(filepath.Join(folder, c.file), made.svg(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
