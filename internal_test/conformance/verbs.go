package main

import (
	"fmt"
	"strings"
	"time"

	"chatd/internal_test/player"
)

// What cases that are programs say and hear, in a word.

// login logs in under the name that the client has.
func (s *trial) login(names ...string) {
	for _, name := range names {
		s.Say(name, "HELLO-FROM "+name+"\n")
		s.Hear(name, "HELLO "+name+"\n")
	}
}

// ask says a line and expects an answer.
func (s *trial) ask(name, line, answer string) {
	s.Say(name, line+"\n")
	s.Hear(name, answer+"\n")
}

// exchange has a client send to a name, and expects that the client to that has it, and the sender,
// hear of it.
func (s *trial) exchange(from, name, to string) {
	s.Say(from, "SEND "+name+" hi\n")
	s.Hear(to, "DELIVERY "+from+" hi\n")
	s.Hear(from, sendOK)
}

// leave half-closes, waits for the server to close, and judges neither.
func (s *trial) leave(name string) {
	s.HalfClose(name)
	a := s.Find(name)
	s.Await(s.Patience, func() bool { return a.End != nil })
	s.HangUp(name)
}

// closeConnection closes the connection of a client, as one does that ends.
func (s *trial) closeConnection(name string) {
	s.Note(name, said, "(closes the connection)")
	s.HangUp(name)
}

// until asks again and again until the answer is the one that is wanted: for what the rules give
// the server time to notice. Only the last attempt is told.
func (s *trial) until(name, line, answer string) {
	told := len(s.Record)
	for deadline := time.Now().Add(s.Patience); ; time.Sleep(5 * time.Millisecond) {
		s.Record = s.Record[:told]
		s.Say(name, line+"\n")
		last := s.NextLine(name, answer)
		if s.Same(last, answer+"\n") {
			return
		}
		if time.Now().After(deadline) {
			fail("after %v the answer to %s was still another one than expected", s.Patience, name)
		}
	}
}

// tellUntold adds to the record what has been heard and not been told: often it is the answer to
// why something else was not.
func (s *trial) tellUntold() {
	s.Move()
	for _, a := range s.Clients {
		if len(a.Heard) > 0 && !a.Gone && !a.Stalled {
			s.Note(a.Name, heard, "%s", player.Show(string(a.Heard)))
		}
	}
}

// A flood is what one client sends to another, one message after the other.
type flood struct {
	from, to string
	size     int  // of a message, in bytes
	sent     int  // messages
	okays    int  // SEND-OKs heard
	others   bool // send to the same target, later
}

// message is the nth message of a flood: each is another one.
func (f *flood) message(n int) string {
	number := fmt.Sprintf("message-%d-", n)
	return number + strings.Repeat("x", f.size-len(number))
}

// pour sends messages, each after the SEND-OK of the one before, until a SEND-OK does not come, or
// all have been sent.
func (s *trial) pour(f *flood, messages int) {
	a := s.Find(f.from)
	for f.sent < messages && f.okays == f.sent {
		s.SayUnrecorded(f.from, s.Rename("SEND "+f.to+" ")+f.message(f.sent)+"\n")
		f.sent++
		okay := func() bool { return s.takeOkays(a, f) || a.End != nil }
		if !s.Await(stillFor, okay) && s.answersNewClient() {
			s.Move()
			okay() // if it has come meanwhile
		}
	}
	s.Note(f.from, said, "SEND %s ... (%d messages of %d bytes, each after the SEND-OK to the one before)", f.to, f.sent, f.size)
	s.Note(f.from, heard, "SEND-OK (%d times)", f.okays)
}

// stillFor is how long nothing moves before it is looked whether the server waits for a client that
// does not read, or is only slow.
const stillFor = 100 * time.Millisecond

// answersNewClient reports whether a new client is answered: then the server has had the time to
// answer the others.
func (s *trial) answersNewClient() bool {
	hidden := s.hidden()
	defer hidden.Close()
	st := try(func() {
		hidden.Say("new client", "WHO IS THERE\n")
		hidden.NextLine("new client", "any answer")
	})
	return st.verdict == passed
}

// takeOkays counts the SEND-OKs that have come.
func (s *trial) takeOkays(a *player.Client, f *flood) bool {
	for {
		rest, ok := strings.CutPrefix(string(a.Heard[:min(len(a.Heard), len(sendOK))]), sendOK)
		if !ok || rest != "" {
			break
		}
		a.Heard = a.Heard[len(sendOK):]
		f.okays++
	}
	return f.okays == f.sent
}

const sendOK = "SEND-OK\n"

// deliveries counts the messages of a flood that its target has heard, and takes them away. They
// must be whole and in order.
func (s *trial) deliveries(f *flood, from int) int {
	a := s.Find(f.to)
	n := from
	for {
		want := s.Rename("DELIVERY "+f.from+" ") + f.message(n) + "\n"
		if len(a.Heard) < len(want) || f.others && n == f.sent {
			return n
		}
		if got := string(a.Heard[:len(want)]); got != want {
			s.Note(f.to, expected, "%s", player.Show(want))
			s.Note(f.to, heard, "%s", player.Show(got))
			fail("message %d of %d did not arrive as it was sent", n+1, f.sent)
		}
		a.Heard = a.Heard[len(want):]
		n++
	}
}
