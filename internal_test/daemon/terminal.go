package daemon

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// OpenTerminal makes a pseudo-terminal (pty(7)): what is written to the terminal can be read from
// its master.
func OpenTerminal() (master, terminal *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("no pseudo-terminal: %w", err)
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0) // unlock
	}
	if err == nil {
		terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		master.Close()
		return nil, nil, fmt.Errorf("no pseudo-terminal: %w", err)
	}
	return master, terminal, nil
}

// Terminal makes a pseudo-terminal for a test, which is skipped where there is none.
func Terminal(t testing.TB) (master, terminal *os.File) {
	t.Helper()
	master, terminal, err := OpenTerminal()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { master.Close(); terminal.Close() })
	return master, terminal
}

// OnTerminal makes a terminal the input, output and controlling terminal of a command, which gets
// SIGHUP when the master is closed.
func OnTerminal(command *exec.Cmd, terminal *os.File) {
	command.Stdin, command.Stdout, command.Stderr = terminal, terminal, terminal
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0, Pdeathsig: syscall.SIGKILL}
}

// LaunchOnTerminal launches a command on a new terminal, waits until the terminal shows a text, and
// returns the master.
func LaunchOnTerminal(t testing.TB, command *exec.Cmd, text string) (*Daemon, *os.File) {
	t.Helper()
	master, terminal := Terminal(t)
	OnTerminal(command, terminal)
	d := Launch(t, command)
	terminal.Close()
	var shown strings.Builder
	master.SetReadDeadline(time.Now().Add(Patience))
	for buffer := make([]byte, 4096); !strings.Contains(shown.String(), text); {
		n, err := master.Read(buffer)
		if shown.Write(buffer[:n]); err != nil {
			t.Fatalf("the terminal shows %q, expected %q: %v", shown.String(), text, err)
		}
	}
	return d, master
}

// ThroughShell makes the shell run a few words of its own first, and then become the command.
func ThroughShell(command *exec.Cmd, first, redirections string) *exec.Cmd {
	script := first + `; exec "$0" "$@" ` + redirections
	command.Args = append([]string{"sh", "-c", script}, command.Args...)
	command.Path = "/bin/sh"
	return command
}
