package internal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"chatd/internal_test/conversation"
	"chatd/internal_test/daemon"
	"chatd/internal_test/stage"
	"chatd/poller/trace/tracetest"
)

// The conversations of protocol/testdata go the same way while a trace is written, and the trace
// keeps the rules of its format. Every arrow in it has an end: each SEND was answered, or its client
// left.
func TestTraceOfConversations(t *testing.T) {
	t.Parallel()
	paths, _ := filepath.Glob("../protocol/testdata/*.txt")
	if len(paths) == 0 {
		t.Fatal("protocol/testdata has no conversations")
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			talk, err := conversation.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "trace.json")
			d := daemon.Start(t, "--trace", file, "--max-users", fmt.Sprint(talk.Users), "--max-line", fmt.Sprint(talk.MaxLine))
			s := stage.New(t, d)
			for _, step := range talk.Steps {
				s.Play(step)
			}
			s.Close()
			d.AwaitDescriptors(t, 0)
			d.Stop(t)
			shown := checkTrace(t, file)
			if !shown.Closed || shown.Open() > 0 || len(shown.Tracks) < 1+s.Actors() {
				t.Errorf("the trace has its end: %v, arrows without one: %d, tracks: %q; expected one for each of %d clients",
					shown.Closed, shown.Open(), shown.Tracks, s.Actors())
			}
		})
	}
}

// A server that is killed leaves a trace that can be opened, with all turns that it has taken.
func TestTraceOfKilledServer(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "trace.json")
	d := daemon.Start(t, "--trace", file)
	alice, bob := d.Login(t, "alice"), d.Login(t, "bob")
	for range 3 {
		alice.Line("SEND bob hi")
		bob.Expect("DELIVERY alice hi")
		alice.Expect("SEND-OK")
	}
	passTurn(bob)
	d.Signal(t, syscall.SIGKILL)
	d.Wait(t)
	shown := checkTrace(t, file)
	if shown.Closed || shown.Turns < 6 || len(shown.Arrows) != 3 || shown.Open() != 0 {
		t.Errorf("%d turns, %d messages, %d of them without their answer, the array has its end: %v; expected 6 turns, 3 messages, no end",
			shown.Turns, len(shown.Arrows), shown.Open(), shown.Closed)
	}
	for number, a := range shown.Arrows {
		if a.Through == nil || !strings.HasPrefix(shown.Tracks[a.From.Track], "alice ") ||
			!strings.HasPrefix(shown.Tracks[a.Through.Track], "bob ") || a.To.Track != a.From.Track {
			t.Errorf("arrow %d leads from %+v through %+v to %+v; expected alice, bob, alice", number, a.From, a.Through, a.To)
		}
	}
}

func checkTrace(t *testing.T, file string) *tracetest.Trace {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := tracetest.Check(text)
	if err != nil {
		t.Fatal(err)
	}
	return shown
}

// A trace for which there is no room on the disk ends with one line in the log, and the server goes
// on.
func TestTraceOnFullDisk(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skipf("this test needs a full disk, /dev/full: %v", err)
	}
	d := daemon.Launch(t, daemon.Command(t, "--trace", "/dev/full"))
	daemon.Await(t, "the log tells of the end of the trace", func() bool {
		return strings.Contains(d.Stderr.String(), "no space left on device")
	})
	d.AwaitReady(t)
	d.CheckInvariants(t)
	d.Stop(t)
	if n := strings.Count(d.Stderr.String(), "level=WARN"); n != 1 {
		t.Errorf("the log has %d warnings, expected one:\n%s", n, d.Stderr)
	}
}

// A trace that cannot be begun is refused before anybody is served.
func TestTraceWhereNoneCanBe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "no", "trace.json")
	expectRefusal(t, daemon.Launch(t, daemon.Command(t, "--trace", path)), 1, path, "no such file")
}

// --trace - goes to stderr, beside the log; stdout has its one line all the same.
func TestTraceToStderr(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t, "--trace", "-")
	d.CheckInvariants(t)
	d.Stop(t)
	for _, line := range []string{
		"before the first turn\n",
		"SEND invariant-bob are you there?  =>  to invariant-bob",
		"level=INFO msg=stopping",
		"\nthe loop has ended\n",
	} {
		if !strings.Contains(d.Stderr.String(), line) {
			t.Errorf("stderr lacks %q:\n%s", line, d.Stderr)
		}
	}
}

// Nobody reads stderr, and a trace goes there: it loses lines, and nobody waits for it (as in G2).
func TestTraceToFullPipe(t *testing.T) {
	t.Parallel()
	_, writer := pipe(t)
	fill(t, writer)
	d := launchWithStderr(t, writer, "--trace", "-")
	d.AwaitReady(t)
	d.CheckInvariants(t)
	d.Stop(t)
}
