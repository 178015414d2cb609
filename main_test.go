package main

import (
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
)

// TestA15Capacity: limits of descriptors from tiny to those of container runtimes give a sane
// number of users, and what was asked for is never silently less.
func TestA15Capacity(t *testing.T) {
	for _, c := range []struct {
		limit   uint64
		asked   int
		users   int
		refusal string
	}{
		{limit: 64, users: 16}, // as many as TR1 wants
		{limit: 49, users: 1},
		{limit: 48, refusal: "must be above 48"},
		{limit: 0, refusal: "must be above 48"},
		{limit: 1024, users: 976},
		{limit: 1024, asked: 976, users: 976},
		{limit: 1024, asked: 977, refusal: "at most 976 do"}, // A10
		{limit: 1 << 20, users: 1<<20 - 48},
		{limit: 1 << 30, users: 1 << 20},
		{limit: 1<<64 - 1, users: 1 << 20}, // RLIM_INFINITY
		{limit: 1 << 30, asked: 5_000_000, users: 5_000_000},
	} {
		users, err := capacity(c.limit, c.asked)
		switch {
		case c.refusal == "" && (err != nil || users != c.users):
			t.Errorf("capacity(%d, %d) = %d, %v; want %d", c.limit, c.asked, users, err, c.users)
		case c.refusal != "" && (err == nil || !strings.Contains(err.Error(), c.refusal)):
			t.Errorf("capacity(%d, %d) = %d, %v; want an error with %q", c.limit, c.asked, users, err, c.refusal)
		}
	}
}

// TestFlags: the long and the short form of a flag say the same, and without flags the defaults of
// the usage text hold.
func TestFlags(t *testing.T) {
	defaults := options{
		host: "127.0.0.1", port: 5378, maxLine: 1 << 20, maxBuffer: 256 << 20,
		sendTimeout: 30 * time.Second, poller: "epoll",
	}
	for args, want := range map[string]func(*options){
		"":                          func(*options) {},
		"-a ::1 -p 0":               func(o *options) { o.host, o.port = "::1", 0 },
		"--address localhost":       func(o *options) { o.host = "localhost" },
		"--port=65535":              func(o *options) { o.port = 65535 },
		"--max-users 16":            func(o *options) { o.maxUsers = 16 },
		"--max-line 4096":           func(o *options) { o.maxLine = 4096 },
		"--max-line 64KiB":          func(o *options) { o.maxLine = 64 << 10 },
		"--max-line 2MiB":           func(o *options) { o.maxLine = 2 << 20 },
		"--max-buffer 8MiB":         func(o *options) { o.maxBuffer = 8 << 20 },
		"--login-timeout 10s":       func(o *options) { o.loginTimeout = 10 * time.Second },
		"--send-timeout 1500ms":     func(o *options) { o.sendTimeout = 1500 * time.Millisecond },
		"--poller select":           func(o *options) { o.poller = "select" },
		"--log-level debug":         func(o *options) { o.logLevel = slog.LevelDebug },
		"--version":                 func(o *options) { o.version = true },
		"--max-users 7 -p 1 -a ::":  func(o *options) { o.maxUsers, o.port, o.host = 7, 1, "::" },
		"--log-level WARN --port 9": func(o *options) { o.logLevel, o.port = slog.LevelWarn, 9 },
	} {
		expected := defaults
		want(&expected)
		if got, err := parse(strings.Fields(args)); err != nil || got != expected {
			t.Errorf("parse(%q) = %+v, %v; want %+v", args, got, err, expected)
		}
	}
}

// TestA13WrongUsage: each wrong command line is told in one line on stderr and ends with status 2;
// nothing goes to stdout.
func TestA13WrongUsage(t *testing.T) {
	for _, args := range []string{
		"--port x", "--port -1", "--port 65536", "--port", "--max-users 0", "--max-users -5", "--max-users many",
		"--max-line 63", "--max-buffer 1000", "--login-timeout -1s", "--max-line 1GiB", "--max-line 17592186044417MiB", "--send-timeout 0s", "--send-timeout 30",
		"--poller kqueue", "--log-level loud", "--nonsense", "5378", "--port 1 extra",
	} {
		status, stdout, stderr := runWith(t, strings.Fields(args)...)
		if status != exitUsage || stdout != "" || !oneLine(stderr) || !strings.HasPrefix(stderr, "chatd: ") {
			t.Errorf("chatd %s: status %d, stdout %q, stderr %q; want status 2 and one line on stderr", args, status, stdout, stderr)
		}
	}
}

// TestHelp: --help goes to stdout, names every flag, and is no failure.
func TestHelp(t *testing.T) {
	status, stdout, stderr := runWith(t, "--help")
	if status != exitOK || stderr != "" {
		t.Errorf("chatd --help: status %d, stderr %q; want 0 and none", status, stderr)
	}
	for _, flag := range []string{
		"-a, --address", "-p, --port", "--max-users", "--max-line", "--max-buffer", "--login-timeout", "--send-timeout", "--poller", "--log-level", "--version", "--help",
	} {
		if !strings.Contains(stdout, flag) {
			t.Errorf("chatd --help does not name %s", flag)
		}
	}
	if status, stdout, _ := runWith(t, "--version"); status != exitOK || !oneLine(stdout) || !strings.HasPrefix(stdout, "chatd ") {
		t.Errorf("chatd --version: status %d, stdout %q; want 0 and one line", status, stdout)
	}
}

func oneLine(text string) bool {
	return strings.HasSuffix(text, "\n") && strings.Count(text, "\n") == 1
}

// runWith runs the program as far as it goes without serving.
func runWith(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	out, readOut := pipe(t)
	errs, readErr := pipe(t)
	status = run(args, out, errs)
	return status, readOut(), readErr()
}

// pipe returns a file to write to, and a function that returns what has been written to it.
func pipe(t *testing.T) (*os.File, func() string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return w, func() string {
		w.Close()
		defer r.Close()
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}
