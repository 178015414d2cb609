// Package daemon runs the built chatd as a process and speaks to it from outside, and has what the
// black-box tests share. It knows of the server its command line, its output, its port and what
// /proc(5) shows. Any server that says its address and "Server is on" as chatd does can be run too.
//
// A failure ends the caller's test, so the functions return no errors. A program that is no test
// brings its own testing.TB, as swarm does.
package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Patience is how long Await waits before the test fails. It only guards against hanging: a
// condition that holds is seen at once.
const Patience = 20 * time.Second

// Await waits until a condition holds.
func Await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", Patience, what)
		}
	}
}

// binary is the built program: one for the whole process, however many daemons it starts.
var binary struct {
	build  sync.Once
	folder string
	err    error
}

// Binary builds chatd on its first call and returns the path of the executable, which is good until
// Remove. The executable needs no other file. The working directory must be inside the module.
func Binary(t testing.TB) string {
	t.Helper()
	binary.build.Do(func() {
		if binary.folder, binary.err = os.MkdirTemp("", "chatd-test"); binary.err != nil {
			return
		}
		build := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(binary.folder, "chatd"), "chatd")
		build.Env = append(build.Environ(), "CGO_ENABLED=0") // a cgo build needs the C library
		if output, err := build.CombinedOutput(); err != nil {
			binary.err = fmt.Errorf("%v: %w\n%s", build, err, output)
		}
	})
	if binary.err != nil {
		t.Fatalf("no chatd to test: %v", binary.err)
	}
	return filepath.Join(binary.folder, "chatd")
}

// Remove takes the executable away again. It is for the end of the process.
func Remove() {
	if binary.folder != "" {
		os.RemoveAll(binary.folder)
	}
}

// A Daemon is a running chatd.
type Daemon struct {
	// Address is where it listens. It is known from the start if the command has a --port other
	// than 0, otherwise once the daemon is ready.
	Address string

	// Stdout and Stderr are its output so far, unless the command sends it elsewhere.
	Stdout, Stderr *Transcript

	t       testing.TB
	command *exec.Cmd
	ended   chan struct{}
	atStart int // descriptors open when it was ready
}

// Poller is how every chatd waits (--poller), as the variable CHATD_POLLER of the environment says;
// empty: as chatd likes.
var Poller = os.Getenv("CHATD_POLLER")

// Command prepares chatd on a port that the kernel chooses. The caller may change everything about
// the command before Launch, and append flags, of which the last counts (each --address counts).
func Command(t testing.TB, flags ...string) *exec.Cmd {
	t.Helper()
	first := []string{"--port", "0"}
	if Poller != "" {
		first = append(first, "--poller", Poller)
	}
	return exec.Command(Binary(t), append(first, flags...)...)
}

// Start runs chatd with flags and waits until it is ready.
func Start(t testing.TB, flags ...string) *Daemon {
	t.Helper()
	d := Launch(t, Command(t, flags...))
	d.AwaitReady(t)
	return d
}

// Launch runs a command that is or becomes chatd, and waits for nothing. The process is killed when
// the test ends, or when this process does. The output is logged if the test has failed by then.
func Launch(t testing.TB, command *exec.Cmd) *Daemon {
	t.Helper()
	d := &Daemon{t: t, command: command, ended: make(chan struct{}), Stdout: new(Transcript), Stderr: new(Transcript)}
	for i, arg := range command.Args[1:] {
		if command.Args[i] == "--port" && arg != "0" {
			d.Address = net.JoinHostPort("127.0.0.1", arg)
		}
	}
	if command.Stdout == nil {
		command.Stdout = d.Stdout
	}
	if command.Stderr == nil {
		command.Stderr = d.Stderr
	}
	if command.SysProcAttr == nil {
		command.SysProcAttr = new(syscall.SysProcAttr)
	}
	command.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := command.Start(); err != nil {
		t.Fatalf("%v: %v", command, err)
	}
	go func() {
		command.Wait()
		close(d.ended)
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%v\nstdout: %q\nstderr:\n%s", command, d.Stdout, d.Stderr)
		}
		command.Process.Kill()
		<-d.ended
	})
	return d
}

var listening = regexp.MustCompile(`\baddress=(\S+)\s`)

// AwaitReady waits until a launched server has said that it is on, and learns its address. Output
// that goes elsewhere is not waited for.
func (d *Daemon) AwaitReady(t testing.TB) {
	t.Helper()
	d.awaitOutput(t, "Server is on", d.command.Stdout != d.Stdout, func() bool {
		return d.Stdout.String() == "Server is on\n"
	})
	d.awaitOutput(t, "the address on stderr", d.command.Stderr != d.Stderr, func() bool {
		match := listening.FindStringSubmatch(d.Stderr.String())
		if match != nil {
			d.Address = match[1]
		}
		return match != nil
	})
	d.atStart = d.Descriptors(t)
}

func (d *Daemon) awaitOutput(t testing.TB, what string, elsewhere bool, holds func() bool) {
	t.Helper()
	if elsewhere {
		return
	}
	Await(t, what, func() bool {
		if d.HasEnded() {
			t.Fatalf("%v ended with status %d instead of serving: %s", d.command, d.Wait(t), d.Stderr)
		}
		return holds()
	})
}

// ReservePort returns a port of 127.0.0.1 that the kernel gives to no other process until the test
// ends. A server that sets SO_REUSEADDR can listen there, because this socket does not listen.
func ReservePort(t testing.TB) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("socket: %v", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}),
	)
	address, nameErr := unix.Getsockname(fd)
	if err = errors.Join(err, nameErr); err != nil {
		t.Fatalf("reserve a port: %v", err)
	}
	return strconv.Itoa(address.(*unix.SockaddrInet4).Port)
}

// A Transcript keeps what a process writes. It may be read at any time.
type Transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends to the transcript.
func (tr *Transcript) Write(p []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.Write(p)
}

// String is all that was written so far.
func (tr *Transcript) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.String()
}
