package peers_test

import (
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

// ownNetwork puts the test into a network namespace of its own (network_namespaces(7)), which holds
// nothing but a loopback interface: what the test does to packets there reaches no other network. The
// namespace belongs to the test's thread. So the daemon and the clients have to be started by the
// test's own goroutine, which keeps the thread to its end, and not by a subtest's.
//
// A test that cannot have a namespace, or needs a tool that is not there, is skipped.
func ownNetwork(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("this test needs %s: %v", tool, err)
		}
	}
	daemon.Binary(t) // before there is no way out: the build may have to fetch a module
	runtime.LockOSThread()
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.Unshare(unix.CLONE_NEWNET)
	}
	if err != nil {
		runtime.UnlockOSThread()
		t.Skipf("this test needs a network namespace: unshare: %v", err)
	}
	// The thread goes back. If it ended with this test, so would the servers of other tests that were
	// started on it before (PR_SET_PDEATHSIG, prctl(2)).
	t.Cleanup(func() {
		if err := unix.Setns(home, unix.CLONE_NEWNET); err != nil {
			t.Errorf("setns: %v", err)
			return
		}
		unix.Close(home)
		runtime.UnlockOSThread()
	})
	if err := raiseLoopback(); err != nil {
		t.Fatalf("loopback in a new namespace: %v", err)
	}
	filter(t, "add table ip line", "add chain ip line input { type filter hook input priority 0; }",
		"add chain ip line output { type filter hook output priority 0; }")
}

// raiseLoopback is `ip link set lo up`.
func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// filter changes the packet filter of the test's network, by commands of nft(8).
func filter(t *testing.T, commands ...string) {
	t.Helper()
	runTool(t, strings.Join(commands, "\n")+"\n", "nft", "-f", "-")
}

// cut drops every packet from and to a client, as if its cable had been pulled out. No end is told.
func cut(t *testing.T, c *daemon.Client) {
	t.Helper()
	filter(t, fmt.Sprintf("add rule ip line input tcp sport %d drop", port(c)),
		fmt.Sprintf("add rule ip line input tcp dport %d drop", port(c)))
}

// narrow leaves a client a line of a given rate, in the words of tc(8). The others keep theirs.
func narrow(t *testing.T, c *daemon.Client, rate string) {
	t.Helper()
	runTool(t, "", "tc", "qdisc", "add", "dev", "lo", "root", "handle", "1:", "htb")
	runTool(t, "", "tc", "class", "add", "dev", "lo", "parent", "1:", "classid", "1:1", "htb", "rate", rate)
	filter(t, fmt.Sprintf("add rule ip line output tcp dport %d meta priority set 1:1", port(c)))
}

// heal makes all lines whole again.
func heal(t *testing.T) {
	t.Helper()
	filter(t, "flush ruleset")
}

// runTool runs a tool that shapes the test's network, and returns what it says. What it cannot do,
// the kernel mostly lacks: the test is skipped.
func runTool(t *testing.T, input, tool string, arguments ...string) string {
	t.Helper()
	command := exec.Command(tool, arguments...)
	command.Stdin = strings.NewReader(input)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Skipf("%v %s: %v\n%s", command, input, err, output)
	}
	return string(output)
}

// port is the client's own.
func port(c *daemon.Client) int { return c.Conn.LocalAddr().(*net.TCPAddr).Port }

// hasten makes the kernel's patience with the peers of the daemon's sockets thirty times shorter
// than what the daemon has asked for: 60 s become 2 s. The daemon has no flag for these figures and
// notices nothing, because the test changes them through descriptors of its own for the same
// sockets (pidfd_getfd(2)). A figure that was not asked for is the kernel's, and too long to wait
// for even so.
func hasten(t *testing.T, d *daemon.Daemon) {
	t.Helper()
	process, err := unix.PidfdOpen(d.PID(), 0)
	if err != nil {
		t.Skipf("pidfd_open: %v", err)
	}
	defer unix.Close(process)
	for fd, what := range d.Open(t) {
		if !strings.HasPrefix(what, "socket:") {
			continue
		}
		switch own, err := unix.PidfdGetfd(process, fd, 0); err {
		case nil:
			hastenSocket(t, own)
			unix.Close(own)
		case unix.EBADF: // closed meanwhile
		default:
			t.Skipf("pidfd_getfd: %v", err)
		}
	}
}

func hastenSocket(t *testing.T, fd int) {
	t.Helper()
	const factor = 30
	for name, option := range map[string]int{
		"TCP_KEEPIDLE": unix.TCP_KEEPIDLE, "TCP_KEEPINTVL": unix.TCP_KEEPINTVL, "TCP_USER_TIMEOUT": unix.TCP_USER_TIMEOUT,
	} {
		value, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, option)
		if err == nil && value > 0 {
			err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, option, max(1, value/factor))
		}
		if err != nil {
			t.Fatalf("%s of the daemon's socket: %v", name, err)
		}
	}
}
