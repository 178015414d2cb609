// Package contender builds and starts chatd and the servers of other designs that are measured
// beside it (internal_test/servers). All take --address, --port, --max-users and --max-line, say
// address=HOST:PORT on stderr and print "Server is on" (TR5).
package contender

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Contender is one server.
type Contender struct {
	Name  string
	Flags []string // that it gets besides

	module string   // Go: where its module is, below the root of this one
	target string   // Go: its package there. Otherwise its source file, below the root
	build  []string // the command that makes a binary, to which -o BINARY TARGET is added; nil: none
	start  []string // the command that runs it
}

// Reference is the contender to which the others are compared: in C, with the same epoll loop and
// one flush a turn.
const Reference = "c"

// All are the contenders, with chatd as the first.
func All() []Contender {
	goBuild := []string{"go", "build", "-buildvcs=false"}
	const servers = "internal_test/servers"
	return []Contender{
		{Name: "chatd", module: ".", target: ".", build: goBuild},
		{Name: Reference, target: servers + "/c/server.c", build: []string{"gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-std=gnu11"}},
		{Name: "netpoll", module: servers, target: "./netpoll", build: goBuild},
		{Name: "goroutines", module: servers, target: "./goroutines", build: goBuild},
		{Name: "python", target: servers + "/python/server.py", start: []string{"python3"}},
	}
}

// Running is a contender that is built already.
func Running(name string, command ...string) Contender { return Contender{Name: name, start: command} }

// Root is the folder of the module chatd. The working directory must be inside it or one of the
// modules below it.
func Root() (string, error) {
	folder, err := os.Getwd()
	for err == nil {
		text, _ := os.ReadFile(filepath.Join(folder, "go.mod"))
		if bytes.HasPrefix(text, []byte("module chatd\n")) {
			return folder, nil
		}
		if folder == "/" {
			return "", fmt.Errorf("must be started inside the module chatd")
		}
		folder = filepath.Dir(folder)
	}
	return "", err
}

// Build builds a contender into a folder, so that Command can run it.
func (c *Contender) Build(root, folder string) error {
	source := filepath.Join(root, c.target)
	if c.build == nil {
		if _, err := exec.LookPath(c.start[0]); err != nil {
			return err
		}
		c.start = append(c.start, source)
		_, err := os.Stat(source)
		return err
	}
	if c.module != "" {
		source = c.target
	}
	binary := filepath.Join(folder, c.Name)
	build := exec.Command(c.build[0], append(c.build[1:len(c.build):len(c.build)], "-o", binary, source)...)
	build.Dir = filepath.Join(root, c.module)
	if output, err := build.CombinedOutput(); err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
		return fmt.Errorf("%s: %w: %s", c.build[0], err, strings.ReplaceAll(first, root+"/", ""))
	}
	c.start = []string{binary}
	return nil
}

// Command runs a contender on a port that the kernel chooses.
func (c *Contender) Command(flags ...string) *exec.Cmd {
	args := append(c.start[1:len(c.start):len(c.start)], "--address", "127.0.0.1", "--port", "0")
	return exec.Command(c.start[0], append(append(args, c.Flags...), flags...)...)
}

// Accepts reports whether the program's usage text names a flag.
func (c *Contender) Accepts(flag string) bool {
	usage, _ := exec.Command(c.start[0], append(c.start[1:len(c.start):len(c.start)], "--help")...).CombinedOutput()
	return bytes.Contains(usage, []byte(flag))
}
