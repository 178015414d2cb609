package peers_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"chatd/internal_test/conversation"
	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

// The conversations of protocol/testdata, which chatd's own tests hold with the daemon, are held
// with every peer.
func TestConversations(t *testing.T) {
	paths, _ := filepath.Glob("../../protocol/testdata/*.txt")
	if len(paths) == 0 {
		t.Fatal("protocol/testdata has no conversations")
	}
	each(t, func(t *testing.T, p peer) {
		for _, path := range paths {
			t.Run(filepath.Base(path), func(t *testing.T) {
				t.Parallel()
				if reason := p.unplayed[filepath.Base(path)]; reason != "" {
					t.Skipf("this peer does not hold it: %s", reason)
				}
				talk, err := conversation.Load(path)
				if err != nil {
					t.Fatal(err)
				}
				limits := []string{"--max-users", fmt.Sprint(talk.Users), "--max-line", fmt.Sprint(talk.MaxLine)}
				s := &stage{t: t, d: p.run(t, limits...), actors: make(map[string]*actor)}
				for _, step := range talk.Steps {
					s.play(step)
				}
				for name, a := range s.actors {
					if !a.gone {
						s.expectSilence(a, name+" at the end")
					}
				}
			})
		}
	})
}

// A stage is where a conversation is held. It is a small loop of its own: no actor waits for
// another to have its words taken or to read.
type stage struct {
	t      *testing.T
	d      *daemon.Daemon
	actors map[string]*actor
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

// play takes one step.
func (s *stage) play(step conversation.Step) {
	s.t.Helper()
	a := s.actors[step.Client]
	if a == nil {
		a = &actor{client: s.d.Dial(s.t, daemon.ReceiveBuffer(64<<10))}
		s.actors[step.Client] = a
	}
	switch step.Action {
	case conversation.Says:
		a.unsaid = append(a.unsaid, step.Bytes...)
		s.move()
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
		s.move()
	case conversation.Leaves:
		a.closing = true
		s.expectEnd(a, step)
	case conversation.Resets:
		a.client.Reset()
		a.gone = true
	}
}

// hear waits for the next line and compares it.
func (s *stage) hear(a *actor, step conversation.Step) {
	s.t.Helper()
	end := 0
	daemon.Await(s.t, step.String(), func() bool {
		s.move()
		end = bytes.IndexByte(a.heard, '\n') + 1
		return end > 0 || a.end != nil
	})
	if line := a.heard[:end]; !bytes.Equal(line, step.Bytes) {
		s.t.Fatalf("%s: heard %s instead (%v)", step, conversation.Quote(line), a.end)
	}
	a.heard = a.heard[end:]
}

// expectEnd waits for the server to end the connection in an orderly way, without another word.
func (s *stage) expectEnd(a *actor, step conversation.Step) {
	s.t.Helper()
	daemon.Await(s.t, step.String(), func() bool {
		s.move()
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
func (s *stage) expectSilence(a *actor, when string) {
	s.t.Helper()
	for range 2 {
		stranger := s.d.Dial(s.t)
		stranger.Line("")
		stranger.Expect("BAD-RQST-HDR")
		stranger.Close()
	}
	s.move()
	if len(a.heard) > 0 || a.end != nil {
		s.t.Fatalf("%s: heard %s (%v)", when, conversation.Quote(a.heard), a.end)
	}
}

// move writes and reads what can be written and read now.
func (s *stage) move() {
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
