package internal_test

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

// A logbook is the log of a chatd at level debug, in a file: unlike a pipe, a file takes every
// line.
type logbook struct{ path string }

// startLogged runs chatd with flags and a logbook, and waits until it is ready.
func startLogged(t *testing.T, flags ...string) (*daemon.Daemon, logbook) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	d := launchWithStderr(t, file, append([]string{"--log-level", "debug"}, flags...)...)
	d.AwaitReady(t)
	return d, logbook{file.Name()}
}

var closedLine = regexp.MustCompile(`level=DEBUG msg=closed reason=(\w+) client=\S+ peer=(\S*)\n`)

// closed is how many connections have ended, by reason.
func (l logbook) closed(t *testing.T) map[string]int {
	t.Helper()
	count := make(map[string]int)
	for _, match := range closedLine.FindAllStringSubmatch(l.text(t), -1) {
		count[match[1]]++
	}
	return count
}

// expectClosed waits until so many connections have ended for a reason, and expects that none has
// for another.
func (l logbook) expectClosed(t *testing.T, reason string, times int) {
	t.Helper()
	count := make(map[string]int)
	for deadline := time.Now().Add(daemon.Patience); count[reason] < times && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
		count = l.closed(t)
	}
	if len(count) != 1 || count[reason] != times {
		t.Fatalf("connections have ended for %v, expected %d for %s and no other", count, times, reason)
	}
}

func (l logbook) text(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(l.path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReasons: "why was I closed?" Every reason for which a connection ends is provoked once, and
// is what the log says of that connection and of no other. A witness stays connected. (refused:
// TestReasonRefused.)
func TestReasons(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason  string
		flags   string
		provoke func(*testing.T, *daemon.Daemon)
	}{
		{"eof", "", func(t *testing.T, d *daemon.Daemon) { d.Login(t, "leaves").Leave() }},
		{"reset", "", func(t *testing.T, d *daemon.Daemon) { d.Login(t, "resets").Reset() }},
		{"bad_login", "", func(t *testing.T, d *daemon.Daemon) { dismissed(t, d, "nonsense", "BAD-RQST-HDR") }},
		{"in_use", "", func(t *testing.T, d *daemon.Daemon) { dismissed(t, d, "HELLO-FROM witness", "IN-USE") }},
		{"evicted", "", func(t *testing.T, d *daemon.Daemon) {
			stranger := d.Dial(t)
			d.AwaitDescriptors(t, 2)
			lowerLimit(t, d, lowestFree(t, d))
			d.Dial(t)
			stranger.ExpectEOF()
		}},
		{"login_timeout", "--login-timeout 100ms", func(t *testing.T, d *daemon.Daemon) { d.Dial(t).ExpectEOF() }},
		{"send_timeout", "--send-timeout 100ms", func(t *testing.T, d *daemon.Daemon) {
			d.Login(t, "stalled", daemon.ReceiveBuffer(1)).Line("SEND stalled " + strings.Repeat("x", 512<<10))
		}},
		{"buffer", "--max-buffer 1MiB --max-line 4MiB", func(t *testing.T, d *daemon.Daemon) {
			go io.WriteString(d.Login(t, "hoards").Conn, "SEND hoards "+strings.Repeat("x", 2<<20))
		}},
		{"shutdown", "", func(t *testing.T, d *daemon.Daemon) { d.Signal(t, syscall.SIGTERM) }},
	} {
		t.Run(test.reason, func(t *testing.T) {
			d, log := startLogged(t, strings.Fields(test.flags)...)
			witness := d.Login(t, "witness")
			test.provoke(t, d)
			log.expectClosed(t, test.reason, 1)
			if test.reason == "shutdown" {
				witness.ExpectEOF()
			} else {
				witness.ExpectNothingBefore("LIST", "LIST-OK witness")
			}
		})
	}
}

// dismissed is a client whose first line earns an answer that closes.
func dismissed(t *testing.T, d *daemon.Daemon, line, answer string) {
	t.Helper()
	c := d.Dial(t)
	c.Line(line)
	c.Expect(answer)
	c.ExpectEOF()
	c.Close()
}
