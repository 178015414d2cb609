package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
)

// attacks are what attackers can do, by name.
var attacks = map[string]struct {
	what   string
	logsIn bool // before the attack begins
	start  func(*attack, *client)
	line   func(*attack, *client, []byte)
	again  func(*attack, *client) // after each turn
}{
	"lines": {
		what: "send bare line ends as fast as they can, and read the replies", logsIn: true,
		again: func(a *attack, c *client) { a.send(c, lineEnds) },
	},
	"drip": {
		what: "send a line byte by byte", logsIn: true,
		again: func(a *attack, c *client) { a.send(c, drop) },
	},
	"lists": {
		what: "ask for the list, again and again", logsIn: true,
		start: func(a *attack, c *client) { a.send(c, ask) },
		line:  func(a *attack, c *client, _ []byte) { a.send(c, ask) },
	},
	"churn": {
		what:  "connect, log in and go, again and again",
		again: func(a *attack, c *client) { a.logIn(c) },
		line:  func(a *attack, c *client, _ []byte) { a.s.halfClose(c) },
	},
	"unauthenticated": {
		what: "connect, send a line that is no login, and come again",
		again: func(a *attack, c *client) {
			if a.connect(c) {
				a.send(c, ask)
			}
		},
	},
	"address": {
		what:  "log in from one address, and come again if they are refused",
		again: func(a *attack, c *client) { a.logIn(c) },
	},
}

func attackNames() string { return strings.Join(slices.Sorted(maps.Keys(attacks)), ", ") }

var (
	lineEnds = bytes.Repeat([]byte("\n"), 16<<10)
	drop     = []byte("x")
	ask      = []byte("LIST\n")
)

// An attack is a swarm of its own on a thread of its own: what it does takes nothing of the time of the
// clients that are measured, except for the processor that it needs.
type attack struct {
	s        *swarm
	name     string
	stopping atomic.Bool
	done     chan struct{}
}

// startAttack brings the attackers up. The server may refuse them: their errors do not count.
func startAttack(o options) (*attack, error) {
	kind, ok := attacks[o.attack]
	if !ok || o.attackers < 1 {
		return nil, fmt.Errorf("there is no attack %q of %d: it is %s", o.attack, o.attackers, attackNames())
	}
	s, err := newSwarm(o.address)
	if err != nil {
		return nil, err
	}
	a := &attack{s: s, name: o.attack, done: make(chan struct{})}
	s.oneAddress = o.attack == "address"
	clients := s.add(attacker, o.attackers)
	if kind.logsIn {
		if err := s.gather(clients); err != nil {
			s.close()
			return nil, fmt.Errorf("attackers: %w", err)
		}
	}
	s.load = a
	a.start()
	go a.run()
	return a, nil
}

func (a *attack) run() {
	defer close(a.done)
	defer a.s.close()
	again := attacks[a.name].again
	for !a.stopping.Load() {
		if a.s.turn() != nil {
			return
		}
		if again == nil {
			continue
		}
		for _, c := range a.s.clients {
			again(a, c)
		}
	}
}

// stop ends the attack, and returns how many lines the attackers got.
func (a *attack) stop() int {
	a.stopping.Store(true)
	<-a.done
	return a.s.tally.messages
}

// send sends a text, unless the last one has not left.
func (a *attack) send(c *client, text []byte) {
	if len(c.out) == 0 {
		c.out = append(c.out, text...)
		a.s.flush(c)
	}
}

// connect connects a client that is not; it reports whether it was so.
func (a *attack) connect(c *client) bool {
	if c.fd >= 0 {
		return false
	}
	if err := a.s.connect(c); err != nil {
		if c.fd >= 0 {
			a.s.drop(c)
		}
		return false
	}
	return true
}

func (a *attack) logIn(c *client) {
	if a.connect(c) {
		a.s.logIn(c)
	}
}

func (a *attack) start() {
	if start := attacks[a.name].start; start != nil {
		for _, c := range a.s.clients {
			start(a, c)
		}
	}
}

func (a *attack) line(c *client, text []byte) {
	a.s.tally.messages++
	if line := attacks[a.name].line; line != nil {
		line(a, c, text)
	}
}

func (a *attack) then()       {}
func (a *attack) end(*client) {}
