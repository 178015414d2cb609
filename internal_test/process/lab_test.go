package process_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

// The lab's harness starts one fresh server for each case, on the same port and on a
// pseudo-terminal, reads no more of its output than the line, and ends it by three signals. Here are
// the cases that ask most of the start.
func TestLab(t *testing.T) {
	t.Parallel()
	port, temporary := daemon.ReservePort(t), t.TempDir()
	for _, play := range []func(*testing.T, *daemon.Daemon){labFullServer, labFirstPacket, labChat} {
		d, master := daemon.LaunchOnTerminal(t, labCommand(t, port, temporary), "Server is on\r\n")
		if program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", d.PID())); filepath.Base(program) != "chatd" {
			t.Fatalf("the process that was started is %q, expected chatd itself", program)
		}
		play(t, d)
		for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGKILL} {
			syscall.Kill(d.PID(), signal)      // it may have ended already
			time.Sleep(100 * time.Millisecond) // as the harness does
		}
		d.Wait(t)
		master.Close()
	}
}

// labFullServer logs in the 16 users that the lab's command line means, and one more (TR1, PR15).
func labFullServer(t *testing.T, d *daemon.Daemon) {
	d.LoginAll(t, 16)
	d.Dial(t).Ask("HELLO-FROM late", "BUSY")
}

// labFirstPacket takes the first packet of the answer for the whole, and sends an empty line too
// many.
func labFirstPacket(t *testing.T, d *daemon.Daemon) {
	c := d.Dial(t)
	c.Send("HELLO-FROM a,b\r\n\n")
	packet := make([]byte, 4096)
	c.Conn.SetReadDeadline(time.Now().Add(daemon.Patience))
	if n, err := c.Conn.Read(packet); string(packet[:n]) != "BAD-RQST-BODY\n" {
		t.Errorf("the first packet is %q (%v), expected BAD-RQST-BODY", packet[:n], err)
	}
}

func labChat(t *testing.T, d *daemon.Daemon) {
	p := d.LoginPair(t)
	p.Talk(1)
	p.Ada.Ask("LIST", "LIST-OK ada,bob")
}

// A signal that comes while Go still builds ends the process too, and no server follows.
func TestLabSignalDuringTheBuild(t *testing.T) {
	t.Parallel()
	tools := t.TempDir()
	script := "#!/bin/sh\necho building\nexec sleep 60\n"
	if err := os.WriteFile(filepath.Join(tools, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT} {
		command := labCommand(t, daemon.ReservePort(t), t.TempDir())
		command.Env = append(command.Env, "PATH="+tools+":"+os.Getenv("PATH"))
		d, master := daemon.LaunchOnTerminal(t, command, "building")
		d.Signal(t, signal)
		if status := d.Wait(t); status != -1 {
			t.Errorf("exit status %d after %v, expected to be ended by the signal", status, signal)
		}
		master.Close() // the rest of the session gets SIGHUP
	}
}

// The harness looks for a word in the file that the lab does not allow there (TR4).
func TestLabForbiddenWord(t *testing.T) {
	if word := "send" + "all"; strings.Contains(string(contents(t, "../lab/server.py")), word) {
		t.Errorf("lab/server.py contains the word %s", word)
	}
}

// labCommand is the harness's command line.
func labCommand(t *testing.T, port, temporary string) *exec.Cmd {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skipf("no Python here: %v", err)
	}
	command := exec.Command(python, "server.py", "--address", "127.0.0.1", "--port", port)
	command.Dir = "../lab"
	command.Env = append(os.Environ(), "TMPDIR="+temporary)
	return command
}
