package peers_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"chatd/internal_test/daemon"
)

// A peer is a server that is built differently from chatd and has the same tests.
type peer struct {
	name  string
	tool  string                     // what it takes to build or run it
	build func(out string) *exec.Cmd // nil: there is nothing to build
	start func(out string, a ...string) *exec.Cmd

	// unplayed are the conversations that it does not hold, with the reason.
	unplayed map[string]string
}

var peers = []peer{
	goPeer("goroutines", map[string]string{
		"target_goes.txt": writeFails,
		"sender_goes.txt": writeFails,
	}),
	goPeer("netpoll", map[string]string{
		"half_close.txt": halfClose,
		"last_words.txt": halfClose,
	}),
	{
		name: "python",
		tool: "python3",
		start: func(_ string, a ...string) *exec.Cmd {
			return exec.Command("python3", append([]string{"python/server.py"}, a...)...)
		},
	},
	{
		name: "c",
		tool: "gcc",
		build: func(out string) *exec.Cmd {
			return exec.Command("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-std=gnu11", "-o", out, "c/server.c")
		},
		start: exec.Command,
	},
}

// The reasons.
const (
	writeFails = "a failed write is answered a moment before the target is logged out"
	halfClose  = "netpoll closes a connection whose client has half-closed"
)

func goPeer(name string, unplayed map[string]string) peer {
	return peer{
		name:     name,
		tool:     "go",
		build:    func(out string) *exec.Cmd { return exec.Command("go", "build", "-o", out, "./"+name) },
		start:    exec.Command,
		unplayed: unplayed,
	}
}

// each runs a test for every peer that can be built and run here.
func each(t *testing.T, test func(t *testing.T, p peer)) {
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(p.tool); err != nil {
				t.Skipf("%s is not installed", p.tool)
			}
			p.make(t)
			test(t, p)
		})
	}
}

var binaries string // the folder in which the peers are built

func TestMain(m *testing.M) {
	var err error
	if binaries, err = os.MkdirTemp("", "peers"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(binaries)
	os.Exit(status)
}

// run starts a peer with flags and waits until it is ready.
func (p peer) run(t *testing.T, flags ...string) *daemon.Daemon {
	t.Helper()
	d := daemon.Launch(t, p.start(filepath.Join(binaries, p.name), append([]string{"--address", "127.0.0.1", "--port", "0"}, flags...)...))
	daemon.Await(t, p.name+" is ready", func() bool {
		if d.HasEnded() {
			t.Fatalf("%s has ended: %s", p.name, d.Stderr)
		}
		match := address.FindStringSubmatch(d.Stderr.String())
		if match != nil {
			d.Address = match[1]
		}
		return match != nil && d.Stdout.String() == "Server is on\n"
	})
	return d
}

var address = regexp.MustCompile(`address=(\S+)\n`)

var made sync.Map // name of a peer -> func() error that builds it once

// make builds a peer, once for all tests.
func (p peer) make(t *testing.T) {
	t.Helper()
	build, _ := made.LoadOrStore(p.name, sync.OnceValue(func() error {
		if p.build == nil {
			return nil
		}
		output, err := p.build(filepath.Join(binaries, p.name)).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w\n%s", err, output)
		}
		return nil
	}))
	if err := build.(func() error)(); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
}
