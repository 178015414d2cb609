package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"chatd/internal_test/conversation"
)

// A stage is where one case is played. It is a small loop of its own: no actor waits for another to
// have its words taken or to read. A step that does not come out as told ends the case by a panic
// with a stop.
type stage struct {
	address string
	server  *server       // nil if it runs elsewhere
	timeout time.Duration // for how long nothing may move before an expectation has failed
	strict  bool          // as chatd decided: the order of a list, the orderly end of a connection
	receive int           // the receive buffer of who connects, in bytes

	killed bool // the case has killed the server

	actors []*actor
	record []entry
	buffer []byte
}

// A stop is why a case ended before its last step.
type stop struct {
	verdict verdict
	reason  string
}

// An entry is one line of the record.
type entry struct{ who, did, text string }

const (
	said     = "sent"
	expected = "expected"
	heard    = "heard"
)

func (s *stage) fail(format string, values ...any) {
	panic(stop{failed, fmt.Sprintf(format, values...)})
}

func (s *stage) skip(reason string) { panic(stop{skipped, reason}) }

func (s *stage) differ(format string, values ...any) {
	panic(stop{differs, fmt.Sprintf(format, values...)})
}

func (s *stage) note(who, did, format string, values ...any) {
	s.record = append(s.record, entry{who, did, fmt.Sprintf(format, values...)})
}

// find returns an actor, who connects now if he has not before.
func (s *stage) find(name string) *actor {
	for _, a := range s.actors {
		if a.name == name {
			return a
		}
	}
	a, err := connect(s.address, s.receive, s.timeout)
	if err != nil {
		s.fail("%s could not connect: %v", name, err)
	}
	a.name = name
	s.actors = append(s.actors, a)
	return a
}

// take plays one step of a conversation.
func (s *stage) take(step conversation.Step) {
	a := s.find(step.Client)
	switch step.Action {
	case conversation.Says:
		s.say(step.Client, string(step.Bytes))
	case conversation.Hears:
		s.hear(step.Client, string(step.Bytes))
	case conversation.HearsNothing:
		s.move()
		s.expectSilence(a)
	case conversation.Closed:
		s.expectEnd(step.Client)
	case conversation.Stalls, conversation.Drains:
		a.stalled = step.Action == conversation.Stalls
	case conversation.HalfCloses:
		s.note(a.name, said, "(the end of what he has to say)")
		a.closing = true
		s.move()
	case conversation.Leaves:
		a.closing = true
		s.expectEnd(step.Client)
	case conversation.Resets:
		s.note(a.name, said, "(a reset)")
		a.reset()
	}
}

// say says bytes in one piece.
func (s *stage) say(name, text string) {
	s.note(name, said, "%s", show(text))
	s.utter(name, text)
}

// utter says bytes and leaves no record, for who has much to say.
func (s *stage) utter(name, text string) {
	a := s.find(name)
	a.unsaid = append(a.unsaid, text...)
	s.move()
}

// hear waits for the next line and compares it.
func (s *stage) hear(name, want string) {
	line := s.nextLine(name, show(want))
	s.note(name, heard, "%s", show(line))
	if !sameLine(line, want, s.strict) {
		s.fail("%s heard another line than expected", name)
	}
}

// nextLine waits for the next line.
func (s *stage) nextLine(name, want string) string {
	s.note(name, expected, "%s", want)
	a := s.find(name)
	end := 0
	s.await(func() bool {
		end = bytes.IndexByte(a.heard, '\n') + 1
		return end > 0 || a.end != nil
	})
	if end == 0 {
		s.explainMissing(a)
	}
	line := string(a.heard[:end])
	a.heard = a.heard[end:]
	return line
}

// explainMissing fails for want of a line.
func (s *stage) explainMissing(a *actor) {
	if len(a.heard) > 0 {
		s.note(a.name, heard, "%s", show(string(a.heard)))
	}
	switch {
	case len(a.heard) > 0 && a.end == nil:
		s.fail("%s heard the beginning of a line, and then nothing for %v", a.name, s.timeout)
	case a.end == nil:
		s.fail("%s heard nothing for %v", a.name, s.timeout)
	case errors.Is(a.end, io.EOF):
		s.fail("%s was disconnected by the server", a.name)
	default:
		s.fail("%s was disconnected by the server: %v", a.name, a.end)
	}
}

// expectEnd waits for the server to end the connection, without another word.
func (s *stage) expectEnd(name string) {
	const end = "(to be disconnected)"
	s.note(name, expected, end)
	a := s.find(name)
	s.await(func() bool { return a.end != nil || len(a.heard) > 0 })
	s.expectSilence(a)
	switch {
	case a.end == nil:
		s.fail("%s was still connected after %v", name, s.timeout)
	case s.strict && !errors.Is(a.end, io.EOF):
		s.fail("the connection of %s did not end in good order: %v", name, a.end)
	}
	s.note(name, heard, end)
	a.close()
}

// expectSilence fails if an actor has heard what was not told.
func (s *stage) expectSilence(a *actor) {
	if len(a.heard) > 0 {
		s.note(a.name, expected, "(nothing more)")
		s.note(a.name, heard, "%s", show(string(a.heard)))
		s.fail("%s heard what he should not have heard", a.name)
	}
}

// expectRest holds at the end of a conversation: nobody has heard more than was told, and whoever
// has not gone is connected.
func (s *stage) expectRest() {
	s.move()
	for _, a := range s.actors {
		if a.gone {
			continue
		}
		s.expectSilence(a)
		if a.end != nil {
			s.note(a.name, expected, "(to stay connected)")
			s.fail("%s was disconnected by the server", a.name)
		}
	}
}

// close takes everybody from the stage.
func (s *stage) close() {
	for _, a := range s.actors {
		a.close()
	}
}

// show makes bytes readable: a plain line as it is, all else quoted.
func show(text string) string {
	line, ended := strings.CutSuffix(text, "\n")
	plain := conversation.Quote([]byte(line))
	if ended && len(line) < 120 && plain == `"`+line+`"` && line == strings.TrimSpace(line) && line != "" {
		return line
	}
	shown := conversation.Quote([]byte(text))
	if !ended {
		shown += ", without a line end"
	}
	return shown
}
