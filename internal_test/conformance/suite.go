package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"chatd/internal_test/player"
)

// A verdict is what came out of a case.
type verdict string

const (
	passed   verdict = "pass"
	failed   verdict = "fail"
	observed verdict = "observed" // it works against what TR2 and TR4 are for, and breaks no sentence of the rules
	differs  verdict = "differs"  // from chatd, where the rules are silent
	skipped  verdict = "skipped"
	unjudged verdict = "not judged" // because of another case, which has failed
)

// A result is a case and what came out of it.
type result struct {
	testCase
	verdict  verdict
	reason   string // why it is not a pass
	cause    string // the case because of which it is not judged
	trace    string // what the server has printed of an error that it did not handle
	errors   string // the last lines of all such errors
	record   []player.Entry
	duration time.Duration
}

// A suite plays cases against one server.
type suite struct {
	command  string // that starts the server; "" if it runs already
	dir      string // where the command runs; "" for the current folder
	target   string // where it listens; "" for a free port
	timeout  time.Duration
	deadline time.Duration // for the whole run; 0 for none
	limits   limits
	seed     uint64

	run     context.Context
	names   *renaming
	server  *server
	notes   []string
	rest    string // what was seen of the server at rest
	visits  int
	unclean bool // the server does not get rid of its users
	single  bool // it serves one client at a time
}

// start starts the server, or looks whether it is there.
func (su *suite) start() error {
	if su.command != "" {
		server, err := su.launch()
		su.server = server
		if err == nil {
			go su.limits.watch(server)
		}
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

// playAll plays the cases, those on which others rest first. It returns what has been found also
// when the run ends early.
func (su *suite) playAll(cases []testCase, progress func(done int, r result)) (results []result, err error) {
	verdicts := make(map[string]*result)
	for i, c := range inOrder(cases) {
		r := result{testCase: c, verdict: skipped}
		switch cause := su.causeAgainst(c, verdicts); {
		case cause != "":
			r.verdict, r.cause, r.reason = unjudged, cause, "not judged because of "+cause
		case su.run.Err() != nil:
			r.reason = "the run ended first: " + context.Cause(su.run).Error()
		case err != nil:
			r.reason = "the server could not be started again"
		default:
			r, err = su.playTwice(c, cases)
		}
		verdicts[c.ID] = &r
		results = append(results, r)
		progress(i+1, r)
	}
	if su.run.Err() != nil {
		su.note("the run ended early: %v; what had been found until then is told", context.Cause(su.run))
		err = nil
	}
	slices.SortStableFunc(results, func(a, b result) int {
		return slices.IndexFunc(cases, func(c testCase) bool { return c.ID == a.ID }) -
			slices.IndexFunc(cases, func(c testCase) bool { return c.ID == b.ID })
	})
	return results, err
}

// causeAgainst is the failed case because of which a case would say nothing.
func (su *suite) causeAgainst(c testCase, verdicts map[string]*result) string {
	for _, id := range c.Needs {
		switch r := verdicts[id]; {
		case r == nil || id == c.ID:
		case r.verdict == failed:
			return id
		case r.verdict == unjudged:
			return r.cause
		}
	}
	return ""
}

// playTwice plays a case. If others rest on it and it fails, it is played again: on a busy machine a
// failure may be chance, and this one would take all the others along.
func (su *suite) playTwice(c testCase, cases []testCase) (r result, err error) {
	began := time.Now()
	r, err = su.play(c)
	rests := func(other testCase) bool { return slices.Contains(other.Needs, c.ID) }
	if err == nil && r.verdict == failed && slices.ContainsFunc(cases, rests) {
		first := r.reason
		if r, err = su.play(c); r.verdict == passed {
			su.note("%s passed when it was played again; at first: %s", c.ID, first)
		}
	}
	r.duration = time.Since(began)
	return r, err
}

// play plays one case, and makes the server ready for the next.
func (su *suite) play(c testCase) (result, error) {
	s := su.trial(c.Level)
	printed := 0
	if su.server != nil {
		printed = su.server.output.length()
	}
	st := try(func() {
		c.play(s)
		if !s.killed && c.ID != oneLogin && c.ID != together && !su.single {
			su.visit(s)
		}
		if !s.killed {
			s.ExpectRest()
		}
	})
	su.single = su.single || s.single
	r := result{testCase: c, verdict: st.verdict, reason: su.names.rename(st.reason)}
	if st.verdict != passed && st.verdict != skipped {
		s.tellUntold()
		if su.server != nil && !s.killed && s.isBroken() {
			su.server.endsSoon()
		}
	}
	if st.verdict == failed && c.Level == may {
		r.verdict = differs
	}
	if st.verdict == failed && c.Level == look {
		r.verdict = observed
	}
	s.Close()
	r.record = s.Record
	if s.rest != "" {
		su.rest = s.rest
	}
	if su.run.Err() != nil {
		return r, nil
	}
	server := su.server
	err := su.refresh(s, &r)
	if server != nil && !strings.Contains(r.reason, "Its last words") {
		text := server.output.since(printed)
		r.trace, r.errors = trace(text, 5), exceptions(text)
	}
	return r, err
}

func (su *suite) note(format string, values ...any) {
	su.notes = append(su.notes, fmt.Sprintf(format, values...))
}
