package main

import (
	"fmt"
	"strings"
	"time"
)

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
	if st.verdict == skipped {
		panic(st)
	}
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
	case su.run.Err() != nil:
		return nil
	case su.server == nil:
		if !su.unclean {
			su.unclean = true
			su.note("after %s the server still lists users that have left; cases after it may fail for that alone", r.ID)
		}
		return nil
	case su.server.hasEnded(), (!su.unclean || !su.server.accepts()) && su.server.endsSoon():
		r.verdict = failed
		ended := fmt.Sprintf("the server has ended (%v)", su.server.command.ProcessState)
		if limit := su.server.overLimit(); limit != "" {
			ended = "the server was ended: " + limit
		}
		r.reason = strings.TrimPrefix(fmt.Sprintf("%s; %s. Its last words:\n%s", r.reason, ended, su.server.lastWords()), "; ")
		su.note("the server ended during %s and was started anew", r.ID)
	case !su.unclean:
		su.unclean = true
		su.note("after %s the server still listed users that had left, or did not answer LIST; "+
			"it was started anew, and is whenever that happens again", r.ID)
	}
	su.server.kill()
	return su.start()
}

// isEmpty waits until a visitor sees only itself in the list. It does not wait again for a server
// for which it has waited without success.
func (su *suite) isEmpty() bool {
	for deadline := time.Now().Add(su.timeout); su.run.Err() == nil; time.Sleep(10 * time.Millisecond) {
		if su.visitorIsAlone() {
			return true
		}
		if su.unclean || su.server != nil && su.server.hasEnded() || time.Now().After(deadline) {
			return false
		}
	}
	return false
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
