package internal_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

// A tracer is strace(1), attached to a running daemon. It has system calls fail, each thread
// counting its own, and writes down what it sees.
type tracer struct {
	t       *testing.T
	command *exec.Cmd
	ended   func() bool
	trace   string // path
}

// attach has the daemon traced. It skips the test where that cannot be done.
func attach(t *testing.T, d *daemon.Daemon, arguments ...string) *tracer {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err != nil {
		t.Skipf("this test needs strace: %v", err)
	}
	tr := &tracer{t: t, trace: filepath.Join(t.TempDir(), "trace")}
	tr.command = exec.Command(path, append([]string{"-f", "-p", fmt.Sprint(d.PID()), "-o", tr.trace}, arguments...)...)
	said := new(daemon.Transcript)
	tr.command.Stderr = said
	if err := tr.command.Start(); err != nil {
		t.Fatal(err)
	}
	tr.ended = inBackground(func() { tr.command.Wait() })
	t.Cleanup(func() { tr.detach() })
	daemon.Await(t, "strace is attached", func() bool {
		if tr.ended() {
			if strings.Contains(said.String(), "not permitted") {
				t.Skipf("this test needs leave to trace processes: %s", said)
			}
			t.Fatalf("strace: %s", said)
		}
		return strings.Contains(said.String(), " attached")
	})
	return tr
}

// detach leaves the daemon alone and returns what was seen.
func (tr *tracer) detach() string {
	tr.t.Helper()
	tr.command.Process.Signal(unix.SIGINT)
	for deadline := time.Now().Add(daemon.Patience); !tr.ended(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) { // as when the daemon has died of what it met
			tr.command.Process.Kill()
		}
	}
	return tr.seen()
}

// seen is what has been seen so far.
func (tr *tracer) seen() string {
	tr.t.Helper()
	text, err := os.ReadFile(tr.trace)
	if err != nil {
		tr.t.Fatal(err)
	}
	return string(text)
}

// injected reports whether strace has had each of the system calls fail. A test in which none did
// would show nothing.
func injected(trace string, calls ...string) bool {
	return !slices.ContainsFunc(calls, func(call string) bool {
		failed := regexp.MustCompile(`(?m)^.* ` + call + `[ (].*\(INJECTED\)$`)
		return !failed.MatchString(trace)
	})
}

// A3: the system has no room: no file, no buffer, no memory. The listener is left alone for 100 ms
// each time, so that the loop does not turn without end; the log has one line a second at most;
// users do not notice. When there is room again, whoever has waited is served.
func TestA3NoRoomInTheSystem(t *testing.T) {
	const pause, callsEach = 100 * time.Millisecond, 2 // the second call is with the spare descriptor
	t.Parallel()
	for _, err := range []string{"ENFILE", "ENOBUFS", "ENOMEM"} {
		t.Run(err, func(t *testing.T) {
			t.Parallel()
			d := daemon.Start(t)
			p := loginPair(t, d)
			start := time.Now()
			tr := attach(t, d, "-e", "trace=accept4", "-e", "inject=accept4:error="+err)
			late := d.Dial(t)
			late.Line("HELLO-FROM late")
			p.talkUntil(t, "it has been tried again and again", func() bool {
				return strings.Count(tr.seen(), "(INJECTED)") > 3*callsEach
			})
			trace := tr.detach()
			calls, most := strings.Count(trace, "accept4("), callsEach*(1+int(time.Since(start)/pause))
			if calls > most {
				t.Errorf("%d calls of accept4 in %v, expected at most %d", calls, time.Since(start), most)
			}
			expectComplaints(t, d, "not accepting", start)
			late.Expect("HELLO late")
			d.CheckInvariants(t, "ada", "bob", "late")
		})
	}
}

// A4: connections fail before they are accepted, or what is wrong with the network is told by
// accept4. Each is skipped, nobody else notices, and the log says nothing.
func TestA4FailedConnections(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	p := loginPair(t, d)
	for _, err := range []string{"ECONNABORTED", "EPROTO", "ENETDOWN", "EHOSTUNREACH", "EPERM", "EINTR"} {
		tr := attach(t, d, "-e", "trace=accept4", "-e", "inject=accept4:error="+err+":when=1+3")
		for range 5 {
			late := d.Login(t, "late")
			p.talk(1)
			late.Leave()
		}
		if trace := tr.detach(); !injected(trace, "accept4") {
			t.Errorf("strace had no accept4 fail:\n%s", trace)
		}
	}
	if log := d.Stderr.String(); strings.Count(log, "\n") != 1 {
		t.Errorf("the log tells more than that it listens:\n%s", log)
	}
	d.CheckInvariants(t, "ada", "bob")
}

// A6: the kernel cannot watch another descriptor. The connection that it was for is closed, the
// others are served, and no descriptor is lost.
func TestA6NoRoomInEpoll(t *testing.T) {
	t.Parallel()
	skipWith(t, "has no system call that could refuse a descriptor", "select", "poll")
	d := daemon.Start(t)
	p := loginPair(t, d)
	start := time.Now()
	tr := attach(t, d, "-e", "trace=epoll_ctl", "-e", "inject=epoll_ctl:error=ENOSPC:when=1")
	refused := 0
	var served []*daemon.Client
	for range 5 {
		c := d.Dial(t)
		p.talk(1)
		if !c.IsQuiet() {
			c.ExpectEOF()
			refused++
			continue
		}
		served = append(served, c)
	}
	trace := tr.detach()
	if injected := strings.Count(trace, "(INJECTED)"); injected < 1 || refused != injected {
		t.Errorf("%d clients were closed and epoll_ctl failed %d times, expected as many and at least 1:\n%s", refused, injected, trace)
	}
	expectComplaints(t, d, "cannot serve a connection", start)
	for _, c := range served {
		c.Login("late")
		c.Leave()
	}
	d.CheckInvariants(t, "ada", "bob")
}

// TestReasonRefused: the kernel has no memory to wait for a client in another way than before. That
// client is closed, and the log says why.
func TestReasonRefused(t *testing.T) {
	t.Parallel()
	skipWith(t, "has no system call that could refuse another interest", "select", "poll")
	d, log := startLogged(t)
	witness, stalled := d.Login(t, "witness"), d.Login(t, "stalled", daemon.ReceiveBuffer(1))
	attach(t, d, "-e", "trace=epoll_ctl", "-e", "inject=epoll_ctl:error=ENOMEM:when=1")
	stalled.Line("SEND stalled " + strings.Repeat("x", 512<<10))
	log.expectClosed(t, "refused", 1)
	witness.ExpectNothingBefore("LIST", "LIST-OK witness")
}
