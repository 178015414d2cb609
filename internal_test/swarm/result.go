package main

import (
	"fmt"
	"io"
	"time"
)

// A result is what came of a run.
type result struct {
	Load     string  `json:"load"`
	What     string  `json:"what"`
	Clients  int     `json:"clients"` // in all
	Seconds  float64 `json:"seconds"`
	Asked    float64 `json:"asked_per_second,omitempty"` // of the open loop
	Behind   bool    `json:"behind_schedule,omitempty"`  // fewer got through than were asked for
	Messages int     `json:"messages"`                   // that got through in the window
	Latency  latency `json:"latency_ns"`
	Errors   int     `json:"errors"`
	First    string  `json:"first_error,omitempty"`

	Attack    string `json:"attack,omitempty"`
	Attackers int    `json:"attackers,omitempty"`
	Answered  int    `json:"attackers_lines,omitempty"` // that the attackers got

	Generator  float64 `json:"generator_cores"`
	Bottleneck bool    `json:"generator_was_bottleneck"`

	Server        *usage     `json:"server,omitempty"`               // used in the window
	Private       int        `json:"private_bytes,omitempty"`        // at the end of it
	PrivateBefore int        `json:"private_bytes_before,omitempty"` // before the clients came
	Calls         *callCount `json:"system_calls,omitempty"`
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

// keptUp is the share of the asked rate that must get through. The messages in flight at the two
// ends of the window make a difference, though the server keeps up.
const keptUp = 0.99

// judge says what the counts mean.
func (r *result) judge(s *swarm, o options) {
	if o.load != "none" && r.Messages == 0 && s.tally.errors == 0 {
		s.fail(errNothing)
	}
	if r.Errors = s.tally.errors; r.Errors > 0 {
		r.First = s.tally.first.Error()
	}
	r.Behind = r.perSecond() < r.Asked*keptUp
	r.Bottleneck = o.attack == "" && r.Generator > 0.95 && (r.Server == nil || r.cores(r.Server.CPU) < 0.9)
	r.Latency = latencies(s.tally.samples)
}

// report prints a result for people.
func report(w io.Writer, r result) {
	fmt.Fprintf(w, "%s, %d clients in all\n", r.What, r.Clients)
	fmt.Fprintf(w, "  through    %d messages in %.2f s, %.0f/s, %d errors\n", r.Messages, r.Seconds, r.perSecond(), r.Errors)
	if r.Messages > 0 {
		l := r.Latency
		fmt.Fprintf(w, "  latency    p50 %v, p99 %v, p99.9 %v, max %v\n", l.P50, l.P99, l.P999, l.Max)
	}
	if r.Attack != "" {
		fmt.Fprintf(w, "  beside     %d attackers (%s), which got %d lines\n", r.Attackers, r.Attack, r.Answered)
	}
	if u := r.Server; u != nil {
		fmt.Fprintf(w, "  server     %.3f of a core (%d ticks), %d KiB private (anonymous), %d bytes of it for each client\n",
			r.cores(u.CPU), u.Ticks, r.Private>>10, (r.Private-r.PrivateBefore)/max(1, r.Clients))
		if r.Messages > 0 {
			fmt.Fprintf(w, "  a message  %.2f us CPU, %.2f writes, %.2f reads, %.2f voluntary and %.2f involuntary context switches\n",
				r.each(int(u.CPU))/1e3, r.each(u.Writes), r.each(u.Reads), r.each(u.Voluntary), r.each(u.Involuntary))
			reportCalls(w, r.Calls)
		} else {
			fmt.Fprintf(w, "  in all     %v CPU, %d writes, %d reads, %d voluntary and %d involuntary context switches\n",
				u.CPU, u.Writes, u.Reads, u.Voluntary, u.Involuntary)
		}
	}
	fmt.Fprintf(w, "  generator  %.2f of a core\n", r.Generator)
	if r.Behind {
		fmt.Fprintf(w, "  Could not keep up: %.0f messages/s were asked for, %.0f got through.\n", r.Asked, r.perSecond())
	}
	if r.Bottleneck {
		fmt.Fprintln(w, "  The generator was the bottleneck: the rate and the latency are its own, not the server's.")
	}
}

func reportCalls(w io.Writer, c *callCount) {
	if c == nil {
		fmt.Fprintln(w, "  calls      unknown: the kernel's counter may not be used; -strace counts with strace, if it is installed")
		return
	}
	fmt.Fprintf(w, "  calls      %.2f system calls a message (%s, %d messages after the window)\n", c.each(), c.By, c.Messages)
}
