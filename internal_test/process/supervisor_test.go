package process_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

// A supervisor plays systemd: it owns the socket that NOTIFY_SOCKET names.
type supervisor struct {
	t      *testing.T
	name   string
	socket *net.UnixConn
}

func newSupervisor(t *testing.T, name string) *supervisor {
	t.Helper()
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	return &supervisor{t, name, socket}
}

// hear returns the next datagram, or false if none comes within a time.
func (s *supervisor) hear(within time.Duration) (said string, ok bool) {
	s.t.Helper()
	buffer := make([]byte, 4096)
	s.socket.SetReadDeadline(time.Now().Add(within))
	n, err := s.socket.Read(buffer)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		s.t.Fatal(err)
	}
	return string(buffer[:n]), err == nil
}

// silence reads until no datagram comes within a time.
func (s *supervisor) silence(within time.Duration) {
	s.t.Helper()
	for told := true; told; {
		_, told = s.hear(within)
	}
}

// expect expects the next datagram to begin with text.
func (s *supervisor) expect(text string) {
	s.t.Helper()
	if said, _ := s.hear(daemon.Patience); !strings.HasPrefix(said, text) {
		s.t.Fatalf("the supervisor was told %q, expected %q", said, text)
	}
}

// supervised prepares a command with an environment.
func supervised(command *exec.Cmd, environment ...string) *exec.Cmd {
	command.Env = append(command.Environ(), environment...)
	return command
}

// abstract is a name that is no file's (unix(7)), and unique.
func abstract(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("@chatd-test-%d-%s", os.Getpid(), t.Name())
}

// G9: the supervisor is told when the server is ready, which means that a connect succeeds, and
// when it begins to stop. Without a watchdog it is told nothing in between and the server sleeps.
func TestG9ReadyAndStopping(t *testing.T) {
	t.Parallel()
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), abstract(t)} {
		s := newSupervisor(t, name)
		d := daemon.Launch(t, supervised(daemon.Command(t, "--port", daemon.ReservePort(t)), "NOTIFY_SOCKET="+name))
		s.expect("READY=1\nSTATUS=0 users, 0 connections, 0 turns, at most ")
		d.Login(t, "ada")
		d.AwaitReady(t)
		d.ExpectIdle(t)
		d.Stop(t)
		s.expect("STOPPING=1\nSTATUS=1 users, 1 connections, ")
	}
}

// G9: the supervisor has a watchdog. The loop feeds it as long as it turns, and does not when it
// hangs.
func TestG9Watchdog(t *testing.T) {
	t.Parallel()
	s := newSupervisor(t, abstract(t))
	const watchdog, half = "WATCHDOG_USEC=40000", 20 * time.Millisecond
	d := daemon.Launch(t, supervised(daemon.ThroughShell(daemon.Command(t), "export WATCHDOG_PID=$$", ""), "NOTIFY_SOCKET="+s.name, watchdog))
	d.AwaitReady(t)
	s.expect("READY=1\n")
	d.Login(t, "ada")
	s.silence(time.Millisecond) // it may have waited long for the test
	start := time.Now()
	for range 5 {
		s.expect("WATCHDOG=1\nSTATUS=")
	}
	if took := time.Since(start); took < 2*half {
		t.Errorf("five times within %v, expected once in %v", took, half)
	}
	d.Signal(t, syscall.SIGSTOP)
	s.silence(time.Millisecond)
	if said, fed := s.hear(10 * half); fed {
		t.Errorf("a server that hangs says %q", said)
	}
	d.Signal(t, syscall.SIGCONT)
	s.expect("WATCHDOG=1\nSTATUS=1 users, 1 connections, ")
	d.CheckInvariants(t, "ada")
	d.Stop(t)
}

// G10: what NOTIFY_SOCKET names is not there, no socket, or nothing that can have a name. The
// server starts, serves and stops as without it.
func TestG10NoSocketToNotify(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"", "relative", folder, file, filepath.Join(folder, "missing"), "@nobody", "@", "/" + strings.Repeat("long", 100),
	} {
		d := daemon.Launch(t, supervised(daemon.Command(t), "NOTIFY_SOCKET="+name, "WATCHDOG_USEC=2000"))
		d.AwaitReady(t)
		d.CheckInvariants(t)
		d.Stop(t)
	}
}

// G10: the supervisor's socket is full. The server does not wait; when there is room again, the
// supervisor hears of the loop again. Then the socket is closed, and the server goes on.
func TestG10SocketFullAndThenGone(t *testing.T) {
	t.Parallel()
	s := newSupervisor(t, filepath.Join(t.TempDir(), "notify"))
	d := daemon.Launch(t, supervised(daemon.Command(t), "NOTIFY_SOCKET="+s.name, "WATCHDOG_USEC=2000"))
	d.AwaitReady(t)
	other, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(other)
	daemon.Await(t, "the socket is full", func() bool {
		return unix.Sendto(other, []byte("X"), 0, &unix.SockaddrUnix{Name: s.name}) == unix.EAGAIN
	})
	d.CheckInvariants(t)
	daemon.Await(t, "the supervisor hears of the loop again", func() bool {
		said, _ := s.hear(daemon.Patience)
		return strings.HasPrefix(said, "WATCHDOG=1\n")
	})
	s.socket.Close()
	d.CheckInvariants(t)
	d.Stop(t)
}

// journal makes a file that a command takes for systemd's journal as its stderr.
func journal(t *testing.T, command *exec.Cmd) (file *os.File) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	supervised(command, fmt.Sprintf("JOURNAL_STREAM=%d:%d", stat.Dev, stat.Ino)).Stderr = file
	return file
}

// G16: a start that fails is an error in the journal (priority 3), and the unit does not restart the
// server after wrong usage.
func TestG16FailedStartUnderASupervisor(t *testing.T) {
	t.Parallel()
	for flags, expected := range map[string]struct {
		status int
		says   string
	}{
		"--colour":            {64, "<3>chatd: flag provided but not defined: -colour (see chatd --help)\n"},
		"--address=192.0.2.1": {1, "<3>chatd: 192.0.2.1:0: bind: cannot assign requested address\n"},
	} {
		command := daemon.Command(t, flags)
		file := journal(t, command)
		if status := daemon.Launch(t, command).Wait(t); status != expected.status {
			t.Errorf("%s: exit status %d, expected %d", flags, status, expected.status)
		}
		if said := string(contents(t, file.Name())); said != expected.says {
			t.Errorf("%s: the journal holds %q, expected %q", flags, said, expected.says)
		}
	}
	if prevented := setting(t, "RestartPreventExitStatus"); prevented != "64" {
		t.Errorf("RestartPreventExitStatus is %s, expected 64", prevented)
	}
}

// The journal reads the priority of each line from its beginning.
func TestStderrIsTheJournal(t *testing.T) {
	t.Parallel()
	command := daemon.Command(t, "--port", daemon.ReservePort(t), "--log-level", "debug", "--send-timeout", "100ms")
	file := journal(t, command)
	d := daemon.Launch(t, command)
	d.AwaitReady(t)
	d.ProvokeSendTimeout(t)
	d.Stop(t)
	text := string(contents(t, file.Name()))
	for _, expected := range []string{
		"<6>level=INFO msg=listening ", "\n<4>level=WARN msg=closing reason=send_timeout ", "\n<7>level=DEBUG msg=closed ",
		"\n<6>level=INFO msg=stopped ",
	} {
		if !strings.Contains(text, expected) {
			t.Errorf("the journal does not hold %q:\n%s", expected, text)
		}
	}
	if strings.Contains(text, "time=") {
		t.Errorf("the journal holds times of our own:\n%s", text)
	}
}
