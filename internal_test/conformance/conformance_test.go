package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"chatd/internal_test/daemon"
)

// The tests run this executable again as the program itself: it ends all its descendants.
func TestMain(m *testing.M) {
	if os.Getenv("CONFORMANCE_PROGRAM") != "" {
		main()
	}
	os.Exit(daemon.Main(m))
}

// program runs the whole program, and returns its output and its exit status.
func program(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errors bytes.Buffer
	command := exec.Command(os.Args[0], args...)
	command.Env = append(os.Environ(), "CONFORMANCE_PROGRAM=1",
		"CLASSROOM=cs", "ASSIGNMENT=chat", "USERNAME=ann", "SUBMISSION_TAG=submit/1", // as Classroom 50 says them
		"COMMIT_URL=https://host/commit", "RELEASE_URL=https://host/release")
	command.Stdout, command.Stderr = &out, &errors
	if err := command.Run(); err != nil && command.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errors.String(), command.ProcessState.ExitCode()
}

// A report is what a grader reads.
type report struct {
	status int

	Passed, Failed, Observed, Differs, Skipped, Unjudged int
	AtRest                                               string `json:"at_rest"`
	Notes                                                []string
	Cases                                                []struct {
		ID, Title, Reason   string
		Rules               []string
		Level               level
		Verdict             verdict
		Sent, Expected, Got []string
	}
}

// with returns the IDs of the cases that have a verdict.
func (r report) with(v verdict) []string {
	var ids []string
	for _, c := range r.Cases {
		if c.Verdict == v {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// patience is how long a test waits for what comes, on a machine that is busy.
const patience = "10s"

// judge runs the whole program and reads its JSON.
func judge(t *testing.T, status int, args ...string) report {
	t.Helper()
	r, got := judgeAny(t, args...), 0
	if r.Failed > 0 {
		got = 1
	}
	if got != status || r.status != status {
		t.Fatalf("%q: exit status %d, expected %d; failed: %v", args, r.status, status, r.with(failed))
	}
	return r
}

// judgeAny is judge for any exit status but those of a run that found out nothing.
func judgeAny(t *testing.T, args ...string) report {
	t.Helper()
	stdout, stderr, status := program(t, append([]string{"--timeout", patience, "--json"}, args...)...)
	r := report{status: status}
	if stderr != "" {
		t.Logf("stderr: %s", stderr)
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%q: %v in %s", args, err, stdout)
	}
	return r
}

var findPython = sync.OnceValues(func() (string, error) {
	path, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	return strings.TrimSpace(string(path)), err
})

// python is the interpreter itself, and no script that looks for it.
func python(t *testing.T) string {
	t.Helper()
	path, err := findPython()
	if err != nil {
		t.Skipf("no Python here: %v", err)
	}
	return path
}

// A server that runs already is tested too. What needs its death is left out.
func TestTarget(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t, "--max-users", "16")
	r := judge(t, 0, "--target", d.Address, "--only", "PR3,PR10,PR12,TR")
	if left := []string{"PR12/killed", "TR2/at-rest", "TR2/closes", "TR2/memory", "TR5/server-is-on"}; !slices.Equal(r.with(skipped), left) || r.Passed != len(r.Cases)-len(left) {
		t.Errorf("skipped: %v, expected %v; failed: %v, differs: %v", r.with(skipped), left, r.with(failed), r.with(differs))
	}
	d.CheckInvariants(t)
}

// The server as the lab starts it. It builds chatd first, which may take long, so it is built
// before.
func TestLab(t *testing.T) {
	t.Parallel()
	command := "TMPDIR=" + t.TempDir() + " " + python(t) + " ../lab/server.py"
	if output, err := exec.Command("sh", "-c", command+" --version").CombinedOutput(); err != nil {
		t.Fatalf("%s --version: %v\n%s", command, err, output)
	}
	r := judge(t, 0, "--exec", command, "--only", "PR12,PR15,TR1,TR5")
	if r.Passed != len(r.Cases) {
		t.Errorf("failed: %v, differs: %v, skipped: %v", r.with(failed), r.with(differs), r.with(skipped))
	}
}

// Each rule has a case that a server can fail.
func TestEachRuleHasACase(t *testing.T) {
	cases, err := allCases()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, c := range cases {
		if err := c.check(); err != nil || seen[c.ID] {
			t.Errorf("%s: %v, or twice", c.ID, err)
		}
		seen[c.ID] = true
		if c.Level == must {
			for _, rule := range append(c.Also, c.rule()) {
				seen[rule] = true
			}
		}
	}
	for rule := range rules {
		if !seen[rule] {
			t.Errorf("no case that must hold is about %s: %s", rule, rules[rule])
		}
	}
}

func TestChoose(t *testing.T) {
	for only, want := range map[string]struct {
		among string
		not   string
	}{
		"PR12":              {"PR12/oneself PR12/killed PR10/deliver", "PR1/pieces PR13/unknown"},
		"PR1":               {"PR1/pieces", "PR10/deliver PR12/killed"},
		"TR":                {"TR1/sixteen TR2/idle", "PR1/pieces UR1/space"},
		"UR1/space,PR5":     {"UR1/space PR5/in-use", "UR2/comma"},
		"PR12/oneself":      {"PR12/oneself", "PR12/killed"},
		"PR12/oneself,PR16": {"PR12/oneself PR16/unknown", "PR12/killed"},
	} {
		cases, _ := allCases()
		chosen, err := choose(cases, only, "")
		if err != nil {
			t.Errorf("--only %s: %v", only, err)
		}
		var ids []string
		for _, c := range chosen {
			ids = append(ids, c.ID)
		}
		for _, id := range strings.Fields(want.among) {
			if !slices.Contains(ids, id) {
				t.Errorf("--only %s: %s is not among %v", only, id, ids)
			}
		}
		for _, id := range strings.Fields(want.not) {
			if slices.Contains(ids, id) {
				t.Errorf("--only %s: %s is among %v", only, id, ids)
			}
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args   string
		status int
		says   string
	}{
		{"--help", 0, "usage:"},
		{"--list --only PR12", 0, "PR12/oneself"},
		{"", 2, "--exec or --target"},
		{"--target 127.0.0.1:1 --only PR99", 2, "no such case"},
		{"--exec true extra", 2, "needs quotes"},
		{"--exec true --no-args", 2, "--target"},
		{"--exec true --timeout 0s", 2, "above 0"},
		{"--exec false", 2, "has ended instead of serving"},
		{"--target 127.0.0.1:1", 2, "could not connect"},
	} {
		stdout, stderr, status := program(t, strings.Fields(c.args)...)
		if said := stdout + stderr; status != c.status || !strings.Contains(said, c.says) {
			t.Errorf("%s: exit status %d, expected %d, and %q in %s", c.args, status, c.status, c.says, said)
		}
	}
}
