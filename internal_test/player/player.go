// Package stage holds the conversations of protocol/testdata with a server over TCP.
package stage

import (
	"bytes"
	"errors"
	"io"

	"chatd/internal_test/conversation"
	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

// A Stage is where a conversation is held with a daemon. It is a small loop of its own: no actor
// waits for another to have its words taken or to read.
type Stage struct {
	Daemon *daemon.Daemon
	t      daemon.T
	actors map[string]*actor
}

// New makes an empty stage. What goes wrong on it fails the test.
func New(t daemon.T, d *daemon.Daemon) *Stage {
	return &Stage{Daemon: d, t: t, actors: make(map[string]*actor)}
}

// Actors is how many clients have come.
func (s *Stage) Actors() int { return len(s.actors) }

// End expects that those who are left have heard nothing that the steps do not tell.
func (s *Stage) End() {
	s.t.Helper()
	for name, a := range s.actors {
		if !a.gone {
			s.expectSilence(a, name+" at the end")
		}
	}
}

// Close closes the clients' connections.
func (s *Stage) Close() {
	for _, a := range s.actors {
		a.client.Close()
	}
}

// An actor is one client of a conversation.
type actor struct {
	client   *daemon.Client
	unsaid   []byte // what is still to be written
	heard    []byte // what no step has told yet
	end      error  // io.EOF, or what else ended the connection
	stalled  bool   // does not read
	closing  bool   // half-closes when all is said
	finished bool   // has half-closed
	gone     bool   // as far as the conversation is concerned
}

// Play takes one step.
func (s *Stage) Play(step conversation.Step) {
	a := s.actors[step.Client]
	if a == nil {
		// A buffer whose size is set does not grow, so that those who stall hold little.
		a = &actor{client: s.Daemon.Dial(s.t, daemon.ReceiveBuffer(64<<10))}
		s.actors[step.Client] = a
	}
	switch step.Action {
	case conversation.Says:
		a.unsaid = append(a.unsaid, step.Bytes...)
		s.Move()
	case conversation.Hears:
		s.hear(a, step)
	case conversation.HearsNothing:
		s.expectSilence(a, step.String())
	case conversation.Closed:
		s.expectEnd(a, step)
	case conversation.Stalls, conversation.Drains:
		a.stalled = step.Action == conversation.Stalls
	case conversation.HalfCloses:
		a.closing = true
		s.Move()
	case conversation.Leaves:
		a.closing = true
		s.expectEnd(a, step)
	case conversation.Resets:
		a.client.Reset()
		a.gone = true
	}
}

// hear waits for the next line and compares it.
func (s *Stage) hear(a *actor, step conversation.Step) {
	s.t.Helper()
	end := 0
	daemon.Await(s.t, step.String(), func() bool {
		s.Move()
		end = bytes.IndexByte(a.heard, '\n') + 1
		return end > 0 || a.end != nil
	})
	if line := a.heard[:end]; !bytes.Equal(line, step.Bytes) {
		s.t.Fatalf("%s: heard %s instead (%v)", step, conversation.Quote(line), a.end)
	}
	a.heard = a.heard[end:]
}

// expectEnd waits for the server to end the connection in an orderly way, without another word.
func (s *Stage) expectEnd(a *actor, step conversation.Step) {
	s.t.Helper()
	daemon.Await(s.t, step.String(), func() bool {
		s.Move()
		return a.end != nil || len(a.heard) > 0
	})
	if len(a.heard) > 0 || !errors.Is(a.end, io.EOF) {
		s.t.Fatalf("%s: heard %s (%v)", step, conversation.Quote(a.heard), a.end)
	}
	a.client.Close()
	a.gone = true
}

// expectSilence gives the server the time to do what it has to do, and expects that an actor has
// heard nothing that the steps do not tell, and is connected.
func (s *Stage) expectSilence(a *actor, when string) {
	s.t.Helper()
	for range 2 { // the second answer comes from a later turn of the loop than the one that read the first
		stranger := s.Daemon.Dial(s.t)
		stranger.Line("")
		stranger.Expect("BAD-RQST-HDR")
		stranger.Close()
	}
	s.Move()
	if len(a.heard) > 0 || a.end != nil {
		s.t.Fatalf("%s: heard %s (%v)", when, conversation.Quote(a.heard), a.end)
	}
}

// Move writes and reads what can be written and read now.
func (s *Stage) Move() {
	s.t.Helper()
	for _, a := range s.actors {
		if a.gone || a.end != nil {
			continue
		}
		a.client.Control("write and read", func(fd int) error {
			a.write(fd)
			if !a.stalled {
				a.read(fd)
			}
			return nil
		})
	}
}

// write ignores what goes wrong: it shows when the actor is to hear something.
func (a *actor) write(fd int) {
	if n, _ := unix.Write(fd, a.unsaid); n > 0 {
		a.unsaid = a.unsaid[n:]
	}
	if a.closing && !a.finished && len(a.unsaid) == 0 {
		unix.Shutdown(fd, unix.SHUT_WR)
		a.finished = true
	}
}

func (a *actor) read(fd int) {
	for buffer := make([]byte, 64<<10); a.end == nil; {
		n, err := unix.Read(fd, buffer)
		switch {
		case n > 0:
			a.heard = append(a.heard, buffer[:n]...)
		case err == unix.EAGAIN:
			return
		case err == nil:
			a.end = io.EOF
		case err != unix.EINTR:
			a.end = err
		}
	}
}
