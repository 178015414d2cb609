package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"
)

// Latencies are kept as they are, 8 bytes for each message: ten million take 80 MB, and nothing is
// rounded.

type latency struct {
	P50  time.Duration `json:"p50"`
	P99  time.Duration `json:"p99"`
	P999 time.Duration `json:"p99.9"`
	Max  time.Duration `json:"max"`
}

// latencies are the exact percentiles, by nearest rank. It sorts the samples.
func latencies(samples []time.Duration) (l latency) {
	if len(samples) == 0 {
		return l
	}
	slices.Sort(samples)
	value := func(p float64) time.Duration { return samples[rank(p, len(samples))-1] }
	return latency{P50: value(0.50), P99: value(0.99), P999: value(0.999), Max: value(1)}
}

// rank is how many of n sorted samples are not above the percentile, 1 at least.
func rank(p float64, n int) int { return max(1, int(math.Ceil(p*float64(n)))) }

// halfDistance is in how many steps the percentile comes half the way nearer to 1, as the tools of
// HdrHistogram do by default.
const halfDistance = 5

// writePercentiles writes the distribution of sorted samples as HdrHistogram does, which its
// plotter reads. Values are milliseconds.
func writePercentiles(w io.Writer, sorted []time.Duration) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")
	line := func(p float64) (last bool) {
		count := rank(p, len(sorted))
		value := sorted[count-1]
		for count < len(sorted) && sorted[count] == value { // all that are not above the value
			count++
		}
		last = count == len(sorted)
		fmt.Fprintf(out, "%12.6f %.12f %10d", milli(value), p, count)
		if p < 1 {
			fmt.Fprintf(out, " %14.2f", 1/(1-p))
		}
		fmt.Fprintln(out)
		return last
	}
	if len(sorted) > 0 {
		for p, half := 0.0, 0.5; !line(p); {
			if p += half / halfDistance; 1-p <= half+half/1e9 {
				half /= 2
			}
		}
		line(1)
	}
	mean, deviation := spreadOf(sorted)
	fmt.Fprintf(out, "#[Mean    = %12.6f, StdDeviation   = %12.6f]\n", mean, deviation)
	if n := len(sorted); n > 0 {
		fmt.Fprintf(out, "#[Max     = %12.6f, Total count    = %12d]\n", milli(sorted[n-1]), n)
	}
	return out.Flush()
}

func milli(d time.Duration) float64 { return float64(d) / 1e6 }

// spreadOf is the mean of the samples and their standard deviation, in milliseconds.
func spreadOf(samples []time.Duration) (mean, deviation float64) {
	n := float64(max(1, len(samples)))
	for _, d := range samples {
		mean += milli(d) / n
	}
	for _, d := range samples {
		deviation += (milli(d) - mean) * (milli(d) - mean) / n
	}
	return mean, math.Sqrt(deviation)
}

// savePercentiles writes the distribution to a file.
func savePercentiles(path string, sorted []time.Duration) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := writePercentiles(f, sorted); err != nil {
		return err
	}
	return f.Close()
}
