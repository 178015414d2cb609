package main

import (
	"bytes"
	"slices"
	"strings"
	"sync"
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

// wrongs are the ways in which the Python server can be wrong, and the cases that it must fail
// then, of all or of some. Those that take long come first, and are taken in parts.
var wrongs = []struct{ way, fails, only string }{
	{"keep-refused", "PR4/no-user PR5/in-use UR1/space UR2/comma", "PR4,PR5"},
	{"keep-refused", "PR7/list PR7/send PR7/unknown", "PR7"},
	{"keep-refused", "", "PR1,PR2,PR3,PR6,PR8,PR9,PR10,PR11,PR12,PR13,PR14,PR15,PR16,PR17,TR"},
	{"keep-refused", "UR1/space UR2/comma", "UR"},
	{"keep-names", "TR3/close TR3/reset TR3/name", "PR3,PR5,PR9,PR10,PR13,TR"},
	{"one-read-one-line", "PR1/pieces PR1/several PR1/and-a-half PR1/login-and-more", ""},
	{"wait-for-line", "PR1/pieces PR1/and-a-half TR2/garbage", ""},
	{"early-ok", "PR12/killed", ""},
	{"no-in-use", "PR5/in-use", ""},
	{"unauthenticated-listed", "PR9/unauthenticated", ""},
	{"wrong-error", "PR16/unknown", ""},
	{"decode", "TR2/garbage", ""},
	{"close-on-error", "PR17/no-name PR17/no-message", ""},
	{"cut-off", "PR12/killed TR4/whole", ""},
	{"no-reset", "TR3/reset PR14/target-dies", ""},
	{"first-word", "PR11/words", ""},
	{"ok-anyway", "PR13/unknown PR13/gone", ""},
	{"relogin", "PR6/again", ""},
	{"few", "TR1/sixteen", ""},
	{"mute", "TR5/server-is-on", ""},
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
	var stdout, stderr bytes.Buffer
	args := []string{"--exec", pythonServer(t) + "--break decode", "--timeout", impatience, "--only", "PR4"}
	if status := run(args, &stdout, &stderr); status != 1 {
		t.Errorf("exit status %d, expected 1: %s", status, &stderr)
	}
	for _, want := range []string{"PR4/utf8", "UnicodeDecodeError", "was started anew", "1 failed"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("%q is not in the report:\n%s", want, &stdout)
		}
	}
}

// Each way of being wrong fails the cases that are about it, and no others.
func TestWrongServers(t *testing.T) {
	t.Parallel()
	server := pythonServer(t)
	var wait sync.WaitGroup
	places := make(chan bool, 12) // most of the time is spent waiting for what does not come
	for _, w := range wrongs {
		places <- true
		wait.Add(1)
		go func() {
			defer wait.Done()
			defer func() { <-places }()
			var stdout, stderr bytes.Buffer
			args := []string{"--exec", server + "--break " + w.way, "--timeout", impatience, "--must"}
			if w.only != "" {
				args = append(args, "--only", w.only)
			}
			status := run(args, &stdout, &stderr)
			var got []string
			for line := range strings.SplitSeq(stdout.String(), "\n") {
				if words := strings.Fields(line); strings.HasPrefix(line, marks[failed]) {
					got = append(got, words[2])
				}
			}
			if status != min(1, len(w.fails)) || !slices.Equal(sorted(got), sorted(strings.Fields(w.fails))) {
				t.Errorf("--break %s: exit status %d, failed %v, expected %v\n%s%s", w.way, status, got, w.fails, &stdout, &stderr)
			}
		}()
	}
	wait.Wait()
}

func sorted(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return ids
}

func includes(all, some []string) bool {
	return !slices.ContainsFunc(some, func(id string) bool { return !slices.Contains(all, id) })
}
