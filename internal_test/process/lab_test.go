package internal_test

import (
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
)

// The lab's harness starts one fresh server for each case, on the same port and on a
// pseudo-terminal, reads no more of its output than the line, and ends it by three signals. Its two
// cases that ask most of the start are played here.
func TestCourse(t *testing.T) {
	t.Parallel()
	course := newCourse(t)
	for _, play := range []func(*testing.T, string){courseFullHouse, courseFirstPacket, courseChat} {
		d, end := course.start(t)
		play(t, d.Address)
		end()
	}
}

// courseFullHouse logs in the 16 users that the lab's command line means, and one more (TR1, PR15).
func courseFullHouse(t *testing.T, address string) {
	for i := range 16 {
		daemon.Dial(t, address).Login(fmt.Sprint("user", i))
	}
	late := daemon.Dial(t, address)
	late.Line("HELLO-FROM late")
	late.Expect("BUSY")
}

// courseFirstPacket takes the first packet of the answer for the whole, and sends an empty line too
// much.
func courseFirstPacket(t *testing.T, address string) {
	c := daemon.Dial(t, address)
	c.Send("HELLO-FROM a,b\r\n\n")
	packet := make([]byte, 4096)
	c.Conn.SetReadDeadline(time.Now().Add(daemon.Patience))
	if n, err := c.Conn.Read(packet); string(packet[:n]) != "BAD-RQST-BODY\n" {
		t.Errorf("the first packet is %q (%v), expected BAD-RQST-BODY", packet[:n], err)
	}
}

func courseChat(t *testing.T, address string) {
	ada, bob := daemon.Dial(t, address), daemon.Dial(t, address)
	ada.Login("ada")
	bob.Login("bob")
	ada.Line("SEND bob hello", "LIST")
	ada.Expect("SEND-OK", "LIST-OK ada,bob")
	bob.Expect("DELIVERY ada hello")
}

// A signal that comes while Go still builds ends the process too, and no server follows.
func TestCourseSignalDuringTheBuild(t *testing.T) {
	t.Parallel()
	course := newCourse(t)
	tools := t.TempDir()
	script := "#!/bin/sh\necho building\nexec sleep 60\n"
	if err := os.WriteFile(filepath.Join(tools, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT} {
		command := course.command()
		command.Env = append(command.Env, "PATH="+tools+":"+os.Getenv("PATH"))
		d, master := launchOnTerminal(t, command)
		awaitOnTerminal(t, master, "building")
		d.Signal(t, signal)
		if status := d.Wait(t); status != -1 {
			t.Errorf("exit status %d after %v, expected to be ended by the signal", status, signal)
		}
		master.Close() // the rest of the session gets SIGHUP
	}
}

// The harness looks for a word in the file that the lab does not allow there (TR4).
func TestCourseForbiddenWord(t *testing.T) {
	text, err := os.ReadFile("course/server.py")
	if err != nil {
		t.Fatal(err)
	}
	if word := "send" + "all"; strings.Contains(string(text), word) {
		t.Errorf("course/server.py contains the word %s", word)
	}
}

// A course is the folder and the port in which a harness works.
type course struct {
	python, temporary, port string
}

func newCourse(t *testing.T) course {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skipf("no Python here: %v", err)
	}
	return course{python: python, temporary: t.TempDir(), port: fmt.Sprint(daemon.ReservePort(t))}
}

// command is the harness's command line.
func (c course) command() *exec.Cmd {
	command := exec.Command(c.python, "server.py", "--address", "127.0.0.1", "--port", c.port)
	command.Dir = "course"
	command.Env = append(os.Environ(), "TMPDIR="+c.temporary)
	return command
}

// start starts a server, which its end ends.
func (c course) start(t *testing.T) (d *daemon.Daemon, end func()) {
	t.Helper()
	d, master := launchOnTerminal(t, c.command())
	d.Address = net.JoinHostPort("127.0.0.1", c.port)
	awaitOnTerminal(t, master, "Server is on\r\n")
	if program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", d.PID())); filepath.Base(program) != "chatd" {
		t.Fatalf("the process that was started is %q, expected chatd itself", program)
	}
	return d, func() {
		t.Helper()
		for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGKILL} {
			syscall.Kill(d.PID(), signal)      // it may have gone already
			time.Sleep(100 * time.Millisecond) // as the harness does
		}
		d.Wait(t)
		master.Close()
	}
}
