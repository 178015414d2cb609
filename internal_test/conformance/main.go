// Command conformance asks any server of the chat protocol, in whatever language it is written,
// whether it keeps the rules: from outside, over TCP, one small case after the other.
//
// It is fair in two ways. Where the lab's rules are silent, a server that decides otherwise than
// chatd differs and does not fail. And what a case expects to come has time to come; that something
// does not come is proved by what comes instead, and not by waiting.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

const usage = `usage: conformance --exec COMMAND [flags]     start the server, and test it
       conformance --target HOST:PORT [flags] test a server that runs and has no other clients

  --exec COMMAND       a shell command; "--address 127.0.0.1 --port N" is appended to it
  --target HOST:PORT   where the server listens
  --no-args            append nothing to the command; needs --target
  --only LIST          only these rules or cases: PR12, PR12/oneself, PR; separated by commas
  --must               only what the lab's rules say, and nothing that they leave open
  --timeout TIME       for how long nothing may come before an expectation has failed (default 2s)
  --json               print one JSON object instead of text
  --verbose            tell what was said and heard in cases that pass, too
  --list               print the cases, and test nothing

Exit status: 0 nothing failed, 1 something failed, 2 wrong usage, or no server.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags, understood.
type options struct {
	suite
	only                              string
	noArgs, must, json, verbose, list bool
}

func parse(args []string) (options, error) {
	o := options{suite: suite{timeout: 2 * time.Second}}
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.command, "exec", "", "")
	flags.StringVar(&o.target, "target", "", "")
	flags.StringVar(&o.only, "only", "", "")
	flags.DurationVar(&o.timeout, "timeout", o.timeout, "")
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
	if o.list {
		for _, c := range cases {
			fmt.Fprintf(stdout, "%-5s%-21s%s\n", c.Level, c.ID, c.Title)
		}
		return 0
	}
	if err := o.start(); err != nil {
		fmt.Fprintf(stderr, "conformance: %v\n", err)
		return 2
	}
	return o.test(cases, stdout, stderr)
}

// cases are those that were asked for.
func (o *options) cases() ([]testCase, error) {
	cases, err := allCases()
	if err != nil {
		return nil, err
	}
	if cases, err = choose(cases, o.only); err != nil || !o.must {
		return cases, err
	}
	binding := cases[:0]
	for _, c := range cases {
		if c.Level == must {
			binding = append(binding, c)
		}
	}
	return binding, nil
}

// test plays the cases against the server, which has been started.
func (o *options) test(cases []testCase, stdout, stderr io.Writer) int {
	defer o.end()
	var results []result
	for _, c := range cases {
		r, err := o.play(c)
		results = append(results, r)
		if !o.json {
			r.print(stdout, o.verbose)
		}
		if err != nil {
			fmt.Fprintf(stderr, "conformance: after %s: %v\n", c.ID, err)
			return 2
		}
	}
	if o.json {
		printJSON(stdout, results, o.notes)
	} else {
		for _, note := range o.notes {
			fmt.Fprintln(stdout, "Note:", note)
		}
		count(results).print(stdout)
	}
	if count(results)[failed] > 0 {
		return 1
	}
	return 0
}
