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
       swarm idle [flags]
       swarm attacks [flags]
       swarm figures [flags]
       swarm soak [flags]

Loads:
  pairs      -n senders to -n recipients, each sends when its message is through
  open       -rate messages a second in all from -n senders to -n recipients, each sent when it is
             due; the latency runs from then, so that a stall of the server counts in full
  pipeline   as pairs, with -k messages in flight for each sender
  fanin      -n senders to one recipient, each sends when its message is through
  list       -n users, of whom -askers ask for the list, each when it has it
  churn      -n visitors that connect, log in and go, again and again
  none       no messages: what the clients of -idle and -silent cost
A message is through when its DELIVERY and its SEND-OK have both arrived.

idle logs clients in that say nothing, and prints one line: what they cost a server of any kind.
attacks measures one pair beside clients that disturb the server, and prints a table.
figures builds chatd and servers of other designs, measures them in turn, prints tables and draws
charts. soak runs chatd under mixed load and faults, and sees whether memory, descriptors or answers
drift.

Flags of a load:
`

func main() { os.Exit(command(os.Args[1:], os.Stdout, os.Stderr)) }

// command is the program. The exit status is 0 if all went well, 1 if not, 2 for wrong usage.
func command(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "figures" {
		return figuresCommand(args[1:], stdout, stderr)
	}
	if len(args) > 0 && args[0] == "attacks" {
		return attacksCommand(args[1:], stdout, stderr)
	}
	if len(args) > 0 && args[0] == "idle" {
		return idleCommand(args[1:], stdout, stderr)
	}
	if len(args) > 0 && args[0] == "soak" {
		return soakCommand(args[1:], stdout, stderr)
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
	flags.IntVar(&o.rate, "rate", 10_000, "`number` of messages a second in all (open)")
	flags.IntVar(&o.askers, "askers", 1, "clients that ask (list)")
	flags.IntVar(&o.size, "size", 32, "`bytes` of a message")
	flags.IntVar(&o.idle, "idle", 0, "clients that log in and then say nothing, besides")
	flags.IntVar(&o.silent, "silent", 0, "clients that never log in, besides")
	flags.DurationVar(&o.warmup, "warmup", 500*time.Millisecond, "`time` of load before the measured window")
	flags.DurationVar(&o.settle, "settle", 0, "`time` of rest before the load")
	seconds := flags.Float64("seconds", 3, "length of the measured window")
	flags.BoolVar(&o.trace, "strace", false, "count system calls with strace, after the window, where the kernel's counter may not be used")
	flags.StringVar(&o.attack, "attack", "", "what attackers do beside the load: "+attackNames())
	flags.IntVar(&o.attackers, "attackers", 50, "`number` of attackers")
	flags.StringVar(&o.percentiles, "hdr", "", "write the latencies to a `file`, in milliseconds, as HdrHistogram does for its plotter")
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
	o.count, o.progress = true, newProgress(stderr)
	o.progress.say("%s", o.load)

	r, err := run(o)
	o.progress.clear()
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
