package process_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

// A13: an address that cannot be had, or a command line that makes no sense, is one line on stderr:
// status 1 for what the system refuses, 64 for wrong usage.
func TestA13CommandLines(t *testing.T) {
	t.Parallel()
	taken := daemon.Start(t)
	_, port, _ := net.SplitHostPort(taken.Address)
	for _, test := range []struct {
		status int
		says   string
		flags  []string
	}{
		{1, port, []string{"--port", port}},
		{1, "192.0.2.1", []string{"--address", "192.0.2.1"}},
		{64, "65535", []string{"--port", "65536"}},
		{64, "port", []string{"--port", "x"}},
		{64, "port", []string{"--port", "-1"}},
		{64, "port", []string{"--port"}},
		{64, "port", []string{"--port", ""}},
		{64, "extra", []string{"--port", "0", "extra"}},
		{64, "max-users", []string{"--max-users", "0"}},
		{64, "max-users", []string{"--max-users", "-5"}},
		{64, "max-users", []string{"--max-users", "many"}},
		{64, "max-per-address", []string{"--max-per-address", "-1"}},
		{64, "max-line", []string{"--max-line", "1GiB"}},
		{64, "max-line", []string{"--max-line", "63"}},
		{64, "max-line", []string{"--max-line", "17592186044417MiB"}},
		{64, "max-buffer", []string{"--max-buffer", "1000"}},
		{64, "login-timeout", []string{"--login-timeout", "-1s"}},
		{64, "drain-timeout", []string{"--drain-timeout", "-1s"}},
		{64, "drain-timeout", []string{"--drain-timeout", "25h"}},
		{64, "probe", []string{"--probe", "127.0.0.1"}},
		{64, "keepalive", []string{"--keepalive", "1500ms"}},
		{64, "keepalive", []string{"--keepalive", "10h"}},
		{64, "send-timeout", []string{"--send-timeout", "0s"}},
		{64, "send-timeout", []string{"--send-timeout", "5"}},
		{64, "poller", []string{"--poller", "kqueue"}},
		{64, "log-level", []string{"--log-level", "loud"}},
		{64, "colour", []string{"--colour"}},
		{64, "5378", []string{"5378"}},
	} {
		t.Run(strings.Join(test.flags, " "), func(t *testing.T) {
			daemon.Launch(t, daemon.Command(t, test.flags...)).ExpectRefusal(t, test.status, test.says)
		})
	}
	taken.CheckInvariants(t)
}

// The usage text goes to stdout, names every flag, and is no failure; neither is the version.
func TestHelp(t *testing.T) {
	t.Parallel()
	help := daemon.Launch(t, daemon.Command(t, "--help"))
	if status := help.Wait(t); status != 0 || help.Stderr.String() != "" {
		t.Errorf("--help: status %d, stderr %q; expected 0 and none", status, help.Stderr)
	}
	for _, flag := range []string{
		"-a, --address", "-p, --port", "--max-users", "--max-line", "--max-buffer", "--login-timeout", "--send-timeout",
		"--drain-timeout", "--keepalive", "--max-per-address", "--stats-file", "--poller", "--log-level", "--trace", "--probe", "--version", "--help",
	} {
		if !strings.Contains(help.Stdout.String(), flag) {
			t.Errorf("--help does not name %s", flag)
		}
	}
	version := daemon.Launch(t, daemon.Command(t, "--version"))
	status, said := version.Wait(t), version.Stdout.String()
	if status != 0 || !strings.HasPrefix(said, "chatd ") || strings.Count(said, "\n") != 1 {
		t.Errorf("--version: status %d, stdout %q; expected 0 and one line", status, said)
	}
}

// A size is a number of bytes, KiB or MiB: as long a line is read, and one byte more is too much. (No size:
// the default.)
func TestSizes(t *testing.T) {
	t.Parallel()
	for size, bytes := range map[string]int{"100": 100, "64KiB": 64 << 10, "2MiB": 2 << 20, "": 1 << 20} {
		var flags []string
		if size != "" {
			flags = []string{"--max-line", size}
		}
		d := daemon.Start(t, flags...)
		ada := d.Login(t, "ada")
		fits := "SEND ada " + strings.Repeat("x", bytes-len("SEND ada "))
		ada.Ask(fits, "DELIVERY ada "+fits[len("SEND ada "):], "SEND-OK")
		ada.Ask(fits+"x", "BAD-RQST-BODY")
		d.Stop(t)
	}
}

// A13: port 0 asks for any free port, which is told on stderr; names and IPv6 are addresses as
// well.
func TestA13AddressesThatWork(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "localhost", "::1", "::", "0.0.0.0"} {
		t.Run(host, func(t *testing.T) {
			if probe, err := net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
				t.Skipf("this machine does not listen on %s: %v", host, err)
			} else {
				probe.Close()
			}
			d := daemon.Start(t, "-a", host, "-p", "0")
			if _, port, err := net.SplitHostPort(d.Address); err != nil || port == "0" {
				t.Fatalf("the address told is %q (%v), expected one with a port", d.Address, err)
			}
			d.CheckInvariants(t)
		})
	}
}

// A13: the server listens on several addresses, and on a path. The clients of all of them meet. Its socket
// goes when it stops.
func TestA13SeveralAddresses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "socket")
	d := daemon.Start(t, "--address", "127.0.0.1", "-a", "127.0.0.2", "--address", "unix:"+path, "--log-level", "debug", "--max-per-address", "1")
	_, port, _ := net.SplitHostPort(d.Address)
	for _, address := range []string{"127.0.0.2:" + port, "unix:" + path} {
		d.AwaitLog(t, "msg=listening address="+address+" ")
	}
	expectMeeting(t, d.Dial(t), daemon.Dial(t, "127.0.0.2:"+port, daemon.From("127.0.0.2")), path)
	d.AwaitLog(t, `reason=eof client=`)
	d.AwaitLog(t, ` peer="" name=local`)
	d.Stop(t)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// A14: a server that was stopping removed the UNIX-domain socket of its successor when it ended. The
// successor starts while the first one still has a client that does not read.
func TestA14SuccessorAtAPath(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "socket")
	first := daemon.Start(t, "-a", "127.0.0.1", "-a", "unix:"+path)
	_, target, _ := first.StallTarget(t)
	first.Signal(t, syscall.SIGTERM)
	daemon.Await(t, "the first server removes its socket", func() bool {
		_, err := os.Stat(path)
		return os.IsNotExist(err)
	})
	second := daemon.Start(t, "-a", "127.0.0.1", "-a", "unix:"+path)
	target.Close()
	first.ExpectEnd(t)
	expectMeeting(t, second.Dial(t), second.Dial(t), path)
	second.Stop(t)
}

// A13: a port below 1024 is refused if the system does not allow it.
func TestA13PrivilegedPort(t *testing.T) {
	t.Parallel()
	lowest, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err == nil && strings.TrimSpace(string(lowest)) == "0" {
		t.Skip("no port is privileged here")
	}
	command := daemon.Command(t, "--port", "1")
	if os.Geteuid() == 0 {
		const nobody = 65534
		if err := os.Chmod(filepath.Dir(command.Path), 0o755); err != nil {
			t.Fatal(err)
		}
		for folder := filepath.Dir(command.Path); folder != "/"; folder = filepath.Dir(folder) {
			if info, err := os.Stat(folder); err != nil || info.Mode()&1 == 0 {
				t.Skipf("root may have any port, and other users cannot reach the executable: %s, %v", folder, err)
			}
		}
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	daemon.Launch(t, command).ExpectRefusal(t, 1, "permission denied")
}

// --probe exits with 0 if the loop answers, also if the server is full. It leaves no user and no error in
// the figures. A process that is stopped completes connects and does not answer.
func TestProbe(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t, "--max-users", "1")
	user := d.Login(t, "user")
	probe := func() *daemon.Daemon { return daemon.Launch(t, daemon.Command(t, "--probe", d.Address)) }
	if p := probe(); p.Wait(t) != 0 || p.Stdout.String()+p.Stderr.String() != "" {
		t.Errorf("status %d of a probe that was answered, and output %q, %q", p.Wait(t), p.Stdout, p.Stderr)
	}
	user.Ask("LIST", "LIST-OK user")
	d.Signal(t, syscall.SIGSTOP)
	probe().ExpectRefusal(t, 1, "--probe: the loop at "+d.Address+" does not answer")
	d.Signal(t, syscall.SIGCONT)
	daemon.Await(t, "the late probe has gone", func() bool {
		d.Signal(t, syscall.SIGUSR1)
		return strings.Contains(d.Stderr.String(), " closed.eof=2 ")
	})
	d.Stop(t)
	expectFigures(t, logged(t, d, "stopped"), map[string]int{
		"logins": 1, "busy": 0, "closed.eof": 2, "closed.shutdown": 1, "closed.bad_login": 0, "closed.reset": 0, "closed.login_timeout": 0,
	})
	probe().ExpectRefusal(t, 1, "connection refused")
}

// E9: the flag reaches the sockets of clients.
func TestE9KeepaliveFlag(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]int{"": 60, "--keepalive=10m": 600, "--keepalive=0": 0} {
		d := daemon.Start(t, strings.Fields(flag)...)
		d.Login(t, "user")
		process, err := unix.PidfdOpen(d.PID(), 0)
		if err != nil {
			t.Skipf("pidfd_open: %v", err)
		}
		defer unix.Close(process)
		connections := 0
		for fd, what := range d.Open(t) {
			if !strings.HasPrefix(what, "socket:") {
				continue
			}
			own, err := unix.PidfdGetfd(process, fd, 0)
			if err != nil {
				t.Skipf("pidfd_getfd: %v", err)
			}
			defer unix.Close(own)
			if _, err := unix.Getpeername(own); err != nil {
				continue
			}
			connections++
			on, _ := unix.GetsockoptInt(own, unix.SOL_SOCKET, unix.SO_KEEPALIVE)
			idle, _ := unix.GetsockoptInt(own, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE)
			if on*idle != want {
				t.Errorf("%q: keepalive is %d after %d s, expected %d", flag, on, idle, want)
			}
		}
		if connections != 1 {
			t.Errorf("%d connections were found, expected 1", connections)
		}
		d.Stop(t)
	}
}
