package service

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatd/poller"
)

// newReporter makes a reporter with a stats file, and returns the file's path and what is logged.
func newReporter(t *testing.T) (r *Reporter, path string, log *bytes.Buffer) {
	t.Helper()
	path, log = filepath.Join(t.TempDir(), "chatd.prom"), new(bytes.Buffer)
	r = &Reporter{Log: slog.New(slog.NewTextHandler(log, nil)), LogWriter: NewLogWriter(2)}
	file, err := NewStatsFile(path, r.Log)
	if err != nil {
		t.Fatal(err)
	}
	r.StatsFile, r.MaxUsers, r.MaxBuffer = file, 7, 16
	return r, path, log
}

// contains checks that each of the parts is in a text.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
}

// someStats has another value for each figure.
var someStats = poller.Stats{
	Users: 2, Connections: 3, Turns: 11, Events: 12, Logins: 8, Busy: 9, Lines: 10, Messages: 4, BytesIn: 13, BytesOut: 14,
	Buffered: 5, LongestTurn: 5 * time.Millisecond, Closed: []poller.Closed{{Reason: poller.EOF, Count: 0}, {Reason: poller.Reset, Count: 6}},
}

// The log line and the stats file have the same figures, under names on which dashboards and alarms depend.
func TestFiguresInTheLogAndInTheFile(t *testing.T) {
	r, path, log := newReporter(t)
	r.LogWriter.dropped = 15
	r.Report(poller.Requested, someStats)
	contains(t, log.String(), "msg=figures users=2 connections=3 max_users=7 logins=8 busy=9 turns=11 events=12 lines=10 messages=4 "+
		"bytes_in=13 bytes_out=14 buffered=5 max_buffer=16 log_lines_dropped=15 longest_turn=0.005000 cpu_seconds=", " closed.eof=0 closed.reset=6\n")
	r.Report(poller.Stopped, someStats) // waits for the file
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"users gauge 2", "connections gauge 3", "max_users gauge 7", "logins_total counter 8", "busy_total counter 9",
		"turns_total counter 11", "events_total counter 12", "lines_total counter 10", "messages_total counter 4",
		"received_bytes_total counter 13", "sent_bytes_total counter 14", "buffered_bytes gauge 5", "max_buffer_bytes gauge 16",
		"log_lines_dropped_total counter 15", "longest_turn_seconds gauge 0.005000",
	} {
		f := strings.Fields(want)
		contains(t, string(text), "# TYPE chatd_"+f[0]+" "+f[1]+"\nchatd_"+f[0]+" "+f[2]+"\n")
	}
	contains(t, string(text), "# TYPE chatd_connections_closed_total counter\n"+
		"chatd_connections_closed_total{reason=\"eof\"} 0\nchatd_connections_closed_total{reason=\"reset\"} 6\n")
	used := regexp.MustCompile(`\n# TYPE chatd_cpu_seconds_total counter\nchatd_cpu_seconds_total (\d+\.\d{6})\n`).FindSubmatch(text)
	if used == nil || string(used[1]) == "0.000000" {
		t.Errorf("the CPU seconds are %q in\n%s", used, text)
	}
	contains(t, string(text), fmt.Sprintf("# TYPE chatd_start_time_seconds gauge\nchatd_start_time_seconds %d\n", start.Unix()))
	contains(t, log.String(), "msg=stopped users=2 ")
	if strings.Contains(log.String(), fmt.Sprint(start.Unix())) {
		t.Errorf("the log tells the start, which its first line has:\n%s", log)
	}
	// Each kind of report has the longest turn since the last one of its kind.
	quiet := someStats
	quiet.LongestTurn = 0
	r.Report(poller.Requested, quiet)
	r.Report(poller.Requested, quiet)
	if text := log.String(); strings.Count(text, " longest_turn=0.005000 ") != 2 || strings.Count(text, " longest_turn=0.000000 ") != 2 {
		t.Errorf("expected a long turn twice and then none:\n%s", text)
	}
}

// The collector of node_exporter runs as another user: all may read the file, and only the server may
// write it.
func TestStatsFileMode(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path := filepath.Join(t.TempDir(), "chatd.prom")
	if err := replace(path, nil); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
		t.Errorf("the mode is %v (%v), want -rw-r--r--", info.Mode(), err)
	}
}

// A file that cannot be written is a warning, and the next one is written all the same.
func TestStatsFileThatCannotBeWritten(t *testing.T) {
	r, path, log := newReporter(t)
	dir := filepath.Dir(path)
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	r.Report(poller.Stopped, someStats)
	contains(t, log.String(), "cannot write the stats file")
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	if err := replace(path, []byte("next\n")); err != nil {
		t.Error(err)
	}
}

// G15: the temporary file's place is taken by a FIFO without a reader, which would block an open for
// writing, or by a link to a file that must not be overwritten.
func TestG15OnlyARegularFileIsWritten(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "chatd.prom"), filepath.Join(dir, "other")
	if err := syscall.Mkfifo(path+".tmp", 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replace(path, []byte("x")); err == nil {
		t.Error("a FIFO was replaced")
	}
	os.Remove(path + ".tmp")
	os.WriteFile(other, []byte("other"), 0o600)
	os.Symlink(other, path+".tmp")
	if err := replace(path, []byte("x")); err == nil {
		t.Error("a link was followed or replaced")
	}
	if text, _ := os.ReadFile(other); string(text) != "other" {
		t.Errorf("behind the link stands %q", text)
	}
	os.Remove(path + ".tmp")
	os.WriteFile(path+".tmp", []byte("left by a process that was killed"), 0o600)
	if err := replace(path, []byte("x")); err != nil {
		t.Errorf("a temporary file that was left: %v", err)
	}
}

// G15: the disk does not answer. The loop's call returns, as often as it is made, and the end of the
// process waits for a bounded time.
func TestG15AHungDiskHoldsUpNothing(t *testing.T) {
	r, _, log := newReporter(t)
	close(r.StatsFile.next) // ends the goroutine
	<-r.StatsFile.written
	r.StatsFile.next, r.StatsFile.written = make(chan figures, 1), make(chan struct{}) // nothing reads it
	unwaited(t, func() {
		for range 100 {
			r.Report(poller.Changed, someStats)
		}
		r.Report(poller.Stopped, someStats)
	})
	contains(t, log.String(), "the file system does not answer")
}

// G19: as root, a stats file replaced a device by renaming over it.
func TestG19OnlyARegularFileIsReplaced(t *testing.T) {
	dir := t.TempDir()
	fifo, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	os.Symlink(filepath.Join(dir, "nothing"), link)
	for _, path := range []string{"/dev/null", dir, fifo, link} {
		if _, err := NewStatsFile(path, slog.Default()); err == nil {
			t.Errorf("%s is accepted as a stats file", path)
		}
		if err := replace(path, []byte("x")); err == nil {
			t.Errorf("%s was replaced", path)
		}
	}
}

// A reader of the stats file while it is replaced reads a whole one.
func TestStatsFileIsReplacedWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chatd.prom")
	text := bytes.Repeat([]byte("x"), 10_000)
	if err := replace(path, text); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 500 {
			replace(path, text)
		}
	}()
	for reads := 0; ; reads++ {
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, text) {
			t.Fatalf("read %d: %v, %d bytes", reads, err, len(got))
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

// guard is how long a test waits for what must happen.
const guard = 10 * time.Second
