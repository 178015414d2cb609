package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A contender is a server that is measured. All take --address, --port and --max-users, print
// `Server is on` (TR5) and, asked for port 0, say address=HOST:PORT before it.
type contender struct {
	name   string
	module string   // Go: where its module is, below the root of this one
	target string   // Go: its package there. Otherwise its source file, below the root
	build  []string // the command that makes a binary, to which -o BINARY TARGET is added; nil: none
	start  []string // the command that runs it; nil: the binary itself
	flags  []string // that it gets besides
}

// reference is the contender to which the others are compared: in C, with the same epoll loop and
// one flush a turn.
const reference = "c"

func contenders() []contender {
	goBuild := []string{"go", "build"}
	const peers = "internal_test/servers"
	return []contender{
		{name: "chatd", module: ".", target: ".", build: goBuild},
		{name: reference, target: peers + "/c/server.c", build: []string{"gcc", "-O2"}},
		{name: "netpoll", module: peers, target: "./netpoll", build: goBuild},
		{name: "goroutines", module: peers, target: "./goroutines", build: goBuild},
		{name: "python", target: peers + "/python/server.py", start: []string{"python3"}},
	}
}

// moduleRoot is the folder of the module chatd, in which the program must be started.
func moduleRoot() (string, error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "chatd").Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w (figures must be started inside the module chatd)", err)
	}
	return strings.TrimSpace(string(root)), nil
}

// make builds a contender into a folder, so that start can run it.
func (c *contender) make(root, folder string) error {
	source := filepath.Join(root, c.target)
	if c.build == nil {
		if _, err := exec.LookPath(c.start[0]); err != nil {
			return err
		}
		c.start = append(c.start, source)
		if _, err := os.Stat(source); err != nil {
			return fmt.Errorf("%s: %w", c.target, err.(*os.PathError).Err)
		}
		return nil
	}
	if c.module != "" {
		source = c.target
	}
	binary := filepath.Join(folder, c.name)
	build := exec.Command(c.build[0], append(c.build[1:], "-o", binary, source)...)
	build.Dir = filepath.Join(root, c.module)
	if output, err := build.CombinedOutput(); err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
		return fmt.Errorf("%s: %w: %s", c.build[0], err, strings.ReplaceAll(first, root+"/", ""))
	}
	c.start = []string{binary}
	return nil
}

// accepts reports whether the program's usage text names a flag.
func (c *contender) accepts(flag string) bool {
	usage, _ := exec.Command(c.start[0], append(c.start[1:], "--help")...).CombinedOutput()
	return bytes.Contains(usage, []byte(flag))
}

// A server is a contender that runs.
type server struct {
	command *exec.Cmd
	address string
}

func (s *server) pid() int { return s.command.Process.Pid }

// run starts a contender on a free port and returns when it is ready to accept.
func (c *contender) run() (*server, error) {
	args := append(c.start[1:len(c.start):len(c.start)], "--address", "127.0.0.1", "--port", "0")
	command := exec.Command(c.start[0], append(args, c.flags...)...)
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

// allowManyDescriptors raises the soft limit of descriptors to the hard one, for this process and
// for the servers that it starts, and returns the flag that says how many users then fit.
func allowManyDescriptors() ([]string, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, err
	}
	limit.Cur = limit.Max
	const others = 100 // descriptors that are no users
	users := int(min(limit.Max, 1<<20)) - others
	return []string{"--max-users", strconv.Itoa(users)}, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
}
