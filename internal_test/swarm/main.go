// Swarm is a load generator: it plays many chat clients against any server that speaks the
// protocol, and reports how many messages get through, how long they take and what they cost the
// server. It is one thread with one epoll set, like chatd itself, so that it needs less of the
// machine than what it measures.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

const usageText = `usage: swarm LOAD [flags]
       swarm figures [flags]

Loads:
  pairs      -n senders to -n recipients, each sends when its message is through
  pipeline   the same with -k messages in flight for each sender
  fanin      -n senders to one recipient, each sends when its message is through
  list       -n users, of whom -askers ask for the list, each when it has it
  churn      -n visitors that connect, log in and go, again and again
  none       no messages: what the clients of -idle and -silent cost
A message is through when its DELIVERY and its SEND-OK have both arrived.

figures builds chatd and its peers, measures them in turn and prints a table.

Flags of a load:
`

func main() { os.Exit(command(os.Args[1:], os.Stdout, os.Stderr)) }

// command is the program. The exit status is 0 if all went well, 1 if not, 2 for wrong usage.
func command(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "figures" {
		return figuresCommand(args[1:], stdout, stderr)
	}
	var o options
	var asJSON bool
	flags := flag.NewFlagSet("swarm", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { io.WriteString(stderr, usageText); flags.PrintDefaults() }
	flags.StringVar(&o.address, "address", "127.0.0.1:5378", "`HOST:PORT` of the server")
	flags.IntVar(&o.pid, "pid", 0, "the server's process `ID`, to report what it uses (on this machine)")
	flags.IntVar(&o.n, "n", 50, "`number` of pairs, senders, users or visitors")
	flags.IntVar(&o.depth, "k", 16, "messages in flight for each sender (pipeline)")
	flags.IntVar(&o.askers, "askers", 1, "clients that ask (list)")
	flags.IntVar(&o.size, "size", 32, "`bytes` of a message")
	flags.IntVar(&o.idle, "idle", 0, "clients that log in and then say nothing, besides")
	flags.IntVar(&o.silent, "silent", 0, "clients that never log in, besides")
	flags.DurationVar(&o.warmup, "warmup", 500*time.Millisecond, "`time` of load before the measured window")
	flags.DurationVar(&o.settle, "settle", 0, "`time` of rest before the load")
	seconds := flags.Float64("seconds", 3, "length of the measured window")
	flags.BoolVar(&asJSON, "json", false, "print the result as JSON")
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		flags.Usage()
		return 2
	}
	o.load = args[0]
	if err := flags.Parse(args[1:]); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil || flags.NArg() > 0 {
		return 2
	}
	o.seconds = time.Duration(*seconds * float64(time.Second))

	r, err := run(o)
	switch {
	case r.Seconds == 0: // it did not come to measuring
	case asJSON:
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		out.Encode(r)
	default:
		report(stdout, r)
	}
	if err != nil {
		fmt.Fprintf(stderr, "swarm: %v\n", err)
		return 1
	}
	return 0
}

// report prints a result for people.
func report(w io.Writer, r result) {
	fmt.Fprintf(w, "%s, %d clients in all\n", r.What, r.Clients)
	fmt.Fprintf(w, "  through    %d messages in %.2f s, %.0f/s, %d errors\n", r.Messages, r.Seconds, r.perSecond(), r.Errors)
	if r.Messages > 0 {
		l := r.Latency
		fmt.Fprintf(w, "  latency    p50 %v, p99 %v, p99.9 %v, max %v\n", l.P50, l.P99, l.P999, l.Max)
	}
	if u := r.Server; u != nil {
		fmt.Fprintf(w, "  server     %.3f of a core (%d ticks), %d KiB private (anonymous)\n", r.cores(u.CPU), u.Ticks, r.Private>>10)
		if r.Messages > 0 {
			fmt.Fprintf(w, "  a message  %.2f us CPU, %.2f writes, %.2f reads, %.2f voluntary and %.2f involuntary context switches\n",
				r.each(int(u.CPU))/1e3, r.each(u.Writes), r.each(u.Reads), r.each(u.Voluntary), r.each(u.Involuntary))
		} else {
			fmt.Fprintf(w, "  in all     %v CPU, %d writes, %d reads, %d voluntary and %d involuntary context switches\n",
				u.CPU, u.Writes, u.Reads, u.Voluntary, u.Involuntary)
		}
	}
	fmt.Fprintf(w, "  generator  %.2f of a core\n", r.Generator)
	if r.Bottleneck {
		fmt.Fprintln(w, "  The generator was the bottleneck: the rate and the latency are its own, not the server's.")
	}
}
