package main

import (
	"fmt"
	"strings"
	"time"
)

// The cases that look at the processes of the server, in /proc(5).

// needsProcesses skips a case if the processes are not to be seen.
func (s *trial) needsProcesses() {
	switch {
	case s.server == nil:
		skip("needs --exec: the processes of the server are not known")
	case !s.server.ours:
		skip("the process that listens was not started by the command: it is not known")
	}
}

const (
	window     = 200 * time.Millisecond
	windows    = 6    // a server may need some time until it is at rest
	mostBusy   = 0.15 // of the time in which a thread could run
	mostWakeup = 60   // in a second: a machine such as that of Java wakes up 30 times
)

// atRest measures while no client says anything. The time for which a thread waits for a CPU counts
// as if it ran, so that the result is the same on a machine that is busy with something else.
func atRest(s *trial) {
	s.needsProcesses()
	before := takeCensus()
	s.login("alice", "bob", "carol")
	s.Find("unauthenticated")
	first, began := takeCensus(), time.Now()
	from, c := first, first
	var busy, wakeups float64
	calm := false
	for i := 0; i < windows && !calm; i++ {
		end := time.Now().Add(window)
		s.Await(window, func() bool { return !time.Now().Before(end) })
		from, c = c, takeCensus()
		busy, wakeups = c.since(from, time.Since(end)+window)
		calm = busy < mostBusy && wakeups < mostWakeup && !from.running && !c.running
	}
	if !calm { // on a machine that is busy, a thread may have waited for a CPU for more than a window
		busy, wakeups = c.since(first, time.Since(began))
	}
	const clients = 4
	s.rest = fmt.Sprintf("with %d clients that send nothing: %s; CPU %.0f %%, %.0f wake-ups a second, %s, %d MiB%s",
		clients, c.describe(), 100*busy, wakeups, plural(c.descriptors, "descriptor"), c.memory>>20, before.forEach(c, clients))
	s.Note("server", heard, "%s", s.rest)
	switch {
	case calm:
	case busy >= mostBusy:
		fail("the server is busy waiting: it uses %.0f %% of a CPU while no client sends anything", 100*busy)
	case wakeups >= mostWakeup:
		fail("the server looks %.0f times a second whether there is something to do", wakeups)
	}
}

// since is the part of the time in which threads could run, and how often a second they have waited.
func (c census) since(before census, took time.Duration) (busy, wakeups float64) {
	return float64(c.busy-before.busy) / float64(took), float64(c.wakeups-before.wakeups) / took.Seconds()
}

// forEach tells how many threads or processes more there are for so many clients.
func (c census) forEach(after census, clients int) string {
	switch {
	case after.processes-c.processes >= clients-1:
		return "; a process for each client"
	case after.waits["recvfrom"]+after.waits["recvmsg"]+after.waits["read"] >= clients:
		return "; a thread for each client, which the lab allows"
	default:
		return ""
	}
}

// closesDescriptors has clients go in each of the ways in which they can.
func closesDescriptors(s *trial) {
	s.needsProcesses()
	const rounds = 6
	before := takeCensus().descriptors
	for i := range rounds {
		name := fmt.Sprintf("user%d", i+1)
		s.login(name)
		s.Find("unauthenticated" + name)
		s.Say("refused"+name, "HELLO-FROM a,b\n") // whatever the answer is
		s.HangUp("refused" + name)
		s.HangUp("unauthenticated" + name)
		if i%2 == 0 {
			s.Reset(name)
		} else {
			s.closeConnection(name)
		}
	}
	open := 0
	const slack = 4 // for what an interpreter opens when it first needs it
	s.Await(s.Patience, func() bool {
		open = takeCensus().descriptors - before
		return open <= slack
	})
	if open > slack {
		fail("%d clients have come and gone, and %d descriptors more are open than before", 3*rounds, open)
	}
}

// memoryIsBounded has alice send without waiting for an answer. The kernel takes some megabytes of
// that; the rest stays with alice unless the server takes it.
func memoryIsBounded(s *trial) {
	s.needsProcesses()
	const bytes = 16 << 20
	f := &flood{from: "alice", to: "bob", size: shortMessage}
	if takesLong(s) {
		f.size = longMessage
	}
	s.tcp.Receive = smallBuffer
	s.login("alice", "bob")
	s.Note("bob", said, "(nothing: it does not read)")
	s.Stall("bob", true)
	before := takeCensus().memory
	alice := s.Find("alice")
	var text strings.Builder
	text.Grow(bytes + f.size)
	for ; text.Len() < bytes; f.sent++ {
		text.WriteString(s.Rename("SEND bob ") + f.message(f.sent) + "\n")
	}
	s.SayUnrecorded("alice", text.String())
	s.Note("alice", said, "SEND bob ... (%d messages of %d bytes, without waiting for answers)", f.sent, f.size)
	grown := int64(0)
	for unsaid, moves := 0, true; moves; { // until a turn of the server changes nothing
		unsaid = len(alice.Unsaid)
		s.Await(stillFor, func() bool { return alice.End != nil })
		s.answersNewClient()
		now := takeCensus().memory - before
		moves = len(alice.Unsaid) < unsaid || now > grown+1<<20
		grown = now
	}
	s.Note("server", heard, "memory: %d MiB more", grown>>20)
	taken := text.Len() - len(alice.Unsaid)
	s.Stall("bob", false)
	s.HangUp("bob")
	s.HangUp("alice")
	if taken == text.Len() && grown > bytes/3 {
		fail("the server has read all the %d MiB that were sent to a client that does not read, and its memory has grown by %d MiB",
			bytes>>20, grown>>20)
	}
}
