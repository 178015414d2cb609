package main

import (
	"fmt"
	"strings"
	"time"

	"chatd/internal_test/player"
)

// A verdict is what came out of a case.
type verdict string

const (
	passed  verdict = "pass"
	failed  verdict = "fail"
	differs verdict = "differs" // from chatd, where the rules are silent
	skipped verdict = "skipped"
)

// A result is a case and what came out of it.
type result struct {
	testCase
	verdict verdict
	reason  string // why it is not a pass
	record  []player.Entry
}

// A suite plays cases against one server.
type suite struct {
	command string // that starts the server; "" if it runs already
	target  string // where it listens; "" for a free port
	timeout time.Duration

	server  *server
	notes   []string
	visits  int
	unclean bool // the server does not get rid of its users
}

// start starts the server, or looks whether it is there.
func (su *suite) start() error {
	if su.command != "" {
		server, err := launch(su.command, su.target)
		su.server = server
		return err
	}
	s := su.trial(must)
	defer s.Close()
	if st := try(func() { s.Find("visitor") }); st.verdict != passed {
		return fmt.Errorf("%s: %s", su.target, st.reason)
	}
	return nil
}

// end ends the server.
func (su *suite) end() {
	if su.server != nil {
		su.server.kill()
	}
}

// play plays one case, and makes the server ready for the next.
func (su *suite) play(c testCase) (result, error) {
	s := su.trial(c.Level)
	st := try(func() {
		c.play(s)
		if !s.killed {
			su.visit(s)
			s.ExpectRest()
		}
	})
	r := result{testCase: c, verdict: st.verdict, reason: st.reason}
	if st.verdict == failed || st.verdict == differs {
		s.tellUntold()
		if su.server != nil && !s.killed && s.isBroken() {
			su.server.endsSoon()
		}
	}
	if st.verdict == failed && c.Level == may {
		r.verdict = differs
	}
	s.Close()
	r.record = s.Record
	err := su.refresh(s, &r)
	return r, err
}

// visit has a new client come and be answered. When that has happened, a server that works in one
// thread has said all that it has to say about what came before.
func (su *suite) visit(s *trial) {
	v := su.trial(must)
	defer v.Close()
	su.visits++
	st := try(func() {
		v.Say("visitor", fmt.Sprintf("HELLO-FROM visitor%d\n", su.visits))
		v.NextLine("visitor", "any answer")
	})
	if st.verdict != passed {
		fail("after that, a new client was not answered any more")
	}
	v.leave("visitor")
}

// refresh makes the server as it was before a case: alive, and without users. If it is not, it is
// started anew, so that a case that fails has no others fail. A case fails during which the server
// has ended.
func (su *suite) refresh(s *trial, r *result) error {
	switch {
	case s.killed: // by the case itself
	case su.isEmpty():
		return nil
	case su.server == nil:
		if !su.unclean {
			su.unclean = true
			su.note("after %s the server still lists users that have left; cases after it may fail for that alone", r.ID)
		}
		return nil
	case su.server.hasEnded(), (!su.unclean || !su.server.accepts()) && su.server.endsSoon():
		r.verdict = failed
		r.reason = strings.TrimPrefix(fmt.Sprintf("%s; the server has ended (%v). Its last words:\n%s",
			r.reason, su.server.command.ProcessState, su.server.lastWords()), "; ")
		su.note("the server ended during %s and was started anew", r.ID)
	case !su.unclean:
		su.unclean = true
		su.note("after %s the server still listed users that had left, or did not answer LIST; "+
			"it was started anew, and is whenever that happens again", r.ID)
	}
	su.server.kill()
	return su.start()
}

func (su *suite) note(format string, values ...any) {
	su.notes = append(su.notes, fmt.Sprintf(format, values...))
}

// isEmpty waits until a visitor sees only itself in the list. It does not wait again for a server
// for which it has waited without success.
func (su *suite) isEmpty() bool {
	for deadline := time.Now().Add(su.timeout); ; time.Sleep(10 * time.Millisecond) {
		if su.visitorIsAlone() {
			return true
		}
		if su.unclean || su.server != nil && su.server.hasEnded() || time.Now().After(deadline) {
			return false
		}
	}
}

func (su *suite) visitorIsAlone() bool {
	v := su.trial(must)
	defer v.Close()
	su.visits++
	name := fmt.Sprintf("visitor%d", su.visits)
	st := try(func() {
		v.login(name)
		v.Say(name, "LIST\n")
		v.Hear(name, "LIST-OK "+name+"\n")
		v.leave(name)
	})
	return st.verdict == passed
}
