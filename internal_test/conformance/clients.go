package main

import (
	"fmt"
	"strings"

	"chatd/internal_test/player"
)

// The programs whose clients read what they are sent. Those that do not are in slow.go.

func serverIsOn(s *trial) {
	switch {
	case s.server == nil:
		skip("needs --exec: the server was running already")
	case s.server.elsewhere:
		fail("the server does not listen at the port that it is told: it listens at %s", s.server.address)
	case s.server.early:
		fail("the server said that it was on, and refused a connection")
	case !s.server.said:
		s.Note("server", expected, "Server is on")
		s.Note("server", heard, "%s", player.Show(s.server.output.String()))
		fail("the server accepts connections, and has not said that it is on")
	}
}

// twoAtOnce needs no other case: it finds out whether a second client is served at all.
func twoAtOnce(s *trial) {
	s.login("alice")
	s.single = true
	s.Say("bob", "HELLO-FROM bob\n")
	st := try(func() { s.Hear("bob", "HELLO bob\n") })
	if st.verdict == skipped {
		panic(st)
	}
	if st.verdict != passed {
		s.closeConnection("alice")
		if bob := s.Find("bob"); s.Await(s.Patience, func() bool { return len(bob.Heard) > 0 || bob.End != nil }) && len(bob.Heard) > 0 {
			s.NextLine("bob", "HELLO bob")
			fail("the server serves one client at a time: bob was answered only when alice had left")
		}
		fail("%s, while alice was connected, nor when she had left", st.reason)
	}
	s.single = false
}

func unauthenticated(s *trial) {
	s.Find("unauthenticated")
	s.login("alice")
	s.ask("alice", "LIST", "LIST-OK alice")
}

// crowd logs in so many users, and returns their names.
func crowd(s *trial, size int) []string {
	names := make([]string, size)
	for i := range names {
		names[i] = fmt.Sprintf("user%d", i+1)
	}
	s.login(names...)
	return names
}

func sixteen(s *trial) {
	names := crowd(s, 16)
	s.ask("user1", "LIST", "LIST-OK "+strings.Join(names, ","))
	s.exchange("user1", "user16", "user16")
}

// busyFrom logs in users until one is refused, and returns how many there are then. It gives up at
// a number that no server of the lab has places for.
func busyFrom(s *trial) int {
	const most = 64
	for n := range most {
		name := fmt.Sprintf("user%d", n+1)
		s.Say(name, "HELLO-FROM "+name+"\n")
		line := s.NextLine(name, "BUSY, or HELLO if there is a place")
		switch {
		case line == "BUSY\n":
			return n
		case s.Same(line, "HELLO "+name+"\n"):
		default:
			fail("%s heard another line than expected", name)
		}
	}
	differ("%d users were let in and none was told BUSY: start the server with fewer places to see it", most)
	return 0
}

func busy(s *trial) {
	places := busyFrom(s)
	s.HangUp(fmt.Sprintf("user%d", places+1)) // the rules do not say whether it stays
	if places > 0 {
		s.exchange("user1", "user1", "user1")
	}
	if places != 16 {
		differ("the server has %d places, not 16", places)
	}
}

func busyAgain(s *trial) {
	late := fmt.Sprintf("user%d", busyFrom(s)+1)
	s.ask(late, "HELLO-FROM "+late, "BUSY")
	s.closeConnection("user2")
	s.until(late, "HELLO-FROM "+late, "HELLO "+late)
}

func idle(s *trial) {
	s.Find("unauthenticated")
	s.login("alice", "bob", "carol")
	s.exchange("carol", "bob", "bob")
	s.login("dave")
}

func halfLine(s *trial) {
	s.login("alice", "bob", "mallory")
	s.Say("mallory", "SEND bo")
	s.Say("unauthenticated", "HELLO-FR")
	s.exchange("alice", "bob", "bob")
	s.login("dave")
	s.leave("mallory") // what it hears is not tested here
	s.leave("unauthenticated")
}

func garbage(s *trial) {
	s.login("alice", "bob", "mallory")
	for _, bytes := range []string{"\xff\xfe\x00\n", "\n", "SEND \xff\xff \xff\n", strings.Repeat("x", 200_000)} {
		for _, name := range []string{"mallory", "unauthenticated"} {
			s.Say(name, bytes)
		}
		s.exchange("alice", "bob", "bob")
	}
	s.leave("mallory")
	s.leave("unauthenticated")
}

func disappears(s *trial, goes func(name string)) {
	s.login("alice", "bob", "carol")
	goes("bob")
	s.until("alice", "LIST", "LIST-OK alice,carol")
}

func nameIsFree(s *trial) {
	s.login("alice", "bob")
	s.closeConnection("bob")
	s.until("alice", "LIST", "LIST-OK alice")
	s.ask("second", "HELLO-FROM bob", "HELLO bob")
	s.exchange("alice", "bob", "second")
}

func targetGone(s *trial) {
	s.login("alice", "bob")
	s.closeConnection("bob")
	s.until("alice", "SEND bob hi", "BAD-DEST-USER")
}
