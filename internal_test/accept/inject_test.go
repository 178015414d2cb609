package accept_test

import (
	"strings"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

// A3: the system has no room: no file, no buffer, no memory. The listener is left alone for 100 ms
// each time, so that the loop does not turn without end; the log has one line a second at most;
// users do not notice. When there is room again, the clients that have waited are served.
func TestA3NoRoomInTheSystem(t *testing.T) {
	const pause, callsEach = 100 * time.Millisecond, 2 // the second call is with the reserve descriptor
	t.Parallel()
	for _, err := range []string{"ENFILE", "ENOBUFS", "ENOMEM"} {
		t.Run(err, func(t *testing.T) {
			t.Parallel()
			d := daemon.Start(t)
			p := d.LoginPair(t)
			start := time.Now()
			tr := d.Attach(t, "-e", "trace=accept4", "-e", "inject=accept4:error="+err)
			late := d.Dial(t)
			late.Line("HELLO-FROM late")
			p.TalkUntil(t, "it has been tried again and again", func() bool {
				return strings.Count(tr.Seen(), "(INJECTED)") > 3*callsEach
			})
			trace := tr.Detach()
			calls, most := strings.Count(trace, "accept4("), callsEach*(1+int(time.Since(start)/pause))
			if calls > most {
				t.Errorf("%d calls of accept4 in %v, expected at most %d", calls, time.Since(start), most)
			}
			d.ExpectLimited(t, "accepting is paused", start)
			late.Expect("HELLO late")
			d.CheckInvariants(t, "ada", "bob", "late")
		})
	}
}

// A4: connections fail before they are accepted, or what is wrong with the network is told by
// accept4. Each is skipped, other clients do not notice, and the log says nothing.
func TestA4FailedConnections(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	p := d.LoginPair(t)
	for _, err := range []string{"ECONNABORTED", "EPROTO", "ENETDOWN", "EHOSTUNREACH", "EPERM", "EINTR"} {
		tr := d.Attach(t, "-e", "trace=accept4", "-e", "inject=accept4:error="+err+":when=1+3")
		for range 5 {
			late := d.Login(t, "late")
			p.Talk(1)
			late.Leave()
		}
		if trace := tr.Detach(); !daemon.Injected(trace, "accept4") {
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
	daemon.SkipWith(t, "has no system call that could refuse a descriptor", "select", "poll")
	d := daemon.Start(t)
	p := d.LoginPair(t)
	start := time.Now()
	tr := d.Attach(t, "-e", "trace=epoll_ctl", "-e", "inject=epoll_ctl:error=ENOSPC:when=1")
	refused := 0
	var served []*daemon.Client
	for range 5 {
		c := d.Dial(t)
		p.Talk(1)
		if !c.IsQuiet() {
			c.ExpectEOF()
			refused++
			continue
		}
		served = append(served, c)
	}
	trace := tr.Detach()
	if injected := strings.Count(trace, "(INJECTED)"); injected < 1 || refused != injected {
		t.Errorf("%d clients were closed and epoll_ctl failed %d times, expected as many and at least 1:\n%s", refused, injected, trace)
	}
	d.ExpectLimited(t, "cannot serve a connection", start)
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
	daemon.SkipWith(t, "has no system call that could refuse another interest", "select", "poll")
	d, log := daemon.StartLogged(t)
	witness, stalled := d.Login(t, "witness"), d.Login(t, "stalled", daemon.ReceiveBuffer(1))
	d.Attach(t, "-e", "trace=epoll_ctl", "-e", "inject=epoll_ctl:error=ENOMEM:when=1")
	stalled.Line("SEND stalled " + strings.Repeat("x", 512<<10))
	log.ExpectClosed(t, "refused", 1)
	witness.Ask("LIST", "LIST-OK witness")
}
