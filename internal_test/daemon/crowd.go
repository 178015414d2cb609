// Package internal_test tests the built chatd from outside, as a process of its own. Each test
// carries the name of the fault that it provokes; what a good server does then stands in its doc
// comment, and what must hold after every fault is daemon.CheckInvariants.
package internal_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	status := m.Run()
	daemon.Remove()
	os.Exit(status)
}

// crowd is how many clients a test of many can have: n, or fewer where the limit of descriptors or
// a short run asks for it. The test has a descriptor for each, and so has chatd, which with select
// can have so many and no more.
func crowd(t *testing.T, n int) int {
	t.Helper()
	const others = 300 // descriptors of tests that run at the same time, and of the runtime
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatalf("getrlimit: %v", err)
	}
	if testing.Short() {
		n /= 10
	}
	if daemon.Poller == "select" {
		n = min(n, unix.FD_SETSIZE-others)
	}
	if fits := int(min(limit.Max, 1<<20))/4 - others; fits < n {
		if fits < 10 {
			t.Skipf("the limit of %d descriptors is too low for a crowd", limit.Max)
		}
		n = fits
	}
	return n
}

// loginAll logs in n users, who are called u0, u1 and so on. Each 10,000th comes from another
// address, because an address has only so many ports.
func loginAll(t *testing.T, d *daemon.Daemon, n int, options ...daemon.Option) []*daemon.Client {
	t.Helper()
	clients := make([]*daemon.Client, n)
	for i := range clients {
		from := daemon.From(fmt.Sprintf("127.0.1.%d", 1+i/10_000))
		clients[i] = d.Dial(t, append(options, from)...)
		clients[i].Line(fmt.Sprintf("HELLO-FROM u%d", i))
	}
	for i, c := range clients {
		c.Expect(fmt.Sprintf("HELLO u%d", i))
	}
	return clients
}

// throughShell makes the shell run a few words of its own first, and then become the command.
func throughShell(command *exec.Cmd, first, redirections string) *exec.Cmd {
	script := first + `; exec "$0" "$@" ` + redirections
	command.Args = append([]string{"sh", "-c", script}, command.Args...)
	command.Path = "/bin/sh"
	return command
}

// provokeSendTimeout has the daemon, whose send timeout should be short, close a client that does
// not read.
func provokeSendTimeout(t *testing.T, d *daemon.Daemon) {
	t.Helper()
	witness := d.Login(t, "witness")
	d.Login(t, "stalled", daemon.ReceiveBuffer(1)).Line("SEND stalled " + strings.Repeat("x", 512<<10))
	awaitList(t, witness, "witness")
	witness.Leave()
}

// awaitList asks for the list until it is what is expected.
func awaitList(t *testing.T, c *daemon.Client, names ...string) {
	t.Helper()
	expected := "LIST-OK " + strings.Join(names, ",")
	daemon.Await(t, expected, func() bool {
		c.Line("LIST")
		return c.Hear() == expected
	})
}
