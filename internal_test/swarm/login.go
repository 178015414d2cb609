package main

import (
	"errors"
	"fmt"
)

// loginsAtOnce is how many logins are under way at a time: fewer than any server's backlog.
const loginsAtOnce = 64

// gather connects clients and logs them in, but for those of kind unauthenticated. It is a load of its own, and all
// must succeed.
func (s *swarm) gather(clients []*client) error {
	g := &gathering{s: s}
	s.load = g
	for _, c := range clients {
		if err := s.connect(c); err != nil {
			return fmt.Errorf("after %d clients: %w", c.number, err)
		}
		if c.kind != unauthenticated {
			s.logIn(c)
			g.missing++
		}
		if err := g.until(loginsAtOnce - 1); err != nil {
			return err
		}
	}
	defer s.progress.restart()
	return g.until(0)
}

// logIn sends a client's login (PR2).
func (s *swarm) logIn(c *client) {
	c.out = append(c.out, "HELLO-FROM "...)
	c.out = append(c.out, c.name...)
	c.out = append(c.out, '\n')
	s.flush(c)
}

// loggedIn takes the answer to a login (PR3).
func (s *swarm) loggedIn(c *client, text []byte) bool {
	const hello = "HELLO "
	c.logged = len(text) == len(hello)+len(c.name) && string(text[:len(hello)]) == hello && string(text[len(hello):]) == c.name
	if !c.logged {
		s.unexpected(c, text, hello+c.name)
	}
	return c.logged
}

type gathering struct {
	s       *swarm
	missing int // logins that have not been answered
	logins  int // that have
}

// until turns until no more logins than so many are missing.
func (g *gathering) until(missing int) error {
	for end := now() + patience; g.missing > missing; {
		before := g.missing
		if err := g.s.turn(); err != nil {
			return err
		}
		g.s.progress.tick(g.logins, g.s.tally.errors)
		switch {
		case g.s.tally.errors > 0:
			return fmt.Errorf("login: %w", g.s.tally.first)
		case g.missing < before:
			end = now() + patience
		case now() > end:
			return errors.Join(errors.New("login"), errStalled)
		}
	}
	return nil
}

func (g *gathering) start()        {}
func (g *gathering) then()         {}
func (g *gathering) end(c *client) { g.s.ended(c) }

func (g *gathering) line(c *client, text []byte) {
	if c.logged || c.kind == unauthenticated {
		g.s.unexpected(c, text, "nothing")
	} else if g.s.loggedIn(c, text) {
		g.missing--
		g.logins++
	}
}
