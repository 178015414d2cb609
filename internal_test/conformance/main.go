// Command conformance asks any server of the chat protocol, in whatever language it is written,
// whether it keeps the rules: from outside, over TCP, one small case after the other.
//
// It is fair in two ways. Where the lab's rules are silent, a server that decides otherwise than
// chatd differs and does not fail. And what a case expects to come has time to come; that something
// does not come is proved by what comes instead, and not by waiting.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const usage = `usage: conformance --exec COMMAND [flags]     start the server, and test it
       conformance --target HOST:PORT [flags] test a server that runs and has no other clients
       conformance --batch FOLDER --exec COMMAND [flags]   test each folder in it, with the command there

  --exec COMMAND       a shell command; "--address 127.0.0.1 --port N" is appended to it
  --target HOST:PORT   where the server listens
  --no-args            append nothing to the command; needs --target
  --only LIST          only these rules or cases: PR12, PR12/oneself, PR; separated by commas
  --skip LIST          all but these
  --must               only what the lab's rules say, and nothing that they leave open
  --timeout TIME       for how long nothing may come before an expectation has failed (default 2s)
  --deadline TIME      for the whole run: what has been found by then is told
  --max-processes N    a server with more processes and threads is ended (default 512)
  --max-memory MIB     so is one that holds more memory (default 2048)
  --dir FOLDER         where the command runs
  --seed N             for the random names: the same as in an earlier run, whose report tells it
  --jobs N             so many servers of a batch at a time (default 4)
  --out FOLDER         the results of a batch; one that is there is not judged again (default results)
  --strict             what is only observed counts as failed, for the exit status
  --report FORMAT=FILE write a report for a program: json, junit, gradescope,
                       classroom50, mermaid; more than once
  --points FILE        what rules and cases are worth: lines such as "PR12 5" and "PR12/oneself 2"
  --hide LIST          the report does not tell these cases; gradescope hides them from students
  --json               print one JSON object instead of text
  --verbose            tell what was said and heard in cases that pass, too
  --list               print the cases, and test nothing

Exit status: 0 nothing failed, 1 something failed, 2 wrong usage, or no server, 3 the run ended early
and nothing had failed. "go run" makes 1 of each but 0: build the program where the difference matters.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags, understood.
type options struct {
	suite
	only, except, hide, pointsFile            string
	reports                                   []string // FORMAT=FILE
	batchFolder, out                          string
	jobs                                      int
	hidden                                    []testCase
	points                                    points
	noArgs, must, json, strict, verbose, list bool
}

func parse(args []string) (options, error) {
	o := options{suite: suite{timeout: 2 * time.Second, limits: limits{processes: 512, memory: 2048}}}
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.command, "exec", "", "")
	flags.StringVar(&o.target, "target", "", "")
	flags.StringVar(&o.except, "skip", "", "")
	flags.StringVar(&o.batchFolder, "batch", "", "")
	flags.StringVar(&o.out, "out", "results", "")
	flags.IntVar(&o.jobs, "jobs", 4, "")
	flags.StringVar(&o.hide, "hide", "", "")
	flags.StringVar(&o.pointsFile, "points", "", "")
	flags.Func("report", "", func(asked string) error {
		name, path, _ := strings.Cut(asked, "=")
		if formats[name] == nil || path == "" {
			return errors.New("needs json=FILE, junit=FILE, gradescope=FILE, classroom50=FILE or mermaid=FILE")
		}
		o.reports = append(o.reports, asked)
		return nil
	})
	flags.StringVar(&o.only, "only", "", "")
	flags.DurationVar(&o.timeout, "timeout", o.timeout, "")
	flags.DurationVar(&o.deadline, "deadline", 0, "")
	flags.IntVar(&o.limits.processes, "max-processes", o.limits.processes, "")
	flags.Int64Var(&o.limits.memory, "max-memory", o.limits.memory, "")
	flags.Uint64Var(&o.seed, "seed", 0, "")
	flags.StringVar(&o.dir, "dir", "", "")
	flags.BoolVar(&o.strict, "strict", false, "")
	flags.BoolVar(&o.noArgs, "no-args", false, "")
	flags.BoolVar(&o.must, "must", false, "")
	flags.BoolVar(&o.json, "json", false, "")
	flags.BoolVar(&o.verbose, "verbose", false, "")
	flags.BoolVar(&o.list, "list", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q: a command with spaces needs quotes", flags.Arg(0))
	case o.timeout <= 0:
		return o, errors.New("--timeout must be above 0")
	case o.list:
		return o, nil
	case o.command == "" && o.target == "":
		return o, errors.New("--exec or --target is needed")
	case o.batchFolder != "" && (o.command == "" || o.target != "" || o.jobs < 1):
		return o, errors.New("--batch needs --exec, no --target, and --jobs above 0")
	case o.noArgs && (o.command == "" || o.target == ""):
		return o, errors.New("--no-args needs --exec, and --target to know the port")
	case o.command != "" && o.target != "" && !o.noArgs:
		return o, errors.New("--exec with --target needs --no-args: the command alone decides the port then")
	}
	return o, nil
}

// run is the whole program. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		io.WriteString(stdout, usage)
		return 0
	}
	var cases []testCase
	if err == nil {
		cases, err = o.cases()
	}
	if err != nil {
		fmt.Fprintf(stderr, "conformance: %v\n%s", err, usage)
		return 2
	}
	all, _ := allCases() // also those that are not played
	if o.hidden, err = pick(all, "--hide", o.hide); err == nil && o.pointsFile != "" {
		o.points, err = readPoints(o.pointsFile, all)
	}
	if err != nil {
		fmt.Fprintf(stderr, "conformance: %v\n", err)
		return 2
	}
	if o.list {
		for _, c := range cases {
			fmt.Fprintf(stdout, "%-5s%-21s%s\n", c.Level, c.ID, c.Title)
		}
		return 0
	}
	if o.batchFolder != "" {
		if err := o.batch(withoutBatch(args), stdout); err != nil {
			fmt.Fprintf(stderr, "conformance: %v\n", err)
			return 2
		}
		return 0
	}
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano())%1e9 + 1
	}
	o.names = newRenaming(o.seed)
	run, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if o.run = run; o.deadline > 0 {
		bounded, cancel := context.WithTimeoutCause(run, o.deadline, fmt.Errorf("the deadline of %v has come", o.deadline))
		defer cancel()
		o.run = bounded
	}
	if err := becomeSubreaper(); err != nil {
		fmt.Fprintf(stderr, "conformance: processes that the server leaves may go on: %v\n", err)
	}
	if err := o.start(); err != nil {
		fmt.Fprintf(stderr, "conformance: %v\n", err)
		return 2
	}
	return o.test(cases, stdout, stderr)
}

// withoutBatch are the flags for the run of one submission.
func withoutBatch(args []string) (rest []string) {
	for i := 0; i < len(args); i++ {
		switch name, _, joined := strings.Cut(strings.TrimLeft(args[i], "-"), "="); name {
		case "batch", "out", "jobs":
			if !joined {
				i++
			}
		default:
			rest = append(rest, args[i])
		}
	}
	return rest
}

// cases are those that were asked for.
func (o *options) cases() ([]testCase, error) {
	cases, err := allCases()
	if err != nil {
		return nil, err
	}
	if cases, err = choose(cases, o.only, o.except); err != nil || !o.must {
		return cases, err
	}
	binding := cases[:0]
	for _, c := range cases {
		if c.Level != may {
			binding = append(binding, c)
		}
	}
	return binding, nil
}

// test plays the cases against the server, which has been started.
func (o *options) test(cases []testCase, stdout, stderr io.Writer) int {
	defer o.end()
	results, err := o.playAll(cases, func(int, result) {})
	if reportErr := o.report(results); reportErr != nil {
		err = reportErr
	}
	if o.json {
		writeJSON(stdout, o.jsonReport(results))
	} else {
		o.print(stdout, results)
	}
	t := count(results)
	switch {
	case err != nil:
		fmt.Fprintf(stderr, "conformance: %v\n", err)
		return 2
	case t[failed] > 0, o.strict && t[observed] > 0:
		return 1
	case o.run.Err() != nil:
		return 3
	default:
		return 0
	}
}
