package process_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"chatd/internal_test/conversation"
	"chatd/internal_test/daemon"
	"chatd/internal_test/player"
	"chatd/poller/trace/tracetest"
)

// The conversations of protocol/testdata go the same way while a trace is written, and the trace
// keeps the rules of its format. Every arrow in it has an end: each SEND was answered, or its client
// left.
func TestTraceOfConversations(t *testing.T) {
	t.Parallel()
	conversation.Each(t, func(t *testing.T, talk *conversation.Conversation) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "trace.json")
		d := daemon.Start(t, append(talk.Flags(), "--trace", file)...)
		p := player.New(t, &player.TCP{Address: d.Address})
		p.Hold(talk)
		p.Close()
		d.AwaitDescriptors(t, 0)
		d.Stop(t)
		shown := checkTrace(t, file)
		if shown.End != "the loop has ended" || shown.Open() > 0 || len(shown.Tracks) < 1+len(p.Clients) {
			t.Errorf("the trace ends with %q, %d arrows have no end, tracks: %q; expected one for each of %d clients",
				shown.End, shown.Open(), shown.Tracks, len(p.Clients))
		}
	})
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
	bob.PassTurn()
	d.Signal(t, syscall.SIGKILL)
	d.Wait(t)
	shown := checkTrace(t, file)
	if shown.End != "" || shown.Turns < 6 || shown.Sleeps < shown.Turns || len(shown.Arrows) != 3 || shown.Open() != 0 {
		t.Errorf("%d turns, %d sleeps, %d messages, %d of them without their answer, the end is %q; expected 6 turns and sleeps, 3 messages, no end",
			shown.Turns, shown.Sleeps, len(shown.Arrows), shown.Open(), shown.End)
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

// A trace on a full disk ends with one line in the log, and the server goes on.
func TestTraceOnFullDisk(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skipf("this test needs a full disk, /dev/full: %v", err)
	}
	d := daemon.Launch(t, daemon.Command(t, "--trace", "/dev/full"))
	d.AwaitLog(t, "no space left on device")
	d.AwaitReady(t)
	d.CheckInvariants(t)
	d.Stop(t)
	if n := strings.Count(d.Stderr.String(), "level=WARN"); n != 1 {
		t.Errorf("the log has %d warnings, expected one:\n%s", n, d.Stderr)
	}
}

// A trace that cannot be begun is refused before a client is served.
func TestTraceWhereNoneCanBe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "no", "trace.json")
	daemon.Launch(t, daemon.Command(t, "--trace", path)).ExpectRefusal(t, 1, path, "no such file")
}

// --trace - goes to stderr, beside the log; stdout has its one line all the same.
func TestTraceToStderr(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t, "--trace", "-")
	d.CheckInvariants(t)
	d.Stop(t)
	for _, line := range []string{
		"before the first turn\n",
		"\n  wait     ",
		" \"SEND invariant-bob are you there?\"\n",
		"level=INFO msg=stopping",
		"\nthe loop has ended\n",
	} {
		if !strings.Contains(d.Stderr.String(), line) {
			t.Errorf("stderr lacks %q:\n%s", line, d.Stderr)
		}
	}
}

// A trace goes to a full stderr without a reader: it loses lines, and the server does not wait (as in
// G2).
func TestTraceToFullPipe(t *testing.T) {
	t.Parallel()
	_, writer := pipe(t)
	fill(t, writer)
	d := daemon.LaunchWithStderr(t, writer, "--trace", "-")
	d.CheckInvariants(t)
	d.Stop(t)
}
