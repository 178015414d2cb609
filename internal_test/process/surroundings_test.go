package process_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"chatd/internal_test/daemon"
)

// F6: the collector runs all the time, because it is told to keep the heap small. Messages of all
// sizes arrive whole and in order.
func TestF6BusyCollector(t *testing.T) {
	t.Parallel()
	command := daemon.Command(t)
	command.Env = append(command.Environ(), "GOGC=10", "GODEBUG=gctrace=1")
	d := daemon.Launch(t, command)
	d.AwaitReady(t)
	users := d.LoginAll(t, 10)
	const messages = 50
	message := func(i int) string { return strings.Repeat(fmt.Sprint(i, " "), 1+i*i*10) }
	for n, c := range users {
		var said strings.Builder
		for i := range messages {
			fmt.Fprintf(&said, "SEND u%d %s\n", n, message(i))
		}
		go c.Conn.Write([]byte(said.String()))
	}
	for n, c := range users {
		for delivered, confirmed := 0, 0; delivered < messages || confirmed < messages; {
			line := c.Hear()
			if line == "SEND-OK" {
				confirmed++
				continue
			}
			if expected := fmt.Sprintf("DELIVERY u%d %s", n, message(delivered)); line != expected {
				t.Fatalf("u%d heard %.80q, %d bytes, expected %.80q, %d bytes", n, line, len(line), expected, len(expected))
			}
			delivered++
		}
		c.Close()
	}
	d.CheckInvariants(t)
	if log := d.Stderr.String(); !strings.Contains(log, "\ngc 10 @") {
		t.Errorf("the collector did not run ten times:\n%.2000s", log)
	}
}

// G6: SIGQUIT asks for a diagnosis. All stacks come on stderr, and the status is 2.
func TestG6StackDump(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	d.Login(t, "user")
	d.ExpectIdle(t) // the loop is where its stack can be seen
	d.Signal(t, syscall.SIGQUIT)
	if status := d.Wait(t); status != 2 {
		t.Errorf("exit status %d after SIGQUIT, expected 2", status)
	}
	for _, expected := range []string{"SIGQUIT: quit", "\ngoroutine 1 ", "chatd/poller.(*Loop).Run"} {
		if said := d.Stderr.String(); !strings.Contains(said, expected) {
			t.Errorf("stderr does not say %q: %s", expected, said)
		}
	}
}

// G12: the environment is empty. The server starts and serves.
func TestG12EmptyEnvironment(t *testing.T) {
	t.Parallel()
	command := daemon.Command(t)
	command.Env = []string{}
	d := daemon.Launch(t, command)
	d.AwaitReady(t)
	if environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", d.PID())); err != nil || len(environment) > 0 {
		t.Fatalf("the environment is %q (%v), expected none", environment, err)
	}
	d.CheckInvariants(t)
	d.Stop(t)
}

// G12: the executable is all there is: no /proc, no /dev, no home, a root that cannot be written
// to, a user without a name. The server starts and serves, and its log is written.
func TestG12NothingButTheExecutable(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may change the root directory")
	}
	const unnamed = 54321
	root := t.TempDir()
	program := contents(t, daemon.Binary(t))
	if err := errors.Join(os.WriteFile(filepath.Join(root, "chatd"), program, 0o755), os.Chmod(root, 0o555)); err != nil {
		t.Fatal(err)
	}
	command := daemon.Command(t, "--send-timeout", "100ms")
	command.Path, command.Dir, command.Env = "/chatd", "/", []string{}
	command.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: unnamed, Gid: unnamed}}
	d := daemon.Launch(t, command)
	d.AwaitReady(t)
	d.ProvokeSendTimeout(t)
	d.CheckInvariants(t)
	d.Stop(t)
	d.ExpectLoggedOnce(t, "send_timeout")
}
