package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"
)

// idleCommand logs clients in that are silent from then on, and prints one line for a server of any
// kind: the logins a second, a LIST of all, and, if the server's process is known, memory and CPU.
func idleCommand(args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("swarm idle", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.address, "address", "127.0.0.1:5378", "`HOST:PORT` of the server")
	flags.IntVar(&o.pid, "pid", 0, "the server's process `ID`, to report what it uses (on this machine)")
	flags.IntVar(&o.idle, "n", 10_000, "`number` of clients")
	flags.DurationVar(&o.seconds, "rest", 10*time.Second, "`time` for which they are silent")
	back := flags.Duration("back", 0, "then wait so `long` for the server to end, and log all in to its successor")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil || flags.NArg() > 0 || o.idle < 1 {
		fmt.Fprintln(stderr, "swarm idle: there must be a client, and nothing but flags")
		return 2
	}
	o.progress = newProgress(stderr)
	o.progress.say("idle")
	if err := idleRun(o, *back, stdout); err != nil {
		o.progress.clear()
		fmt.Fprintf(stderr, "swarm idle: %v\n", err)
		return 1
	}
	return 0
}

func idleRun(o options, back time.Duration, stdout io.Writer) error {
	if _, err := allowManyDescriptors(); err != nil {
		return err
	}
	s, err := newSwarm(o.address)
	if err != nil {
		return err
	}
	defer s.close()
	s.progress = o.progress
	var before, after usage
	var private, privateBefore int
	if o.pid != 0 {
		if privateBefore, err = privateMemory(o.pid); err != nil {
			return err
		}
	}
	clients := s.add(idler, o.idle)
	begin := now()
	if err := s.gather(clients); err != nil {
		return err
	}
	came := now() - begin
	s.load = silence{s}
	if o.pid != 0 {
		if before, err = usageOf(o.pid); err != nil {
			return err
		}
	}
	if err := s.turnFor(o.seconds); err != nil {
		return err
	}
	if o.pid != 0 {
		if after, err = usageOf(o.pid); err != nil {
			return err
		}
		if private, err = privateMemory(o.pid); err != nil {
			return err
		}
	}
	list, err := s.listOnce(clients[0])
	if err != nil {
		return err
	}
	o.progress.clear()
	fmt.Fprintf(stdout, "%d idle clients: in after %.2f s (%.0f logins a second), LIST of all in %.1f ms",
		o.idle, came.Seconds(), float64(o.idle)/came.Seconds(), milli(list))
	if o.pid != 0 {
		rest := after.since(before)
		fmt.Fprintf(stdout, ", %d bytes of memory each, %v of CPU and %d context switches in %v of rest",
			(private-privateBefore)/o.idle, rest.CPU.Round(time.Microsecond), rest.Voluntary+rest.Involuntary, o.seconds)
	}
	fmt.Fprintln(stdout)
	if back == 0 {
		return nil
	}
	return s.comeBack(clients, back, stdout)
}

// listOnce asks for the list, and returns the time until it is whole.
func (s *swarm) listOnce(c *client) (time.Duration, error) {
	l := &listing{s: s, users: len(s.clients), once: true, since: make([]time.Duration, c.index+1)}
	s.load, s.tally.messages = l, 0
	c.kind = asker
	defer func() { c.kind = idler }()
	l.ask(c)
	for end := now() + patience; s.tally.messages == 0 && s.tally.errors == 0; {
		if now() > end {
			return 0, errStalled
		}
		if err := s.turn(); err != nil {
			return 0, err
		}
	}
	if s.tally.errors > 0 {
		return 0, s.tally.first
	}
	return slices.Max(s.tally.samples), nil
}

// comeBack waits for the server to end, and logs all clients in to the one that follows. The time runs
// from when the first client sees the end.
func (s *swarm) comeBack(clients []*client, patience time.Duration, stdout io.Writer) error {
	s.load = silence{s}
	s.progress.say("waiting for the server to end")
	for end := now() + patience; s.tally.errors == 0; {
		if now() > end {
			return fmt.Errorf("the server did not end within %v", patience)
		}
		if err := s.turn(); err != nil {
			return err
		}
	}
	begin := now()
	s.progress.say("coming back")
	for _, c := range clients {
		if c.fd >= 0 {
			s.drop(c)
		}
	}
	for { // until the successor listens
		s.tally = tally{}
		err := s.gather(clients[:1])
		if err == nil {
			break
		}
		if now()-begin > patience {
			return err
		}
		if clients[0].fd >= 0 {
			s.drop(clients[0])
		}
	}
	listening := now() - begin
	if err := s.gather(clients[1:]); err != nil {
		return err
	}
	all := now() - begin
	s.progress.clear()
	fmt.Fprintf(stdout, "%d clients back: first after %.2f s, all after %.2f s (%.0f logins a second)\n",
		len(clients), listening.Seconds(), all.Seconds(), float64(len(clients))/(all-listening).Seconds())
	return nil
}
