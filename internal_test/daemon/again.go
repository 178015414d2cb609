package daemon

import (
	"flag"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Main runs the tests of a package and removes the executable that they have built. Most tests wait
// more than they compute, so more of them run at a time than there are processors.
func Main(m *testing.M) (status int) {
	defer Remove()
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		parallel.Value.Set(strconv.Itoa(4 * runtime.GOMAXPROCS(0)))
	}
	return m.Run()
}

// AgainWithEachPoller runs tests of the same package again with --poller select and --poller poll,
// with which the server does the same as with epoll. They are those that would notice first if a way
// to wait reported too much, too little or too late; all of them run again with
//
//	CHATD_POLLER=poll go test ./internal_test/...
func AgainWithEachPoller(t *testing.T, tests ...string) {
	if Poller != "" {
		t.Skipf("this run is with %s", Poller)
	}
	t.Parallel()
	for _, poller := range []string{"select", "poll"} {
		t.Run(poller, func(t *testing.T) {
			t.Parallel()
			again := exec.Command(os.Args[0], "-test.run=^("+strings.Join(tests, "|")+")$", "-test.v", "-test.short")
			again.Env = append(again.Environ(), "CHATD_POLLER="+poller)
			again.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			output, err := again.CombinedOutput()
			if err != nil {
				t.Errorf("%v: %v\n%s", again, err, output)
			}
			for _, name := range tests {
				if !strings.Contains(string(output), "--- PASS: "+name+" ") && !strings.Contains(string(output), "--- SKIP: "+name+" ") {
					t.Errorf("%s has not run", name)
				}
			}
		})
	}
}
