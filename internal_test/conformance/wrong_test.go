package main

import (
	"slices"
	"strings"
	"testing"
)

// byChoice are the cases in which the Python server with its own choices differs from chatd, and is
// right.
var byChoice = []string{
	"PR1/crlf", "PR4/control", "PR4/utf8", "PR7/last-words", "PR11/two-spaces", "PR15/again",
	"PR17/impossible-name", "PR17/list-body",
}

// impatience is how long a test waits for what may never come.
const impatience = "2s"

// pythonServer is the command line of the Python server, with the flags that follow.
func pythonServer(t *testing.T) string {
	return python(t) + " ../servers/python/server.py --max-users 16 "
}

// slow are the cases that send much. They are left out where the fault has nothing to do with that.
const slow = "TR4,TR2/memory,TR2/slow-reader,PR12/killed,PR14/target-dies"

// wrongs are the ways in which the Python server can be wrong: the cases that it must fail then, and
// those in which it must be observed. A case that rests on one of the failed ones is not judged.
var wrongs = []struct{ way, fails, observed, only, except string }{
	{"keep-refused", "PR4/no-user PR5/in-use UR1/space UR2/comma PR7/list PR7/send PR7/unknown", "", "", slow},
	{"keep-names", "TR3/close TR3/reset TR3/name", "", "PR3,PR8,PR10,TR3", slow},
	{"one-read-one-line", "PR1/pieces PR1/several PR1/and-a-half PR1/login-and-more", "", "", slow},
	{"wait-for-line", "PR1/pieces PR1/and-a-half TR2/garbage TR2/half-line", "", "", slow},
	{"early-ok", "PR12/killed", "TR2/memory", "PR10,PR12,PR14,TR", ""},
	{"no-in-use", "PR5/in-use", "", "", slow},
	{"unauthenticated-listed", "PR9/unauthenticated", "", "", slow},
	{"wrong-error", "PR16/unknown", "", "", slow},
	{"decode", "TR2/garbage", "", "", slow},
	{"close-on-error", "PR17/no-name PR17/no-message", "", "", slow},
	{"cut-off", "PR12/killed TR4/whole", "", "PR10,PR11,PR12,PR14,TR", ""},
	{"no-reset", "TR3/reset PR14/target-dies", "", "", ""},
	{"first-word", "PR11/words", "", "", slow},
	{"ok-anyway", "PR13/unknown PR13/gone", "", "", "TR4,TR2/memory,PR12/killed"},
	{"relogin", "PR6/again", "", "", slow},
	{"few", "TR1/sixteen", "", "", slow},
	{"mute", "TR5/server-is-on", "", "", slow},
	{"drop-slow", "", "TR4/many-senders", "PR10,PR12,PR14,TR", ""},
	{"block", "TR2/slow-reader", "", "PR10,PR12,PR14,TR", ""},
	{"spin", "", "TR2/at-rest", "PR10,TR2,TR3", slow},
	{"fd-leak", "", "TR2/closes", "PR10,PR12,TR", slow},
	{"no-backpressure", "", "TR2/memory", "PR10,PR12,PR14,TR", ""},
}

// A right server passes all that it must, however differently from chatd it decides what is left
// open.
func TestRightServer(t *testing.T) {
	t.Parallel()
	r := judge(t, 0, "--exec", pythonServer(t)+"--break choices", "--timeout", impatience)
	if !slices.Equal(sorted(r.with(differs)), sorted(byChoice)) || r.Passed != len(r.Cases)-len(byChoice) || len(r.Notes) > 0 {
		t.Errorf("failed: %v, skipped: %v, notes: %q, differs: %v, expected %v",
			r.with(failed), r.with(skipped), r.Notes, r.with(differs), byChoice)
	}
}

// Where the rules are silent, another answer is told and not held against the server.
func TestSilenceOfTheRules(t *testing.T) {
	t.Parallel()
	r := judge(t, 0, "--exec", pythonServer(t)+"--break ignore-case", "--timeout", impatience, "--only", "PR5,PR13")
	if want := []string{"PR5/upper-case", "PR13/upper-case"}; r.Failed > 0 || !includes(r.with(differs), want) {
		t.Errorf("failed: %v, differs: %v, expected %v among them", r.with(failed), r.with(differs), want)
	}
}

// A server that ends fails, even where the rules are silent, and the other cases have another.
func TestServerThatEnds(t *testing.T) {
	t.Parallel()
	stdout, stderr, status := program(t, "--exec", pythonServer(t)+"--break decode", "--timeout", impatience, "--only", "PR4")
	if status != 1 {
		t.Errorf("exit status %d, expected 1: %s", status, stderr)
	}
	for _, want := range []string{"PR4/utf8", "UnicodeDecodeError", "was started anew", "1 failed"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in the report:\n%s", want, stdout)
		}
	}
}

// Each way of being wrong fails the cases that are about it, and no others.
func TestWrongServers(t *testing.T) {
	t.Parallel()
	server := pythonServer(t)
	for _, w := range wrongs {
		t.Run(w.way, func(t *testing.T) {
			t.Parallel()
			var r report
			for try := 0; try == 0 || try < 3 && len(r.with(observed)) == 0 && w.observed != ""; try++ { // a busy server may not show it
				r = judge(t, min(1, len(w.fails)), "--exec", server+"--break "+w.way, "--timeout", impatience, "--must", "--only", w.only, "--skip", w.except)
			}
			for v, want := range map[verdict]string{failed: w.fails, observed: w.observed} {
				if got := r.with(v); !slices.Equal(sorted(got), sorted(strings.Fields(want))) {
					t.Errorf("%s: %v, expected %v", v, got, want)
				}
			}
			for _, c := range r.Cases {
				if t.Failed() && (c.Verdict == failed || c.Verdict == observed) {
					t.Logf("%s: %s\n%s", c.ID, c.Reason, strings.Join(c.Got, "\n"))
				}
			}
		})
	}
}

func sorted(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return ids
}

func includes(all, some []string) bool {
	return !slices.ContainsFunc(some, func(id string) bool { return !slices.Contains(all, id) })
}
