package servers_test

import (
	"os"
	"os/exec"
	"testing"

	"chatd/internal_test/contender"
	"chatd/internal_test/daemon"
)

// unplayed are the conversations that a server does not hold, with the reason.
var unplayed = map[string]string{
	"goroutines/target_goes.txt": writeFails,
	"goroutines/sender_goes.txt": writeFails,
	"netpoll/half_close.txt":     halfClose,
	"netpoll/last_words.txt":     halfClose,
}

const (
	writeFails = "a failed write is answered a moment before the target is logged out"
	halfClose  = "netpoll closes a connection whose client has half-closed"
)

var servers []contender.Contender // those that can be built and run here

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	folder, err := os.MkdirTemp("", "servers")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	root, err := contender.Root()
	if err != nil {
		panic(err)
	}
	for _, s := range contender.All()[1:] { // the first is chatd
		tool := map[string]string{contender.Reference: "gcc", "python": "python3"}[s.Name]
		if _, err := exec.LookPath(tool); tool != "" && err != nil {
			continue
		}
		if err := s.Build(root, folder); err != nil {
			panic(err)
		}
		servers = append(servers, s)
	}
	return daemon.Main(m)
}

// each runs a test for every server that can be built and run here.
func each(t *testing.T, test func(t *testing.T, s contender.Contender)) {
	for _, s := range servers {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

// start starts a server with flags and waits until it is ready.
func start(t *testing.T, s contender.Contender, flags ...string) *daemon.Daemon {
	t.Helper()
	d := daemon.Launch(t, s.Command(flags...))
	d.AwaitReady(t)
	return d
}
