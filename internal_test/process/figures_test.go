package process_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

// traffic lets ada and bob talk, three others come and go, and says what the figures must be after
// it, by their names in the log.
func traffic(t *testing.T, d *daemon.Daemon) map[string]int {
	t.Helper()
	p := d.LoginPair(t)
	p.Talk(3)
	d.ExpectRejected(t, "nonsense", "BAD-RQST-HDR")
	d.Login(t, "cid").Leave()
	d.Login(t, "dan").Reset()
	p.Ada.AwaitList("ada", "bob")
	d.AwaitDescriptors(t, 2)
	return map[string]int{
		"users": 2, "connections": 2, "messages": 3, "buffered": 0, "log_lines_dropped": 0,
		"closed.bad_login": 1, "closed.eof": 1, "closed.reset": 1, "closed.in_use": 0, "closed.shutdown": 0,
	}
}

var figure = regexp.MustCompile(`([a-z_.]+)=(\d+)(?: |$)`)

// logged returns the figures of the only line of the log with a message, or nil if it has none yet.
func logged(t *testing.T, d *daemon.Daemon, message string) map[string]int {
	t.Helper()
	_, line, found := strings.Cut(d.Stderr.String(), "level=INFO msg="+message+" ")
	line, rest, whole := strings.Cut(line, "\n")
	if !found || !whole {
		return nil
	}
	if strings.Contains(rest, "msg="+message+" ") {
		t.Fatalf("the log says %s more than once:\n%s", message, d.Stderr)
	}
	figures := make(map[string]int)
	for _, match := range figure.FindAllStringSubmatch(line, -1) {
		figures[match[1]], _ = strconv.Atoi(match[2])
	}
	return figures
}

func expectFigures(t *testing.T, got, expected map[string]int) {
	t.Helper()
	for name, n := range expected {
		if value, ok := got[name]; !ok || value != n {
			t.Errorf("%s is %d (there: %v), expected %d, in %v", name, value, ok, n, got)
		}
	}
}

// G5: SIGUSR1 asks for the figures. They are one line of the log, they are right, and the server
// goes on sleeping. At the end they come once more.
func TestG5Figures(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	expected := traffic(t, d)
	d.Signal(t, syscall.SIGUSR1)
	var got map[string]int
	daemon.Await(t, "the figures are in the log", func() bool {
		got = logged(t, d, "figures")
		return got != nil
	})
	expectFigures(t, got, expected)
	for _, name := range []string{"turns", "events", "bytes_in", "bytes_out"} {
		if got[name] < 10 {
			t.Errorf("%s is %d after all that", name, got[name])
		}
	}
	d.ExpectIdle(t)
	d.Stop(t)
	expected["users"], expected["connections"], expected["closed.shutdown"] = 0, 0, 2
	expectFigures(t, logged(t, d, "stopped"), expected)
}

// G5: bytes are counted as they are read and taken, to the last.
func TestG5Bytes(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	ada := d.Login(t, "ada")
	ada.Line("SEND ada hi", "SEND eve hi")
	ada.Expect("DELIVERY ada hi", "SEND-OK", "BAD-DEST-USER")
	d.Stop(t)
	expectFigures(t, logged(t, d, "stopped"), map[string]int{
		"messages":  1,
		"bytes_in":  len("HELLO-FROM ada\nSEND ada hi\nSEND eve hi\n"),
		"bytes_out": len("HELLO ada\nDELIVERY ada hi\nSEND-OK\nBAD-DEST-USER\n"),
	})
}

// G5: a thousand signals while a pair talks. No message is lost or late for ever, and a signal to
// stop is not lost among them.
func TestG5SignalsWhileAPairTalks(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	p := d.LoginPair(t)
	for range 1000 {
		d.Signal(t, syscall.SIGUSR1)
		p.Talk(1)
	}
	for range 100 {
		d.Signal(t, syscall.SIGUSR1)
	}
	d.CheckInvariants(t, "ada", "bob")
	d.Stop(t)
}

// startWithStats runs chatd with a stats file, and waits until it is there.
func startWithStats(t *testing.T) (*daemon.Daemon, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chatd.prom")
	d := daemon.Start(t, "--stats-file", path)
	daemon.Await(t, "the stats file is there", func() bool {
		_, err := os.Stat(path)
		return err == nil
	})
	return d, path
}

// readStats reads the stats file, by the names that Prometheus would have. Each has its two lines of
// description.
func readStats(t *testing.T, path string) map[string]float64 {
	t.Helper()
	stats, described := make(map[string]float64), make(map[string]int)
	for _, line := range strings.Split(strings.TrimSuffix(string(contents(t, path)), "\n"), "\n") {
		if words := strings.Fields(line); words[0] == "#" {
			described[words[2]]++
			continue
		}
		name, value, _ := strings.Cut(line, " ")
		metric, _, _ := strings.Cut(name, "{")
		var err error
		if stats[name], err = strconv.ParseFloat(value, 64); err != nil || described[metric] != 2 {
			t.Errorf("line %q: %v; %s has %d lines of HELP and TYPE, expected 2", line, err, metric, described[metric])
		}
	}
	return stats
}

// The stats file holds the figures after the last change, is left alone while nothing changes, and
// is written at the end.
func TestStatsFile(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits until the file may be written again")
	}
	d, path := startWithStats(t)
	expected := map[string]float64{
		"chatd_users": 2, "chatd_connections": 2, "chatd_messages_total": 3, "chatd_buffered_bytes": 0,
		"chatd_log_lines_dropped_total":                         0,
		`chatd_connections_closed_total{reason="eof"}`:          1,
		`chatd_connections_closed_total{reason="bad_login"}`:    1,
		`chatd_connections_closed_total{reason="send_timeout"}`: 0,
	}
	traffic(t, d)
	daemon.Await(t, "the stats file is up to date", func() bool { return readStats(t, path)["chatd_users"] == 2 })
	stats := readStats(t, path)
	for name, n := range expected {
		if value, ok := stats[name]; !ok || value != n {
			t.Errorf("%s is %v (there: %v), expected %v", name, value, ok, n)
		}
	}
	if since := time.Since(time.Unix(int64(stats["chatd_start_time_seconds"]), 0)); since < 0 || since > time.Hour {
		t.Errorf("it is said to have started %v ago", since)
	}
	written, _ := os.Stat(path)
	d.ExpectIdle(t)
	if now, err := os.Stat(path); err != nil || !os.SameFile(written, now) {
		t.Errorf("the file was written again though nothing had changed: %v", err)
	}
	d.Stop(t)
	if users := readStats(t, path)["chatd_users"]; users != 0 {
		t.Errorf("after the end %v users are there, expected none", users)
	}
	if leftover, _ := filepath.Glob(path + "*"); len(leftover) != 1 {
		t.Errorf("there are %q, expected the stats file alone", leftover)
	}
}

// The figures and the reasons of the stats file are those that docs/operation.md lists: an alarm on a name
// that the server does not write never comes.
func TestStatsFileHasWhatTheManualLists(t *testing.T) {
	t.Parallel()
	d, path := startWithStats(t)
	d.Stop(t)
	manual := string(contents(t, "../../docs/operation.md"))
	_, table, _ := strings.Cut(manual, "\n| figure | ")
	table, rest, _ := strings.Cut(table, "\nThe reasons: ")
	reasons, _, _ := strings.Cut(rest, "\n\n")
	var listed []string
	for line := range strings.Lines(table) {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " |")
		for _, name := range regexp.MustCompile(`chatd_\w+`).FindAllString(first, -1) {
			if name != "chatd_connections_closed_total" {
				listed = append(listed, name)
			}
		}
	}
	for _, found := range regexp.MustCompile("`([a-z_]+)` (?:and|it|the|its|there)").FindAllStringSubmatch(reasons, -1) {
		listed = append(listed, "chatd_connections_closed_total{reason=\""+found[1]+"\"}")
	}
	slices.Sort(listed)
	if written := slices.Sorted(maps.Keys(readStats(t, path))); !slices.Equal(written, listed) {
		t.Errorf("written:\n%q\nlisted:\n%q", written, listed)
	}
}

// The stats file cannot be written. The log says so each time, and the server serves.
func TestStatsFileCannotBeWritten(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t, "--stats-file", filepath.Join(t.TempDir(), "missing", "chatd.prom"))
	d.CheckInvariants(t)
	const complaint = `level=WARN msg="cannot write the stats file"`
	d.Stop(t)
	if n := strings.Count(d.Stderr.String(), complaint); n < 2 || n > 3 { // at the start, after the first change, at the end
		t.Errorf("the log says it %d times, expected 2 or 3:\n%s", n, d.Stderr)
	}
}

// Prometheus' own tool finds nothing wrong with the stats file.
func TestStatsFileIsWellFormed(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed")
	}
	d, path := startWithStats(t)
	traffic(t, d)
	d.Stop(t)
	text := contents(t, path)
	check := exec.Command(tool, "check", "metrics")
	check.Stdin = bytes.NewReader(text)
	if said, err := check.CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("promtool: %v\n%s\n%s", err, said, text)
	}
}

// Prometheus accepts the alerts, each fires when it should and not otherwise, and each figure and reason
// in them is one that the server writes.
func TestAlerts(t *testing.T) {
	t.Parallel()
	const rules, tests = "../../docs/prometheus/alerts.yml", "../../docs/prometheus/alerts_test.yml"
	d, path := startWithStats(t)
	d.Stop(t)
	written, text := string(contents(t, path)), string(contents(t, rules))
	for _, figure := range regexp.MustCompile(`chatd_[a-z_]+`).FindAllString(text, -1) {
		if !strings.Contains(written, "# TYPE "+figure+" ") {
			t.Errorf("the server writes no figure %s", figure)
		}
	}
	for _, match := range regexp.MustCompile(`reason=~?"([a-z_|]+)"`).FindAllStringSubmatch(text, -1) {
		for _, reason := range strings.Split(match[1], "|") {
			if !strings.Contains(written, fmt.Sprintf("{reason=%q} ", reason)) {
				t.Errorf("the server writes no reason %s", reason)
			}
		}
	}
	for _, match := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(string(contents(t, tests)), "alertname: "+match[1]+"\n") {
			t.Errorf("alert %s has no test", match[1])
		}
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skipf("this test needs promtool: %v", err)
	}
	for _, arguments := range [][]string{{"check", "rules", rules}, {"test", "rules", tests}} {
		if said, err := exec.Command(promtool, arguments...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", arguments, err, said)
		}
	}
}
