package main

import "strings"

// The cases about a client who does not read. What is sent to him fills the buffers of the kernel,
// which may grow to some megabytes (tcp(7), tcp_wmem), and then waits in the server. His own buffer
// is small.

const (
	smallBuffer  = 4 << 10
	moreThanFit  = 6_000_000  // bytes: more than the buffers of the kernel
	muchMore     = 12_000_000 // bytes: so many that the difference is plain
	longMessage  = 16_000     // bytes: fewer messages are quicker
	shortMessage = 1_000      // bytes: for servers that take no longer ones
)

// fill logs in alice and bob, who does not read, and has alice send to him until he is full.
func fill(s *stage, bytes int) *flood {
	f := &flood{from: "alice", to: "bob", size: shortMessage}
	if takesLong(s) {
		f.size = longMessage
	}
	s.receive = smallBuffer
	s.login("alice", "bob")
	s.note("bob", said, "(nothing: he does not read)")
	s.find("bob").stalled = true
	s.pour(f, bytes/f.size)
	return f
}

// takesLong finds out whether the server takes long messages. The rules do not say that it must, so
// it is tried out on a stage that nobody watches.
func takesLong(s *stage) bool {
	hidden := &stage{address: s.address, timeout: s.timeout, receive: s.receive}
	defer hidden.close()
	message := strings.Repeat("x", longMessage)
	st := hidden.try(func() {
		hidden.login("early1", "early2")
		hidden.say("early1", "SEND early2 "+message+"\n")
		hidden.hear("early2", "DELIVERY early1 "+message+"\n")
		hidden.hear("early1", sendOK)
		hidden.leave("early1")
		hidden.leave("early2")
	})
	return st.verdict == passed
}

func arrivesWhole(s *stage) {
	f := fill(s, moreThanFit)
	s.note("bob", said, "(nothing: he reads again)")
	s.find("bob").stalled = false
	s.note("bob", expected, "DELIVERY alice ... (%d times)", f.sent)
	s.note("alice", expected, "SEND-OK (%d times)", f.sent)
	arrived := 0
	s.await(func() bool {
		arrived = s.deliveries(f, arrived)
		return s.takeOkays(s.find("alice"), f) && arrived == f.sent
	})
	s.note("bob", heard, "DELIVERY alice ... (%d times)", arrived)
	s.note("alice", heard, "SEND-OK (%d times)", f.okays)
	if arrived != f.sent || f.okays != f.sent {
		s.fail("alice sent %d messages; bob heard %d, and alice heard SEND-OK %d times", f.sent, arrived, f.okays)
	}
}

// killed rests on what the kernel promises: what it has taken for a connection still leaves when
// the process that gave it is dead.
func killed(s *stage) {
	if s.server == nil {
		s.skip("needs --exec: the server has to be killed to see it")
	}
	f := fill(s, muchMore)
	s.note("server", said, "(is killed)")
	s.killed = true
	s.server.kill()
	alice, bob := s.find("alice"), s.find("bob")
	bob.stalled = false
	s.await(func() bool { return alice.end != nil && bob.end != nil })
	before := f.okays
	if s.takeOkays(alice, f); f.okays > before {
		s.note("alice", heard, "SEND-OK (%d times in all)", f.okays)
	}
	s.note("bob", expected, "DELIVERY alice ... (%d times, as often as alice heard SEND-OK)", f.okays)
	arrived := s.deliveries(f, 0)
	s.note("bob", heard, "DELIVERY alice ... (%d times)", arrived)
	switch {
	case f.okays == 0:
		s.fail("alice heard SEND-OK to none of her messages")
	case arrived < f.okays:
		s.fail("alice had heard SEND-OK %d times when the server was killed, but only %d of the messages had been sent to bob",
			f.okays, arrived)
	}
}

func targetDies(s *stage) {
	f := fill(s, moreThanFit)
	alice := s.find("alice")
	if f.okays < f.sent { // and is given some time more, since SEND-OK is an error after this
		s.awaitWithin(s.timeout/4, func() bool { return s.takeOkays(alice, f) })
	}
	s.cutOff("bob")
	if f.okays < f.sent {
		s.answerInsteadOfOkay("alice")
	}
	s.say("alice", "SEND alice hi\n")
	s.hear("alice", "DELIVERY alice hi\n")
	s.hear("alice", sendOK)
}

// answerInsteadOfOkay hears the answer to a message that was not forwarded. What it has to be is
// chatd's decision; what it may not be is the lab's.
func (s *stage) answerInsteadOfOkay(name string) {
	const want = "BAD-DEST-USER\n"
	var line string
	st := s.try(func() { line = s.nextLine(name, show(want)) })
	if st.verdict != passed {
		s.differ("%s", st.reason)
	}
	s.note(name, heard, "%s", show(line))
	switch line {
	case want:
	case sendOK:
		s.fail("%s heard SEND-OK to a message that had not been sent when its target went", name)
	default:
		s.differ("%s heard another line than from chatd", name)
	}
}

func slowReader(s *stage) {
	fill(s, moreThanFit)
	s.login("carol", "dave")
	s.say("carol", "SEND dave hi\n")
	s.hear("dave", "DELIVERY carol hi\n")
	s.hear("carol", sendOK)
	s.login("erin")
}
