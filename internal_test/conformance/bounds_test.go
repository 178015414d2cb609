package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// naive is the command line of a server as students begin.
func naive(t *testing.T) string { return python(t) + " testdata/naive.py " }

// A server that serves one client at a time is told exactly that. What needs a second client is not
// judged.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	r := judge(t, 1, "--exec", naive(t)+"--one-at-a-time", "--timeout", "1s", "--only", "PR3,PR8,PR10,PR12,TR", "--skip", "PR13")
	if got := r.with(failed); !slices.Equal(got, []string{together}) {
		t.Errorf("failed: %v, expected %s alone", got, together)
	}
	for _, c := range r.Cases {
		if c.ID == together && !strings.Contains(c.Reason, "serves one client at a time") {
			t.Errorf("the reason is %q", c.Reason)
		}
	}
	if r.Unjudged < 10 || !slices.Contains(r.with(passed), oneList) {
		t.Errorf("not judged: %d; passed: %v", r.Unjudged, r.with(passed))
	}
}

// The report of a naive server is short, has its failures first, and shows what a thread has printed
// in the case in which it did. A thread for each client is told.
func TestNaiveServer(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	classroom50 := filepath.Join(folder, "result.json")
	junit, gradescope, asJSON := filepath.Join(folder, "junit.xml"), filepath.Join(folder, "results.json"), filepath.Join(folder, "all.json")
	worth := filepath.Join(folder, "points")
	if err := os.WriteFile(worth, []byte("PR3 4\nPR8/alone 2 # the list\nPR4 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status := program(t, "--exec", naive(t), "--timeout", "600ms", "--seed", "7", "--points", worth, "--hide", "PR7",
		"--report", "junit="+junit, "--report", "gradescope="+gradescope, "--report", "json="+asJSON,
		"--report", "classroom50="+classroom50)
	checkGradescope(t, gradescope)
	checkClassroom50(t, classroom50)
	if n := strings.Count(stdout, "\n"); status != 1 || n > 120 || !strings.HasPrefix(stdout, "FAILED") {
		t.Errorf("exit status %d, %d lines, expected 1, fewer than 120, failures first: %s%s", status, n, stdout, stderr)
	}
	for _, want := range []string{"a thread for each client", "IndexError", "(seed 7)", "of them are hidden"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in the report:\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "PR7/") {
		t.Error("a hidden case is told")
	}
	var suite junitSuite
	text, err := os.ReadFile(junit)
	if err == nil {
		err = xml.Unmarshal(text, &suite)
	}
	if err != nil || suite.Tests != len(suite.Cases) || suite.Failures == 0 {
		t.Errorf("junit: %v, %d tests, %d cases, %d failures", err, suite.Tests, len(suite.Cases), suite.Failures)
	}
	var graded gradescopeReport
	if text, err = os.ReadFile(gradescope); err == nil {
		err = json.Unmarshal(text, &graded)
	}
	most, hidden := 0.0, 0
	for _, c := range graded.Tests {
		if c.MaxScore != nil {
			most += *c.MaxScore
		}
		if c.Visibility == "hidden" {
			hidden++
		}
	}
	if err != nil || most < 6.99 || most > 7.01 || graded.Score != 6 || hidden < 3 {
		t.Errorf("gradescope: %v, %v of %v points, %d hidden; expected 6 of 7", err, graded.Score, most, hidden)
	}
	var r jsonReport
	if text, err = os.ReadFile(asJSON); err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil || r.Seed != 7 || !r.Complete || len(r.Cases[0].Record) == 0 {
		t.Errorf("json: %v, seed %d, complete %v", err, r.Seed, r.Complete)
	}
}

// A server at another port than it was told is told which, and is judged there.
func TestOtherPort(t *testing.T) {
	t.Parallel()
	command := "f() { exec " + pythonServer(t) + "--port 0; }; f"
	r := judge(t, 1, "--exec", command, "--timeout", impatience, "--only", "TR5,PR3/alone,PR10")
	for _, c := range r.Cases {
		switch c.ID {
		case "TR5/server-is-on":
			if c.Verdict != failed || !strings.Contains(c.Reason, "it listens at 127.0.0.1:") {
				t.Errorf("%s: %s, %s", c.ID, c.Verdict, c.Reason)
			}
		default:
			if c.Verdict != passed {
				t.Errorf("%s: %s, %s", c.ID, c.Verdict, c.Reason)
			}
		}
	}
}

// When the deadline comes, what has been found is told, and no process is left, even one that has
// called setsid and whose parent has ended.
func TestDeadline(t *testing.T) {
	t.Parallel()
	const mark = "86399.25" // seconds: no other sleep has them
	command := "(setsid sleep " + mark + " &); " + pythonServer(t) + "--break keep-refused"
	stdout, stderr, status := program(t, "--exec", command, "--timeout", impatience, "--deadline", "6s", "--json")
	var r report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	if want := 3 - 2*min(1, r.Failed); status != want || r.Passed == 0 || r.Skipped == 0 || len(r.Notes) == 0 {
		t.Errorf("exit status %d, passed: %d, failed: %d, skipped: %d, notes: %v", status, r.Passed, r.Failed, r.Skipped, r.Notes)
	}
	if left, err := exec.Command("pgrep", "-f", "^sleep "+mark).Output(); err == nil {
		t.Errorf("left running: %s", left)
	}
}

// A server that starts ever more processes is ended, and told why.
func TestTooManyProcesses(t *testing.T) {
	t.Parallel()
	command := "for i in 1 2 3 4 5 6 7 8 9; do sleep 86398.5 & done; " + pythonServer(t)
	stdout, stderr, status := program(t, "--exec", command, "--timeout", impatience, "--max-processes", "8", "--only", "PR3,PR10,TR2")
	if said := stdout + stderr; status == 0 || !strings.Contains(said, "more than 8 processes") {
		t.Errorf("exit status %d: %s", status, said)
	}
}

// The same seed gives the same names, and another one others.
func TestSeed(t *testing.T) {
	a, b, c := newRenaming(1), newRenaming(1), newRenaming(2)
	const text = "SEND alice hi\n"
	if a.rename(text) != b.rename(text) || a.rename(text) == c.rename(text) || a.rename("BAD-DEST-USER\n") != "BAD-DEST-USER\n" {
		t.Errorf("%q, %q, %q", a.rename(text), b.rename(text), c.rename(text))
	}
}
