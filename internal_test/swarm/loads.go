package main

import (
	"bytes"
	"time"
)

// listing is the load of clients that ask for the list, each in closed loop. A list is through when
// it holds as many names as there are users.
type listing struct {
	s     *swarm
	users int
	once  bool // no second time
	since []time.Duration
}

func newListing(s *swarm, askers int) *listing {
	s.add(asker, askers)
	return &listing{s: s, since: make([]time.Duration, askers)}
}

func (l *listing) start() {
	for _, c := range l.s.clients {
		if c.logged {
			l.users++
		}
	}
	for i := range l.since {
		l.ask(l.s.clients[i])
	}
}

func (l *listing) ask(c *client) {
	l.since[c.index] = now()
	c.out = append(c.out, "LIST\n"...)
	l.s.flush(c)
}

func (l *listing) line(c *client, text []byte) {
	names, ok := bytes.CutPrefix(text, []byte("LIST-OK "))
	if c.kind != asker || !ok || bytes.Count(names, []byte(","))+1 != l.users {
		l.s.unexpected(c, text, "a LIST-OK of all users")
		return
	}
	l.s.through(now() - l.since[c.index])
	if !l.once {
		l.ask(c)
	}
}

func (l *listing) then()         {}
func (l *listing) end(c *client) { l.s.ended(c) }

// churning is the load of clients that connect, log in, say no more and go, each again and again.
// One round counts as a message. It ends with the server's end of file, by which the name is free
// again.
type churning struct {
	s     *swarm
	since []time.Duration
}

func newChurning(s *swarm, visitors int) *churning {
	s.add(visitor, visitors)
	return &churning{s: s, since: make([]time.Duration, visitors)}
}

func (l *churning) start() {
	for i := range l.since {
		l.come(l.s.clients[i])
	}
}

func (l *churning) come(c *client) {
	l.since[c.index] = now()
	if err := l.s.connect(c); err != nil {
		l.s.fail(err)
		return
	}
	l.s.logIn(c)
}

func (l *churning) line(c *client, text []byte) {
	switch {
	case c.kind != visitor || c.logged:
		l.s.unexpected(c, text, "nothing")
	case l.s.loggedIn(c, text):
		l.s.halfClose(c)
	}
}

func (l *churning) end(c *client) {
	if c.kind != visitor || !c.logged {
		l.s.ended(c)
		return
	}
	l.s.through(now() - l.since[c.index])
	l.come(c)
}

func (l *churning) then() {}

// silence is the load without any message.
type silence struct{ s *swarm }

func (silence) start()                        {}
func (l silence) line(c *client, text []byte) { l.s.unexpected(c, text, "nothing") }
func (silence) then()                         {}
func (l silence) end(c *client)               { l.s.ended(c) }
