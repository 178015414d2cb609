package service

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatd/poller"
)

// G9: the service manager hears what the loop reports, and nothing else.
func TestG9TheServiceManagerHearsWhatTheLoopReports(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "2000000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	r, _, _ := newReporter(t)
	r.Notifier = NewNotifier()
	if r.Notifier.Watchdog() != time.Second {
		t.Errorf("the watchdog is %v, expected half of 2s", r.Notifier.Watchdog())
	}
	r.Report(poller.Changed, someStats)
	for o, want := range map[poller.Occasion]string{
		poller.Ready: "READY=1", poller.Alive: "WATCHDOG=1", poller.Stopping: "STOPPING=1",
	} {
		r.Report(o, someStats)
		buffer := make([]byte, 1000)
		socket.SetReadDeadline(time.Now().Add(guard))
		n, err := socket.Read(buffer)
		if got := string(buffer[:n]); err != nil || !strings.HasPrefix(got, want+"\nSTATUS=2 users, 3 connections, ") {
			t.Errorf("the service manager hears %q (%v), expected %s", got, err, want)
		}
	}
	r.Report(poller.Stopped, someStats) // waits until the stats file is written
}

// G9: the watchdog is asked of this process or of none.
func TestG9Watchdog(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for _, c := range []struct {
		microseconds, pid string
		every             time.Duration
	}{
		{"30000000", "", 15 * time.Second},
		{"30000000", own, 15 * time.Second},
		{"30000000", "1", 0},
		{"30000000", "x", 0},
		{"", own, 0},
		{"0", "", 0},
		{"-5", "", 0},
		{"soon", "", 0},
		{"9223372036854775807", "", 0}, // more than a time.Duration holds
	} {
		if every := watchdog(c.microseconds, c.pid); every != c.every {
			t.Errorf("WATCHDOG_USEC=%q WATCHDOG_PID=%q: every %v, expected %v", c.microseconds, c.pid, every, c.every)
		}
	}
}

// G10: NOTIFY_SOCKET is missing or does not name a socket. The server runs without a notifier.
func TestG10NoServiceManager(t *testing.T) {
	for _, name := range []string{"", "notify", "vsock:2:1234"} {
		t.Setenv("NOTIFY_SOCKET", name)
		if n := NewNotifier(); n != nil {
			t.Errorf("NOTIFY_SOCKET=%q has a notifier", name)
		}
	}
	var none *Notifier
	none.Notify("READY=1")
	if every := none.Watchdog(); every != 0 {
		t.Errorf("without a service manager the watchdog is %v", every)
	}
}
