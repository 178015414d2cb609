package main

import (
	"context"
	"fmt"
	"time"

	"chatd/internal_test/player"
)

// A trial plays one case. A step that does not come out as the case says ends the case by a panic
// with a stop.
type trial struct {
	*player.Player
	tcp    *tcp
	server *server // nil if it runs elsewhere
	killed bool    // the case has killed the server
	single bool    // the server serves one client at a time
	rest   string  // what was seen of the server at rest
}

// tcp is player.TCP for servers that may be wrong. It does not wait for the server to be at rest:
// that a line does not come is proved by what comes instead.
type tcp struct {
	player.TCP
	run     context.Context // the whole run: it has a deadline
	server  *server
	timeout time.Duration

	left  time.Duration // of the patience, at the last call
	rest  *census       // taken in this wait
	since time.Time     // when it was
}

func (*tcp) Rest() error { return nil }

// Wait waits for a part of the patience. It gives up earlier when no thread of the server has run for
// a quarter of the patience: then the server waits for its clients, and not they for it.
func (b *tcp) Wait(clients []*player.Client, patience time.Duration) bool {
	if b.run.Err() != nil {
		panic(stop{skipped, "the run ended first: " + context.Cause(b.run).Error()})
	}
	const slice = 50 * time.Millisecond
	if patience > b.left { // something has come, or this is another wait
		b.rest = nil
	}
	b.left = patience
	began := time.Now()
	moves := b.TCP.Wait(clients, min(patience, slice))
	switch {
	case time.Since(began) < slice || b.server == nil || !b.server.ours:
	case b.rest == nil:
		c := takeCensus()
		b.rest, b.since = &c, time.Now()
	case time.Since(b.since) >= b.timeout/4:
		c := takeCensus()
		if c.atRestSince(*b.rest) {
			return false
		}
		b.rest, b.since = &c, time.Now()
	}
	return moves
}

// atRestSince reports whether no thread has run, and none waits for time to pass.
func (c census) atRestSince(before census) bool {
	sleeps := c.waits["nanosleep"] + c.waits["clock_nanosleep"]
	return sleeps == 0 && !c.running && c.busy == before.busy && c.wakeups == before.wakeups && c.threads == before.threads
}

// A stop is why a case ended before its last step.
type stop struct {
	verdict verdict
	reason  string
}

const (
	said     = player.Said
	expected = player.Expected
	heard    = player.Heard
)

// trial makes one without clients.
func (su *suite) trial(l level) *trial {
	address := su.target
	if su.server != nil {
		address = su.server.address
	}
	backend := &tcp{TCP: player.TCP{Address: address}, run: su.run, server: su.server, timeout: su.timeout}
	return &trial{tcp: backend, server: su.server, Player: &player.Player{
		Backend: backend, Patience: su.timeout, Loose: l != may, Fail: fail, Rename: su.names.rename,
	}}
}

// hidden is a trial at the same server that leaves no record.
func (s *trial) hidden() *trial {
	hidden := *s
	hidden.Player = &player.Player{Backend: s.tcp, Patience: s.Patience, Loose: true, Fail: fail}
	return &hidden
}

func fail(format string, args ...any) { panic(stop{failed, fmt.Sprintf(format, args...)}) }

func skip(reason string) { panic(stop{skipped, reason}) }

func differ(format string, args ...any) { panic(stop{differs, fmt.Sprintf(format, args...)}) }

func observe(format string, args ...any) { panic(stop{observed, fmt.Sprintf(format, args...)}) }

// try plays until the end or a stop.
func try(play func()) (st stop) {
	defer func() {
		if e := recover(); e != nil {
			known, ok := e.(stop)
			if !ok {
				panic(e)
			}
			st = known
		}
	}()
	play()
	return stop{verdict: passed}
}

// isBroken reports whether a client has been disconnected, or none could connect.
func (s *trial) isBroken() bool {
	s.Move()
	for _, c := range s.Clients {
		if !c.Gone && c.End != nil {
			return true
		}
	}
	return len(s.Clients) == 0
}
