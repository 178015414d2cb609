package input_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

// visit is a client's whole life, with something large in it, so that every kind of system call has
// a part.
func visit(t *testing.T, d *daemon.Daemon) {
	t.Helper()
	c := d.Login(t, "visitor", daemon.ReceiveBuffer(64<<10))
	message := strings.Repeat("v", 200<<10)
	c.Line("SEND visitor "+message, "LIST")
	c.Expect("DELIVERY visitor "+message, "SEND-OK", "LIST-OK ada,bob,visitor")
	c.Leave()
}

// expectRetried has system calls fail with errors that mean "retry later", while clients come, talk
// and go. Clients do not notice, and the log says nothing.
func expectRetried(t *testing.T, calls []string, injections ...string) {
	t.Helper()
	d := daemon.Start(t)
	p := d.LoginPair(t)
	arguments := []string{"-e", "trace=" + strings.Join(calls, ",")}
	for _, injection := range injections {
		arguments = append(arguments, "-e", "inject="+injection)
	}
	tr := d.Attach(t, arguments...)
	daemon.Await(t, "each call has failed", func() bool {
		visit(t, d)
		p.Talk(10)
		time.Sleep(20 * time.Millisecond) // so that the loop goes to sleep for long: another call
		return daemon.Injected(tr.Seen(), calls...)
	})
	tr.Detach()
	if log := d.Stderr.String(); strings.Count(log, "\n") != 1 {
		t.Errorf("the log tells more than that it listens:\n%s", log)
	}
	d.CheckInvariants(t, "ada", "bob")
}

// B1: every system call that can be interrupted is, every second time. It is made again.
func TestB1EveryCallInterrupted(t *testing.T) {
	t.Parallel()
	waits := []string{"epoll_wait", "epoll_pwait"}
	switch daemon.Poller {
	case "select":
		waits = []string{"pselect6"}
	case "poll":
		waits = []string{"ppoll"}
	}
	expectRetried(t, append(waits, "read", "write", "accept4"),
		strings.Join(waits, ",")+":error=EINTR:when=2+2", "read,write,accept4:error=EINTR:when=1+2")
}

// B9: a descriptor is said to be ready, and then there is nothing to read or no room to write.
// Nothing has happened.
func TestB9SpuriousReadiness(t *testing.T) {
	t.Parallel()
	expectRetried(t, []string{"read", "write", "accept4"}, "read,write,accept4:error=EAGAIN:when=1+2")
}

// F2: the kernel is short of memory for what a client is sent. That means "not now" and is not the
// end of the connection: all comes, whole and in order.
func TestF2NoBuffersForOutput(t *testing.T) {
	t.Parallel()
	for _, err := range []string{"ENOBUFS", "ENOMEM"} {
		d := daemon.Start(t)
		p := d.LoginPair(t)
		arguments := []string{"-e", "trace=write", "-e", "inject=write:error=" + err + ":when=1+2"}
		for _, what := range d.Open(t) {
			if strings.HasPrefix(what, "socket:") {
				arguments = append(arguments, "-P", what) // or Go's runtime would meet it too, and die
			}
		}
		tr := d.Attach(t, arguments...)
		p.Talk(10)
		message := strings.Repeat("m", 200<<10)
		p.Ada.Line("SEND bob "+message, "SEND bob 1", "SEND bob 2", "LIST")
		p.Bob.Expect("DELIVERY ada "+message, "DELIVERY ada 1", "DELIVERY ada 2")
		p.Ada.Expect("SEND-OK", "SEND-OK", "SEND-OK", "LIST-OK ada,bob")
		if trace := tr.Detach(); !daemon.Injected(trace, "write") {
			t.Errorf("strace had no write fail:\n%s", trace)
		}
		d.CheckInvariants(t, "ada", "bob")
	}
}

// B1: signals that mean nothing to the server come without a pause, thousands of them. Each may
// interrupt a system call; clients do not notice.
func TestB1SignalStorm(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	p := d.LoginPair(t)
	sent, calm := 0, false
	over := daemon.InBackground(func() {
		for sent < 5000 && syscall.Kill(d.PID(), syscall.SIGWINCH) == nil {
			sent++
		}
	})
	for !calm {
		calm = over() // one visit more when the last signal has been sent
		p.Talk(10)
		visit(t, d)
	}
	if sent < 5000 {
		t.Errorf("%d signals were sent", sent)
	}
	d.CheckInvariants(t, "ada", "bob")
	d.ExpectIdle(t)
}

// B1: strace is attached to the running server a few times. To attach and to detach interrupts every
// wait, without a signal; clients do not notice.
func TestB1TracerComesAndGoes(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	p := d.LoginPair(t)
	for i := range 5 {
		tr := d.Attach(t)
		p.Talk(5)
		visit(t, d)
		if trace := tr.Detach(); !strings.Contains(trace, fmt.Sprintf("message %d", p.Said)) {
			t.Errorf("the tracer did not see message %d when it came for the %dth time", p.Said, i)
		}
		p.Talk(5)
	}
	d.CheckInvariants(t, "ada", "bob")
	d.ExpectIdle(t)
}
