package main

import (
	"fmt"
	"strings"

	"chatd/internal_test/player"
)

// The cases about a client that does not read. What is sent to it fills the buffers of the kernel,
// which may grow to some megabytes (tcp(7), tcp_wmem), and then waits in the server. Its own buffer
// is small.

const (
	smallBuffer  = 4 << 10
	moreThanFit  = 6_000_000  // bytes: more than the buffers of the kernel
	muchMore     = 12_000_000 // bytes: so many that the difference is plain
	longMessage  = 16_000     // bytes: fewer messages are quicker
	shortMessage = 1_000      // bytes: for servers that take no longer ones
)

// fill logs in alice and bob, who does not read, and has alice send to bob until bob's buffers are full.
func fill(s *trial, bytes int) *flood {
	f := &flood{from: "alice", to: "bob", size: shortMessage}
	if takesLong(s) {
		f.size = longMessage
	}
	s.tcp.Receive = smallBuffer
	s.login("alice", "bob")
	s.Note("bob", said, "(nothing: it does not read)")
	s.Stall("bob", true)
	s.pour(f, bytes/f.size)
	return f
}

// takesLong finds out whether the server takes long messages. The rules do not say that it must, so
// it is tried out without a record.
func takesLong(s *trial) bool {
	hidden := s.hidden()
	defer hidden.Close()
	message := strings.Repeat("x", longMessage)
	st := try(func() {
		hidden.login("early1", "early2")
		hidden.Say("early1", "SEND early2 "+message+"\n")
		hidden.Hear("early2", "DELIVERY early1 "+message+"\n")
		hidden.Hear("early1", sendOK)
		hidden.leave("early1")
		hidden.leave("early2")
	})
	return st.verdict == passed
}

func arrivesWhole(s *trial) {
	f := fill(s, moreThanFit)
	s.Note("bob", said, "(nothing: it reads again)")
	s.Stall("bob", false)
	s.Note("bob", expected, "DELIVERY alice ... (%d times)", f.sent)
	s.Note("alice", expected, "SEND-OK (%d times)", f.sent)
	arrived := 0
	s.Await(s.Patience, func() bool {
		arrived = s.deliveries(f, arrived)
		return s.takeOkays(s.Find("alice"), f) && arrived == f.sent
	})
	s.Note("bob", heard, "DELIVERY alice ... (%d times)", arrived)
	s.Note("alice", heard, "SEND-OK (%d times)", f.okays)
	if arrived != f.sent || f.okays != f.sent {
		fail("alice sent %d messages; bob heard %d, and alice heard SEND-OK %d times", f.sent, arrived, f.okays)
	}
}

// killed rests on what the kernel promises: what it has taken for a connection still leaves when
// the process that gave it is dead.
func killed(s *trial) {
	if s.server == nil {
		skip("needs --exec: the server has to be killed to see it")
	}
	f := fill(s, muchMore)
	s.Note("server", said, "(is killed)")
	s.killed = true
	s.server.kill()
	alice, bob := s.Find("alice"), s.Find("bob")
	s.Stall("bob", false)
	s.Await(s.Patience, func() bool { return alice.End != nil && bob.End != nil })
	before := f.okays
	if s.takeOkays(alice, f); f.okays > before {
		s.Note("alice", heard, "SEND-OK (%d times in all)", f.okays)
	}
	s.Note("bob", expected, "DELIVERY alice ... (%d times, as often as alice heard SEND-OK)", f.okays)
	arrived := s.deliveries(f, 0)
	s.Note("bob", heard, "DELIVERY alice ... (%d times)", arrived)
	switch {
	case f.okays == 0:
		fail("alice heard SEND-OK to none of her messages")
	case arrived < f.okays:
		fail("alice had heard SEND-OK %d times when the server was killed, but only %d of the messages had been sent to bob",
			f.okays, arrived)
	}
}

func targetDies(s *trial) {
	f := fill(s, moreThanFit)
	alice := s.Find("alice")
	if f.okays < f.sent { // and is given some time more, since SEND-OK is an error after this
		s.Await(s.Patience/4, func() bool { return s.takeOkays(alice, f) })
	}
	s.Reset("bob")
	if f.okays < f.sent {
		s.answerInsteadOfOkay("alice")
	}
	s.exchange("alice", "alice", "alice")
}

// answerInsteadOfOkay hears the answer to a message that was not forwarded. What it has to be is
// chatd's decision; what it may not be is the lab's.
func (s *trial) answerInsteadOfOkay(name string) {
	const want = "BAD-DEST-USER\n"
	var line string
	st := try(func() { line = s.NextLine(name, player.Show(want)) })
	if st.verdict != passed {
		differ("%s", st.reason)
	}
	switch line {
	case want:
	case sendOK:
		fail("%s heard SEND-OK to a message that had not been sent when its target went", name)
	default:
		differ("%s heard another line than from chatd", name)
	}
}

func slowReader(s *trial) {
	fill(s, moreThanFit)
	s.login("carol", "dave")
	s.exchange("carol", "dave", "dave")
	s.login("erin")
	s.HangUp("alice") // its answers may come late
}

// manySenders has more messages wait in the server than one sender can have there. A server may
// disconnect a client that does not read: no rule forbids it. Then it is observed, and no failure.
func manySenders(s *trial) {
	const senders = 9
	f := fill(s, moreThanFit)
	f.others = true
	names := make([]string, senders)
	for i := range names {
		names[i] = fmt.Sprintf("user%d", i+1)
	}
	s.login(names...)
	long := strings.Repeat("y", f.size)
	for _, name := range names {
		s.SayUnrecorded(name, s.Rename("SEND bob ")+long+"\n")
	}
	s.Note(names[0], said, "SEND bob ... (%d bytes; so do the %d others)", f.size, senders-1)
	if !s.answersNewClient() {
		fail("a new client was not answered while bob did not read")
	}
	s.Note("bob", said, "(nothing: it reads again)")
	s.Stall("bob", false)
	bob, alice, arrived := s.Find("bob"), s.Find("alice"), 0
	s.Await(s.Patience, func() bool {
		arrived = s.deliveries(f, arrived)
		return arrived == f.sent || bob.End != nil
	})
	whole := func() int { return strings.Count(string(bob.Heard), long+"\n") }
	s.Await(s.Patience, func() bool { return whole() == senders && s.takeOkays(alice, f) || bob.End != nil })
	s.Note("bob", expected, "DELIVERY ... (%d times)", f.sent+senders)
	s.Note("bob", heard, "DELIVERY ... (%d times)", arrived+whole())
	switch lost := f.sent + senders - arrived - whole(); {
	case bob.End != nil:
		observe("bob was disconnected, and %d messages that had been sent to it were lost", lost)
	case lost > 0:
		observe("bob did not hear %d of the messages that had been sent to it", lost)
	}
	for _, name := range names {
		s.Hear(name, sendOK)
	}
	bob.Heard = nil
}
