package poller

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ask asks the loop for its figures, so many times.
func (k *fakeKernel) ask(times uint64) { k.stop(times << 32) }

// contains checks that each text stands in another.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
}

// G5: asked for its figures, however often at a time, the loop logs one line, does nothing else and
// sleeps on.
func TestG5Figures(t *testing.T) {
	r := newRig(t)
	a, b := r.user("a"), r.user("b")
	r.says(a, "SEND b hello\nSEND nobody hello\n")
	b.room = 3
	r.says(a, "SEND b more\n") // queued, so that is no message yet, and a reply is pendingReplies: buffers of 48 and of 8 bytes
	r.k.ask(1000)
	r.rest()
	r.stopped(false)
	r.logged("msg=figures", 1)
	contains(t, r.log.String(), "users=2 connections=2 ", " messages=1 bytes_in=69 bytes_out=58 buffered=56 "+
		"log_lines_dropped=0 closed.bad_login=0 closed.buffer=0 closed.eof=0 ", " closed.shutdown=0\n")
	if r.k.slept != sendTimeout {
		t.Errorf("the loop sleeps for %v, expected %v as before", r.k.slept, sendTimeout)
	}
	b.reset = true // what is queued is lost, and never a message
	r.rest()
	r.k.stop(1<<32 + 1)
	r.rest()
	r.logged("msg=figures", 2)
	r.logged("msg=stopping", 1)
	r.logged(" messages=1 ", 2)
}

// A statsRig is a rig with a stats file.
type statsRig struct {
	*rig
	path string
}

func newStatsRig(t *testing.T) statsRig {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chatd.prom")
	return statsRig{newRigWith(t, Config{StatsFile: path}), path}
}

// take takes the stats file away and returns it, empty if it has not been written since.
func (r statsRig) take() string {
	r.t.Helper()
	text, err := os.ReadFile(r.path)
	if err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	os.Remove(r.path)
	return string(text)
}

// The stats file is written when something has changed, at most every 15 s, and once more after the
// last change. A server at rest sleeps.
func TestStatsFileOnlyAfterChanges(t *testing.T) {
	r := newStatsRig(t)
	contains(t, r.take(), "\nchatd_users 0\n")
	a := r.user("a")
	if text := r.take(); text != "" || r.k.slept != statsEvery {
		t.Fatalf("after a login the loop sleeps for %v and the file is %q, expected %v and none yet", r.k.slept, text, statsEvery)
	}
	r.pass(statsEvery)
	contains(t, r.take(), "\nchatd_users 1\n")
	if r.k.slept != Forever {
		t.Fatalf("with everything written the loop sleeps for %v", r.k.slept)
	}
	r.k.ask(1)
	r.pass(time.Hour)
	if text := r.take(); text != "" {
		t.Fatalf("the file was written though nothing had changed: %s", text)
	}
	r.says(a, "SEND a hello\n")
	contains(t, r.take(), "\nchatd_messages_total 1\n")
	a.reset = true
	r.rest()
	r.pass(statsEvery)
	contains(t, r.take(), "\nchatd_users 0\n", "\nchatd_connections 0\n",
		"\nchatd_connections_closed_total{reason=\"reset\"} 1\n", "\nchatd_connections_closed_total{reason=\"eof\"} 0\n")
}

// A client that was turned away was never touched, and is a change all the same.
func TestStatsFileOfThoseTurnedAway(t *testing.T) {
	r := newStatsRig(t)
	r.k.spares = true
	r.l.openReserve()
	r.rest()
	r.user("a")
	r.pass(statsEvery)
	r.take()
	r.k.limit = len(r.k.sockets)
	r.connect()
	r.pass(statsEvery)
	contains(t, r.take(), "\nchatd_connections_closed_total{reason=\"refused\"} 1\n")
}

// The spare descriptor makes room for the stats file where there is no other, and is there again
// afterwards.
func TestStatsFileTakesTheSpareDescriptor(t *testing.T) {
	r := newStatsRig(t)
	r.k.spares = true
	r.l.openReserve()
	r.user("a")
	r.pass(statsEvery)
	if times, _ := r.k.called("close", fakeSpare); times != 1 || r.l.reserve != fakeSpare {
		t.Errorf("the spare was given up %d times and is %d, expected once and %d", times, r.l.reserve, fakeSpare)
	}
}

// A file that cannot be written is complained about, no more often than it would be written, and is
// left as it was.
func TestStatsFileThatCannotBeWritten(t *testing.T) {
	r := newStatsRig(t)
	contains(t, r.take(), "\nchatd_users 0\n")
	if err := os.Mkdir(r.path, 0o755); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		r.user(string(rune('a' + n)))
		r.pass(statsEvery)
	}
	r.logged("cannot write the stats file", 3)
	if _, err := os.Stat(r.path + ".tmp"); !os.IsNotExist(err) {
		t.Errorf("the temporary file is left throttled: %v", err)
	}
}

// Whoever reads the stats file while it is replaced reads a whole one.
func TestStatsFileIsReplacedWhole(t *testing.T) {
	r := newStatsRig(t)
	r.rest()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 500 {
			r.l.writeStats()
		}
	}()
	for reads := 0; ; reads++ {
		text, err := os.ReadFile(r.path)
		if err != nil || !strings.HasPrefix(string(text), "# HELP ") || !strings.HasSuffix(string(text), "{reason=\"shutdown\"} 0\n") {
			t.Fatalf("read %d: %v, %q", reads, err, text)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}
