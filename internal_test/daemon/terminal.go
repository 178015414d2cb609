package internal_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

// openTerminal makes a pseudo-terminal (pty(7)): what is written to the terminal can be read from
// its master.
func openTerminal(t *testing.T) (master, terminal *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	t.Cleanup(func() { master.Close() })
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0) // unlock
	}
	if err != nil {
		t.Fatalf("pseudo-terminal: %v", err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return master, terminal
}

// launchOnTerminal launches a command whose input, output and controlling terminal is a new
// pseudo-terminal. It gets SIGHUP when the master, which is returned, is closed.
func launchOnTerminal(t *testing.T, command *exec.Cmd) (*daemon.Daemon, *os.File) {
	t.Helper()
	master, terminal := openTerminal(t)
	command.Stdin, command.Stdout, command.Stderr = terminal, terminal, terminal
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	d := daemon.Launch(t, command)
	terminal.Close()
	return d, master
}

// awaitOnTerminal reads from the master of a terminal until a text has come.
func awaitOnTerminal(t *testing.T, master *os.File, text string) {
	t.Helper()
	var said strings.Builder
	master.SetReadDeadline(time.Now().Add(daemon.Patience))
	for buffer := make([]byte, 4096); !strings.Contains(said.String(), text); {
		n, err := master.Read(buffer)
		if said.Write(buffer[:n]); err != nil {
			t.Fatalf("the terminal shows %q, expected %q: %v", said.String(), text, err)
		}
	}
}
