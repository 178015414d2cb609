package main

import (
	"fmt"
	"strings"
	"time"
)

// What cases that are programs say and hear, in a word.

// login logs in under the name that the actor has.
func (s *stage) login(names ...string) {
	for _, name := range names {
		s.say(name, "HELLO-FROM "+name+"\n")
		s.hear(name, "HELLO "+name+"\n")
	}
}

// ask says a line and expects an answer.
func (s *stage) ask(name, line, answer string) {
	s.say(name, line+"\n")
	s.hear(name, answer+"\n")
}

// leave half-closes, waits for the server to close, and judges neither.
func (s *stage) leave(name string) {
	a := s.find(name)
	a.closing = true
	s.await(func() bool { return a.end != nil })
	a.close()
}

// hangUp closes the connection of an actor, as a client does that ends.
func (s *stage) hangUp(name string) {
	s.note(name, said, "(closes the connection)")
	s.find(name).close()
}

// dismiss closes the connection of an actor with whom the case has done.
func (s *stage) dismiss(name string) { s.find(name).close() }

// until asks again and again until the answer is the one that is wanted: for what the rules give
// the server time to notice. Only the last attempt is told.
func (s *stage) until(name, line, answer string) {
	told := len(s.record)
	for deadline := time.Now().Add(s.timeout); ; time.Sleep(5 * time.Millisecond) {
		s.record = s.record[:told]
		s.say(name, line+"\n")
		last := s.nextLine(name, answer)
		s.note(name, heard, "%s", show(last))
		if sameLine(last, answer+"\n", s.strict) {
			return
		}
		if time.Now().After(deadline) {
			s.fail("after %v the answer to %s was still another one than expected", s.timeout, name)
		}
	}
}

// tellUntold adds to the record what has been heard and not been told: often it is the answer to
// why something else was not.
func (s *stage) tellUntold() {
	s.move()
	for _, a := range s.actors {
		if len(a.heard) > 0 && !a.gone && !a.stalled {
			s.note(a.name, heard, "%s", show(string(a.heard)))
		}
	}
}

// A flood is what one actor sends to another, one message after the other.
type flood struct {
	from, to string
	size     int // of a message, in bytes
	sent     int // messages
	okays    int // SEND-OKs heard
}

// message is the nth message of a flood: each is another one.
func (f *flood) message(n int) string {
	number := fmt.Sprintf("message-%d-", n)
	return number + strings.Repeat("x", f.size-len(number))
}

// pour sends messages, each after the SEND-OK of the one before, until a SEND-OK does not come, or
// all have been sent.
func (s *stage) pour(f *flood, messages int) {
	a := s.find(f.from)
	for f.sent < messages && f.okays == f.sent {
		s.utter(f.from, "SEND "+f.to+" "+f.message(f.sent)+"\n")
		f.sent++
		okay := func() bool { return s.takeOkays(a, f) || a.end != nil }
		if !s.awaitWithin(stillFor, okay) && s.answersNewcomer() {
			okay() // if it has come meanwhile
		}
	}
	s.note(f.from, said, "SEND %s ... (%d messages of %d bytes, each after the SEND-OK to the one before)", f.to, f.sent, f.size)
	s.note(f.from, heard, "SEND-OK (%d times)", f.okays)
}

// stillFor is how long nothing moves before it is looked whether the server waits for somebody who
// does not read, or is only slow.
const stillFor = 100 * time.Millisecond

// answersNewcomer reports whether somebody new is answered: then the server has had the time to
// answer the others.
func (s *stage) answersNewcomer() bool {
	hidden := &stage{address: s.address, timeout: s.timeout, receive: s.receive}
	defer hidden.close()
	st := hidden.try(func() {
		hidden.say("newcomer", "WHO IS THERE\n")
		hidden.nextLine("newcomer", "any answer")
	})
	return st.verdict == passed
}

// takeOkays counts the SEND-OKs that have come.
func (s *stage) takeOkays(a *actor, f *flood) bool {
	for {
		rest, ok := strings.CutPrefix(string(a.heard[:min(len(a.heard), len(sendOK))]), sendOK)
		if !ok || rest != "" {
			break
		}
		a.heard = a.heard[len(sendOK):]
		f.okays++
	}
	return f.okays == f.sent
}

const sendOK = "SEND-OK\n"

// deliveries counts the messages of a flood that its target has heard, and takes them away. They
// must be whole and in order.
func (s *stage) deliveries(f *flood, from int) int {
	a := s.find(f.to)
	n := from
	for {
		want := "DELIVERY " + f.from + " " + f.message(n) + "\n"
		if len(a.heard) < len(want) {
			return n
		}
		if got := string(a.heard[:len(want)]); got != want {
			s.note(f.to, expected, "%s", show(want))
			s.note(f.to, heard, "%s", show(got))
			s.fail("message %d of %d did not arrive as it was sent", n+1, f.sent)
		}
		a.heard = a.heard[len(want):]
		n++
	}
}
