package daemon

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// LaunchWithStderr launches chatd on a port that is known, since its log cannot tell it, and waits
// for "Server is on".
func LaunchWithStderr(t testing.TB, stderr *os.File, flags ...string) *Daemon {
	t.Helper()
	command := Command(t, append(flags, "--port", ReservePort(t))...)
	command.Stderr = stderr
	d := Launch(t, command)
	d.AwaitReady(t)
	return d
}

// A Log is the log of a chatd at level debug, in a file: unlike a pipe, a file takes every line.
type Log struct{ path string }

// StartLogged runs chatd with flags and a Log, and waits until it is ready.
func StartLogged(t testing.TB, flags ...string) (*Daemon, Log) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	return LaunchWithStderr(t, file, append([]string{"--log-level", "debug"}, flags...)...), Log{file.Name()}
}

var closedLine = regexp.MustCompile(`level=DEBUG msg=closed reason=(\w+) client=\S+ peer=(\S+) name=(\S+)\n`)

// Closed is how many connections have ended, by reason.
func (l Log) Closed(t testing.TB) map[string]int {
	t.Helper()
	count := make(map[string]int)
	for _, match := range closedLine.FindAllStringSubmatch(l.Text(t), -1) {
		count[match[1]]++
	}
	return count
}

// ExpectClosed waits until so many connections have ended for a reason, and expects that none has
// for another.
func (l Log) ExpectClosed(t testing.TB, reason string, times int) {
	t.Helper()
	count := make(map[string]int)
	for deadline := time.Now().Add(Patience); count[reason] < times && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
		count = l.Closed(t)
	}
	if len(count) != 1 || count[reason] != times {
		t.Fatalf("connections have ended for %v, expected %d for %s and no other", count, times, reason)
	}
}

// ExpectAtLeast waits until so many connections have ended for a reason.
func (l Log) ExpectAtLeast(t testing.TB, reason string, times int) {
	t.Helper()
	Await(t, "connections have ended for "+reason, func() bool { return l.Closed(t)[reason] >= times })
}

// Find returns the first line that contains all texts; empty: there is none.
func (l Log) Find(t testing.TB, texts ...string) string {
	t.Helper()
	for line := range strings.Lines(l.Text(t)) {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			return line
		}
	}
	return ""
}

// Text is the whole log so far.
func (l Log) Text(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(l.path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// AwaitLog waits until stderr has a text.
func (d *Daemon) AwaitLog(t testing.TB, text string) {
	t.Helper()
	Await(t, "stderr says "+text, func() bool { return strings.Contains(d.Stderr.String(), text) })
}

// ExpectLoggedOnce expects exactly one line of the log to say that a client was closed for a reason.
func (d *Daemon) ExpectLoggedOnce(t testing.TB, reason string) {
	t.Helper()
	text := "msg=closing reason=" + reason + " "
	d.AwaitLog(t, text)
	if n := strings.Count(d.Stderr.String(), text); n != 1 {
		t.Errorf("%d lines of the log tell of the reason %s, expected 1:\n%s", n, reason, d.Stderr)
	}
}

// ExpectLimited expects a message in the log, at most once a second since a moment before which it
// cannot have been there.
func (d *Daemon) ExpectLimited(t testing.TB, message string, since time.Time) {
	t.Helper()
	n, most := strings.Count(d.Stderr.String(), message), 1+int(time.Since(since).Seconds())
	if n < 1 || n > most {
		t.Errorf("%d lines of the log say %q, expected 1 to %d:\n%.2000s", n, message, most, d.Stderr)
	}
}

// ExpectRefusal expects a start to fail with a status and with one line on stderr that contains
// texts.
func (d *Daemon) ExpectRefusal(t testing.TB, status int, texts ...string) {
	t.Helper()
	if got := d.Wait(t); got != status {
		t.Errorf("exit status %d, expected %d", got, status)
	}
	said := d.Stderr.String()
	if !strings.HasPrefix(said, "chatd: ") || strings.Count(said, "\n") != 1 || !strings.HasSuffix(said, "\n") {
		t.Errorf("stderr is %q, expected one line", said)
	}
	for _, text := range texts {
		if !strings.Contains(said, text) {
			t.Errorf("stderr is %q, expected it to contain %s", said, text)
		}
	}
	if out := d.Stdout.String(); out != "" {
		t.Errorf("stdout is %q, expected nothing", out)
	}
}

// SkipWith skips the rest of a test with the pollers that lack what it needs.
func SkipWith(t testing.TB, reason string, pollers ...string) {
	t.Helper()
	if slices.Contains(pollers, Poller) {
		t.Skipf("not with --poller %s, which %s", Poller, reason)
	}
}
