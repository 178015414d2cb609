package main

import (
	"bytes"
	"fmt"
	"time"
)

// messages is the load of all senders and recipients: each sender keeps a fixed number of messages
// in flight to one recipient. With one in flight it is a closed loop. With a schedule it is an open
// loop: each message leaves when it is due, however many are in flight.
//
// A message is through when both its DELIVERY and its SEND-OK have come (PR12), and only then does
// the next one of a closed loop follow. It carries a number, and its DELIVERY counts only if it is the one that is
// due, word for word.
type messages struct {
	s        *swarm
	depth    int
	senders  []messageSender
	due      []*messageSender // those that may send again
	schedule *schedule        // nil: closed loop
}

type messageSender struct {
	c       *client
	request []byte // "SEND <name> <number><padding>\n"; the number is written over
	body    int    // where the message begins in request

	sent, acknowledged, delivered int
	since                         []time.Duration // when message i was sent, at i modulo the depth
	due                           bool
}

const (
	numberDigits = 8
	numbers      = 100_000_000 // after which they begin again
)

// newMessages adds the clients of the load to a swarm. Senders share the recipients out among them.
func newMessages(s *swarm, senders, recipients, depth, size int) *messages {
	m := &messages{s: s, depth: depth, senders: make([]messageSender, senders)}
	for i, c := range s.add(sender, senders) {
		head := fmt.Sprintf("SEND %s ", clientName(recipient, i%recipients))
		padding := bytes.Repeat([]byte("."), size-numberDigits)
		m.senders[i] = messageSender{
			c:       c,
			request: fmt.Appendf(nil, "%s%0*d%s\n", head, numberDigits, 0, padding),
			body:    len(head),
			since:   make([]time.Duration, depth),
		}
	}
	s.add(recipient, recipients)
	return m
}

func (m *messages) start() {
	if m.schedule != nil {
		m.schedule.begin = now()
		return
	}
	for i := range m.senders {
		m.release(&m.senders[i])
	}
	m.then()
}

func (m *messages) line(c *client, text []byte) {
	switch {
	case c.kind == sender && string(text) == "SEND-OK":
		if x := &m.senders[c.index]; x.acknowledged < x.sent {
			m.progress(x, &x.acknowledged)
			return
		}
	case c.kind == recipient:
		if x := m.deliverer(text); x != nil {
			m.progress(x, &x.delivered)
			return
		}
	}
	m.s.unexpected(c, text, "its next SEND-OK or DELIVERY")
}

// deliverer is the sender whose next message the line delivers, or nil.
func (m *messages) deliverer(text []byte) *messageSender {
	const name = len("DELIVERY ")
	const body = name + 1 + nameDigits + 1
	if len(text) < body+numberDigits || string(text[:name]) != "DELIVERY " || text[name] != byte(sender) {
		return nil
	}
	index := parseNumber(text[name+1 : body-1])
	if index < 0 || index >= len(m.senders) {
		return nil
	}
	x := &m.senders[index]
	expected := x.request[x.body : len(x.request)-1]
	if x.delivered == x.sent || parseNumber(text[body:body+numberDigits]) != x.delivered%numbers ||
		!bytes.Equal(text[body+numberDigits:], expected[numberDigits:]) {
		return nil
	}
	return x
}

// progress takes note of one of the two answers to a message; the second lets the next message go.
func (m *messages) progress(x *messageSender, answers *int) {
	before := min(x.acknowledged, x.delivered)
	*answers++
	switch {
	case min(x.acknowledged, x.delivered) == before:
	case m.schedule != nil:
		m.schedule.through(x.c.index, before)
	default:
		m.s.through(now() - x.since[before%m.depth])
		m.release(x)
	}
}

func (m *messages) release(x *messageSender) {
	if !x.due {
		x.due = true
		m.due = append(m.due, x)
	}
}

// then sends what may be sent, one write for each sender.
func (m *messages) then() {
	for _, x := range m.due {
		x.due = false
		at := now()
		for x.sent-min(x.acknowledged, x.delivered) < m.depth {
			x.since[x.sent%m.depth] = at
			m.append(x)
		}
		m.s.flush(x.c)
	}
	m.due = m.due[:0]
}

// append puts a sender's next message behind what it has to say.
func (m *messages) append(x *messageSender) {
	putNumber(x.request[x.body:x.body+numberDigits], x.sent%numbers)
	x.c.out = append(x.c.out, x.request...)
	x.sent++
}

func (m *messages) end(c *client) { m.s.ended(c) }

// putNumber writes a number as decimal digits that fill the text.
func putNumber(text []byte, n int) {
	for i := len(text) - 1; i >= 0; i-- {
		text[i] = byte('0' + n%10)
		n /= 10
	}
}

// parseNumber reads decimal digits; -1 if there are others.
func parseNumber(text []byte) (n int) {
	for _, b := range text {
		if b < '0' || b > '9' {
			return -1
		}
		n = n*10 + int(b-'0')
	}
	return n
}
