package internal_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"chatd/internal_test/daemon"
)

// A2: the Go runtime makes a poller of its own when it first needs a timer, and dies if the
// descriptor table is full by then. It has it before the first client can come: an epoll instance
// and an eventfd besides ours, which are one instance if we wait with epoll, the wake and the spare.
func TestA2RuntimeHasItsPollerBeforeTheFirstClient(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	count := make(map[string]int)
	for _, what := range d.Open(t) {
		count[what]++
	}
	ours := 1
	if daemon.Poller == "select" || daemon.Poller == "poll" {
		ours = 0
	}
	for kind, want := range map[string]int{"anon_inode:[eventpoll]": 1 + ours, "anon_inode:[eventfd]": 3} {
		if count[kind] != want {
			t.Errorf("%d descriptors are %s at the start, expected %d: %v", count[kind], kind, want, d.Open(t))
		}
	}
}

// A8: all places are taken. The next login is told BUSY, whatever is wrong with it besides; it
// stays connected and gets the first place that is free (PR15).
func TestA8FullHouse(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t, "--max-users", "16")
	users := loginAll(t, d, 16)
	late, later := d.Dial(t), d.Dial(t)
	for _, name := range []string{"late", "u3", "a,b", ""} {
		late.Line("HELLO-FROM " + name)
		late.Expect("BUSY")
	}
	later.Line("HELLO-FROM later")
	later.Expect("BUSY")

	users[7].Leave()
	late.Login("late")
	later.Line("HELLO-FROM later")
	later.Expect("BUSY")
	late.Line("LIST")
	late.Expect("LIST-OK u0,u1,u2,u3,u4,u5,u6,u8,u9,u10,u11,u12,u13,u14,u15,late")

	for _, c := range []*daemon.Client{users[0], users[1], users[2], later} {
		c.Close()
	}
	d.CheckInvariants(t, "u3", "u4", "u5", "u6", "u8", "u9", "u10", "u11", "u12", "u13", "u14", "u15", "late")
}

// A10: the limit of descriptors leaves room for fewer users than asked for. A figure that was asked
// for is refused with the one that fits; the default shrinks to it and is kept.
func TestA10LimitThatCannotBeMet(t *testing.T) {
	t.Parallel()
	lowered := func(flags ...string) *daemon.Daemon {
		return daemon.Launch(t, throughShell(daemon.Command(t, flags...), "ulimit -n 64", ""))
	}

	expectRefusal(t, lowered("--max-users", "17"), 1, "17", "64", "16")
	lowered("--max-users", "16").AwaitReady(t)

	d := lowered()
	d.AwaitReady(t)
	if !strings.Contains(d.Stderr.String(), "max_users=16\n") {
		t.Errorf("with 64 descriptors the log does not say max_users=16: %s", d.Stderr)
	}
	users := loginAll(t, d, 16)
	late := d.Dial(t)
	late.Line("HELLO-FROM late")
	late.Expect("BUSY")
	for _, c := range append(users, late) {
		c.Close()
	}
	d.CheckInvariants(t)

	expectRefusal(t, daemon.Launch(t, throughShell(daemon.Command(t), "ulimit -n 48", "")), 1, "48")
}

// A11: the parent has left many descriptors open, so that those of clients are far above the number
// of clients. Tables that are indexed by descriptor have room for them.
func TestA11HighDescriptors(t *testing.T) {
	t.Parallel()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	command := daemon.Command(t)
	for range crowd(t, 1100) {
		command.ExtraFiles = append(command.ExtraFiles, null)
	}
	d := daemon.Launch(t, command)
	d.AwaitReady(t)

	c := d.Login(t, "high")
	client := 0
	for fd, what := range d.Open(t) {
		if strings.HasPrefix(what, "socket:") {
			client = max(client, fd)
		}
	}
	if client < len(command.ExtraFiles) {
		t.Fatalf("the client's descriptor is %d, expected one above %d", client, len(command.ExtraFiles))
	}
	c.Line("SEND high to myself", "LIST")
	c.Expect("DELIVERY high to myself", "SEND-OK", "LIST-OK high")
	d.CheckInvariants(t, "high")
}

// A12: descriptors 0, 1 and 2 are closed at the start. No socket gets one of these numbers, and
// what is meant for stdout and stderr reaches no client.
func TestA12StandardDescriptorsClosed(t *testing.T) {
	t.Parallel()
	port := fmt.Sprint(daemon.ReservePort(t))
	command := daemon.Command(t, "--port", port, "--log-level", "debug", "--send-timeout", "100ms")
	command.Stdout, command.Stderr = io.Discard, io.Discard
	d := daemon.Launch(t, throughShell(command, ":", "0<&- 1>&- 2>&-"))
	d.Address = net.JoinHostPort("127.0.0.1", port)
	daemon.Await(t, "the server listens", func() bool {
		conn, err := net.Dial("tcp", d.Address)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})

	provokeSendTimeout(t, d) // which is logged
	users := loginAll(t, d, 3)
	for fd, what := range d.Open(t) {
		if fd <= 2 && strings.HasPrefix(what, "socket:") {
			t.Errorf("descriptor %d is %s", fd, what)
		}
	}
	for _, c := range users {
		c.ExpectNothingBefore("LIST", "LIST-OK u0,u1,u2")
	}
	d.CheckInvariants(t, "u0", "u1", "u2")
}

// A14: the server is started again while connections of its predecessor are still known to the
// kernel. It starts at once (SO_REUSEADDR); but two servers on one port are refused (no
// SO_REUSEPORT).
func TestA14RestartAtOnce(t *testing.T) {
	t.Parallel()
	first := daemon.Start(t)
	loginAll(t, first, 50)
	first.Signal(t, syscall.SIGKILL)
	first.Wait(t)

	_, port, _ := net.SplitHostPort(first.Address)
	second := daemon.Start(t, "--port", port)
	expectRefusal(t, daemon.Launch(t, daemon.Command(t, "--port", port)), 1, port)
	second.CheckInvariants(t)
}
