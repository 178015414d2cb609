package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"chatd/internal_test/daemon"
)

// startPatience is how long a server may take to come up, as in the lab.
const startPatience = 10 * time.Second

// A server is a process that was started to be tested, with all that it has started itself.
type server struct {
	address   string
	said      bool // that it is on
	early     bool // before it was
	elsewhere bool // it does not listen where it was told
	ours      bool // the process that listens descends from this one

	over    atomic.Pointer[string] // the limit that it was above
	command *exec.Cmd
	master  *os.File
	output  *output
	ended   chan struct{}
}

// launch starts a command line, which the shell reads, on a terminal of its own, and waits until
// the server answers. Without a target it is told a free port of 127.0.0.1. Another process may take
// that port first; then it is told another.
func (su *suite) launch() (*server, error) {
	line, target := su.command, su.target
	for attempt := 1; ; attempt++ {
		s, err := su.launchOnce(line, target)
		if err == nil {
			return s, nil
		}
		if target != "" || attempt == 3 || !strings.Contains(strings.ToLower(err.Error()), "already in use") {
			return nil, err
		}
	}
}

func (su *suite) launchOnce(line, target string) (*server, error) {
	s := &server{address: target, output: new(output), ended: make(chan struct{})}
	args := []string{"-c", line, "sh"}
	if target == "" {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		s.address = net.JoinHostPort("127.0.0.1", port)
		args = []string{"-c", line + ` "$@"`, "sh", "--address", "127.0.0.1", "--port", port}
	}
	args[1] = fmt.Sprintf("ulimit -c 0; ulimit -f %d; ", mostFile/512) + args[1] // dash counts in 512 bytes
	s.command = exec.Command("/bin/sh", args...)
	s.command.Dir = su.dir
	if err := s.start(); err != nil {
		return nil, err
	}
	if err := s.awaitReady(su.run); err != nil {
		if limit := s.overLimit(); limit != "" {
			err = errors.New("was ended: " + limit)
		}
		s.kill()
		return nil, fmt.Errorf("%s %w\nIts output:\n%s", line, err, s.lastWords())
	}
	s.ours = slices.ContainsFunc(listening(), func(address string) bool { return samePort(address, s.address) })
	return s, nil
}

func samePort(a, b string) bool {
	return a[strings.LastIndexByte(a, ':'):] == b[strings.LastIndexByte(b, ':'):]
}

func (s *server) start() error {
	// Into a pipe, Python would keep "Server is on" in its buffer.
	master, terminal, err := daemon.OpenTerminal()
	if err != nil {
		return err
	}
	defer terminal.Close()
	s.master = master
	daemon.OnTerminal(s.command, terminal)
	if err := s.command.Start(); err != nil {
		master.Close()
		return err
	}
	read := make(chan struct{})
	go func() {
		io.Copy(s.output, master) // a server that prints much must not wait for a reader
		close(read)
	}()
	go func() {
		s.command.Wait()
		select { // its last words
		case <-read:
		case <-time.After(100 * time.Millisecond):
		}
		close(s.ended)
	}()
	return nil
}

// awaitReady waits for the line that tells that the server is on (TR5). A server that never says so
// is taken to be on when it accepts.
func (s *server) awaitReady(run context.Context) error {
	const lookAfter = 2 * time.Second // for a server that does not say anything, and then how long it still may
	var accepted time.Time
	for began := time.Now(); time.Since(began) < startPatience; time.Sleep(5 * time.Millisecond) {
		switch {
		case run.Err() != nil:
			return context.Cause(run)
		case s.hasEnded():
			return fmt.Errorf("has ended instead of serving (%v)", s.command.ProcessState)
		case !s.said && strings.Contains(s.output.String(), "Server is on"):
			s.said = true
			s.early = !s.accepts()
			if s.early && s.listensElsewhere() {
				s.early = false
			}
		case accepted.IsZero() && time.Since(began) > lookAfter && s.accepts():
			accepted = time.Now()
		}
		if time.Since(began) > lookAfter && !s.accepts() {
			s.listensElsewhere()
		}
		if s.said && !s.early || !accepted.IsZero() && (s.said || time.Since(accepted) > lookAfter) {
			return nil
		}
	}
	return fmt.Errorf("did not accept a connection at %s within %v", s.address, startPatience)
}

// listensElsewhere finds a server that listens at another port than it was told.
func (s *server) listensElsewhere() bool {
	others := listening()
	if len(others) == 0 || slices.ContainsFunc(others, func(address string) bool { return samePort(address, s.address) }) {
		return false
	}
	s.address, s.elsewhere = others[0], true
	return true
}

func (s *server) accepts() bool {
	conn, err := net.DialTimeout("tcp", s.address, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// kill ends the server and all that it has started, at once and without a word.
func (s *server) kill() {
	syscall.Kill(-s.command.Process.Pid, syscall.SIGKILL) // the group of processes
	if left := endDescendants(s.command.Process.Pid); len(left) > 0 {
		fmt.Fprintf(os.Stderr, "conformance: these processes could not be ended: %v\n", left)
	}
	<-s.ended
	s.master.Close()
}

func (s *server) hasEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// endsSoon is hasEnded for a server whose connections have broken: it has time to end if it does
// not accept others.
func (s *server) endsSoon() bool {
	patience := 300 * time.Millisecond
	if !s.accepts() {
		patience = startPatience
	}
	select {
	case <-s.ended:
		return true
	case <-time.After(patience):
		return false
	}
}

// lastWords are the last lines of the output.
func (s *server) lastWords() string {
	const most = 12
	lines := strings.Split(strings.TrimRight(s.output.since(0), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// freePort asks the kernel for a free port.
func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, err
}
