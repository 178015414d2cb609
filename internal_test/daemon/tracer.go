package daemon

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A Tracer is strace(1), attached to a running daemon. It has system calls fail, with a count of
// its own for each thread, and writes a trace.
type Tracer struct {
	t       testing.TB
	command *exec.Cmd
	ended   func() bool
	trace   string // path
}

// Attach traces the daemon. The test is skipped where that cannot be done.
func (d *Daemon) Attach(t testing.TB, arguments ...string) *Tracer {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err != nil {
		t.Skipf("this test needs strace: %v", err)
	}
	tr := &Tracer{t: t, trace: filepath.Join(t.TempDir(), "trace")}
	tr.command = exec.Command(path, append([]string{"-f", "-p", fmt.Sprint(d.PID()), "-o", tr.trace}, arguments...)...)
	said := new(Transcript)
	tr.command.Stderr = said
	if err := tr.command.Start(); err != nil {
		t.Fatal(err)
	}
	tr.ended = InBackground(func() { tr.command.Wait() })
	t.Cleanup(func() { tr.Detach() })
	Await(t, "strace is attached", func() bool {
		if tr.ended() {
			if strings.Contains(said.String(), "not permitted") {
				t.Skipf("this test needs leave to trace processes: %s", said)
			}
			t.Fatalf("strace: %s", said)
		}
		return strings.Contains(said.String(), " attached")
	})
	return tr
}

// Detach ends the tracing and returns the trace.
func (tr *Tracer) Detach() string {
	tr.t.Helper()
	tr.command.Process.Signal(unix.SIGINT)
	for deadline := time.Now().Add(Patience); !tr.ended(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) { // as when the daemon has died of what it met
			tr.command.Process.Kill()
		}
	}
	return tr.Seen()
}

// Seen is the trace so far.
func (tr *Tracer) Seen() string {
	tr.t.Helper()
	text, err := os.ReadFile(tr.trace)
	if err != nil {
		tr.t.Fatal(err)
	}
	return string(text)
}

// Injected reports whether strace has had each of the system calls fail. A test in which none did
// shows nothing.
func Injected(trace string, calls ...string) bool {
	return !slices.ContainsFunc(calls, func(call string) bool {
		failed := regexp.MustCompile(`(?m)^.* ` + call + `[ (].*\(INJECTED\)$`)
		return !failed.MatchString(trace)
	})
}
