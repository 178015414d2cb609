package main

import (
	"fmt"

	"chatd/internal_test/player"
)

// A trial plays one case. A step that does not come out as the case says ends the case by a panic
// with a stop.
type trial struct {
	*player.Player
	tcp    *tcp
	server *server // nil if it runs elsewhere
	killed bool    // the case has killed the server
}

// tcp is player.TCP for servers that may be wrong. It does not wait for the server to be at rest:
// that a line does not come is proved by what comes instead.
type tcp struct{ player.TCP }

func (*tcp) Rest() error { return nil }

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
	backend := &tcp{player.TCP{Address: address}}
	return &trial{tcp: backend, server: su.server, Player: &player.Player{
		Backend: backend, Patience: su.timeout, Loose: l == must, Fail: fail,
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
