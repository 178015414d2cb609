package poller

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// supervise makes a supervisor that wants to hear of the loop each second, and returns it with the
// function that reads what it was told last; that is empty if nothing came.
func supervise(t *testing.T) (s *Supervisor, told func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "2000000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	return NewSupervisor(), func() string {
		buffer := make([]byte, 1000)
		socket.SetReadDeadline(time.Now().Add(time.Millisecond)) // a datagram is there when it has been sent
		n, _ := socket.Read(buffer)
		return string(buffer[:n])
	}
}

// G9: the supervisor hears of each turn that is due, of none before, and only from a turn. The loop
// sleeps as long as it may.
func TestG9OnlyATurnFeedsTheWatchdog(t *testing.T) {
	supervisor, told := supervise(t)
	r := newRigWith(t, Config{Supervisor: supervisor})
	r.rest()
	for range 3 {
		if got := told(); !strings.HasPrefix(got, "WATCHDOG=1\nSTATUS=0 users, 0 connections, ") {
			t.Fatalf("when it was due the supervisor was told %q", got)
		}
		if r.k.slept != time.Second {
			t.Fatalf("the loop sleeps for %v, expected half of the watchdog's 2s", r.k.slept)
		}
		r.pass(time.Second - 1)
		if got := told(); got != "" {
			t.Fatalf("the supervisor was told %q before it was due", got)
		}
		r.k.now++
		if got := told(); got != "" {
			t.Fatalf("the supervisor was told %q without a turn", got)
		}
		r.rest()
	}
	told()
	r.k.stop(1)
	r.turn()
	if got := told(); !strings.HasPrefix(got, "STOPPING=1\nSTATUS=") {
		t.Errorf("at the stop the supervisor was told %q", got)
	}
}

// G9: a supervisor that asks for no watchdog is no reason to wake.
func TestG9WithoutAWatchdogTheLoopSleeps(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "")
	t.Setenv("NOTIFY_SOCKET", "@nobody")
	r := newRigWith(t, Config{Supervisor: NewSupervisor()})
	r.rest()
	if r.k.slept != Forever {
		t.Errorf("the loop sleeps for %v, expected for ever", r.k.slept)
	}
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
		{"9223372036854775807", "", 0}, // no time.Duration
	} {
		if every := watchdog(c.microseconds, c.pid); every != c.every {
			t.Errorf("WATCHDOG_USEC=%q WATCHDOG_PID=%q: every %v, expected %v", c.microseconds, c.pid, every, c.every)
		}
	}
}

// G10: what is no socket's name is nobody, who can be told anything.
func TestG10NobodyToNotify(t *testing.T) {
	for _, name := range []string{"", "notify", "vsock:2:1234"} {
		t.Setenv("NOTIFY_SOCKET", name)
		if s := NewSupervisor(); s != nil {
			t.Errorf("NOTIFY_SOCKET=%q has a supervisor", name)
		}
	}
	var nobody *Supervisor
	nobody.Tell("READY=1")
	if every := nobody.Watchdog(); every != 0 {
		t.Errorf("nobody wants to hear of the loop every %v", every)
	}
}
