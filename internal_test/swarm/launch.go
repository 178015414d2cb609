package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A contender is a server that is measured. All take the flags of chatd, print `Server is on` (TR5)
// and, asked for port 0, say address=HOST:PORT before it.
type contender struct {
	name   string
	module string // where its module is, below the root of this one
	target string // its package there
	binary string // what build made of it
}

func contenders() []contender {
	return []contender{
		{name: "chatd", module: ".", target: "."},
		{name: "goroutine per connection", module: "internal_test/peers", target: "./goroutines"},
	}
}

// build builds a contender into a directory.
func (c *contender) build(dir string) error {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "chatd").Output()
	if err != nil {
		return fmt.Errorf("go list: %w (figures must be started inside the module chatd)", err)
	}
	c.binary = filepath.Join(dir, strings.ReplaceAll(c.name, " ", "-"))
	module := filepath.Join(strings.TrimSpace(string(root)), c.module)
	if output, err := exec.Command("go", "build", "-C", module, "-o", c.binary, c.target).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: go build: %w\n%s", c.name, err, output)
	}
	return nil
}

// A server is a contender that runs.
type server struct {
	command *exec.Cmd
	address string
}

func (s *server) pid() int { return s.command.Process.Pid }

// start starts a contender on a free port and returns when it is ready to accept.
func (c *contender) start() (*server, error) {
	command := exec.Command(c.binary, "--address", "127.0.0.1", "--port", "0")
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	command.Stderr = command.Stdout
	if err := command.Start(); err != nil {
		return nil, err
	}
	s := &server{command: command}
	timer := time.AfterFunc(patience, func() { command.Process.Kill() })
	defer timer.Stop()
	var said bytes.Buffer
	lines := bufio.NewScanner(io.TeeReader(output, &said))
	for lines.Scan() {
		if _, after, ok := strings.Cut(lines.Text(), "address="); ok {
			s.address, _, _ = strings.Cut(after, " ")
		}
		if lines.Text() == "Server is on" && s.address != "" {
			go io.Copy(io.Discard, output) // so that it can go on talking
			return s, nil
		}
	}
	s.stop()
	return nil, errors.New(c.name + " did not come up, it said: " + said.String())
}

// stop ends a server at once.
func (s *server) stop() {
	s.command.Process.Kill()
	s.command.Wait()
}
