package process_test

import (
	"bufio"
	"errors"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

const (
	drainFor = 5 * time.Second // a stop waits so long for clients that do not take what is queued for them
	linger   = 2 * time.Second // the shortest time that the server ever waits for a client
)

// G3: the server is stopped while nothing is queued. It does not wait for its clients.
func TestG3StopWhenIdle(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		d := daemon.Start(t)
		users := d.LoginAll(t, 50)
		d.ExpectIdle(t)
		start := time.Now()
		d.Signal(t, signal)
		d.ExpectEnd(t)
		if took := time.Since(start); took >= linger {
			t.Errorf("took %v to stop, which is as long as it waits for a client", took)
		}
		for _, c := range users {
			c.ExpectEOF()
		}
	}
}

// G3: the server is stopped while a large message is on the way to a reader that is slow. Every
// byte arrives, the sender is told, and both hear an orderly end.
func TestG3StopWithASlowReader(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	sender, target, delivery := d.StallTarget(t)
	d.Signal(t, syscall.SIGTERM)
	awaitRefusal(t, d)
	target.ExpectClosing(delivery)
	sender.ExpectClosing("SEND-OK")
	d.ExpectEnd(t)
}

// G18: a stop lost messages that were answered SEND-OK. The target reads slowly, so that its bytes
// stay in the server's kernel, and says something after the server has been told to stop.
func TestG18StopWithUnacknowledgedMessages(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	target := d.Login(t, "target", daemon.ReceiveBuffer(4<<10))
	sender := d.Login(t, "sender")
	message := strings.Repeat("m", 1000)
	for range 60 {
		sender.Line("SEND target " + message)
		sender.Expect("SEND-OK")
	}
	d.Signal(t, syscall.SIGTERM)
	awaitRefusal(t, d)
	target.Line("LIST")
	for range 60 {
		target.Expect("DELIVERY sender " + message)
	}
	target.ExpectEOF()
	target.Close()
	if status := d.Wait(t); status != 0 {
		t.Errorf("exit status %d, expected 0", status)
	}
}

// G3: the server is stopped while a client takes nothing of what is queued for it. It waits for a
// few seconds, and not for ever.
func TestG3StopWithAStalledClient(t *testing.T) {
	t.Parallel()
	const drain = time.Second
	d := daemon.Start(t, "--drain-timeout", drain.String())
	d.StallTarget(t)
	start := time.Now()
	d.Signal(t, syscall.SIGTERM)
	d.ExpectEnd(t)
	if took := time.Since(start); took < drain {
		t.Errorf("it stopped after %v, expected %v for the client to take its message", took, drain)
	}
}

// G3: the server is told not to wait at all for clients when it stops, and says that it has not.
func TestG3StopWithoutDrain(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t, "--drain-timeout", "0")
	d.StallTarget(t)
	start := time.Now()
	d.Signal(t, syscall.SIGTERM)
	d.ExpectEnd(t)
	if took := time.Since(start); took >= drainFor {
		t.Errorf("took %v to stop, which is as long as it waits without the flag", took)
	}
	const expected = `level=WARN msg="stopped before everything queued was sent" connections=2`
	if said := d.Stderr.String(); !strings.Contains(said, expected) {
		t.Errorf("stderr does not say %q: %s", expected, said)
	}
}

// G3: the server waits for a client that takes nothing, and is told to stop again. It does so at
// once.
func TestG3SecondSignal(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	d.StallTarget(t)
	start := time.Now()
	d.Signal(t, syscall.SIGTERM)
	awaitRefusal(t, d)
	if d.HasEnded() {
		t.Fatal("the first signal ended it while a message was on the way")
	}
	d.Signal(t, syscall.SIGINT)
	d.ExpectEnd(t)
	if took := time.Since(start); took >= drainFor {
		t.Errorf("took %v to stop, which is as long as it waits without the second signal", took)
	}
}

// G3: the loop hangs in a system call, so it cannot see that it is told to stop. The second signal ends
// the process all the same, and the log says why.
func TestG3SecondSignalWhileTheLoopHangs(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	tr := d.Attach(t, "-e", "trace=accept4", "-e", "inject=accept4:delay_enter=60s")
	d.Dial(t)
	daemon.Await(t, "the loop hangs", func() bool { return strings.Contains(tr.Seen(), "accept4(") })
	d.Signal(t, syscall.SIGTERM)
	d.Signal(t, syscall.SIGINT)
	d.AwaitLog(t, `level=ERROR msg="the loop does not end"`)
	tr.Detach() // or strace would keep the thread of the loop
	if status := d.Wait(t); status != 1 {
		t.Errorf("exit status %d, expected 1", status)
	}
}

// G17: a server that a service manager has started gets SIGHUP from a tool that rotates logs. It goes on,
// and stops for SIGTERM.
func TestG17HangupUnderASupervisor(t *testing.T) {
	t.Parallel()
	_, held := listen(t)
	for name, command := range map[string]*exec.Cmd{
		"NOTIFY_SOCKET": supervised(daemon.Command(t), "NOTIFY_SOCKET="+newSupervisor(t, abstract(t)).name),
		"LISTEN_FDS":    handOver(daemon.Command(t), held),
	} {
		t.Run(name, func(t *testing.T) {
			d := daemon.Launch(t, command)
			d.AwaitReady(t)
			for range 100 {
				d.Signal(t, syscall.SIGHUP)
			}
			d.CheckInvariants(t)
			d.Stop(t)
		})
	}
}

// G4: SIGHUP stops the server as SIGTERM does.
func TestG4Hangup(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	c := d.Login(t, "user")
	d.Signal(t, syscall.SIGHUP)
	c.ExpectEOF()
	d.ExpectEnd(t)
}

// G4: under nohup(1), which ignores SIGHUP and then runs the command, it stays ignored.
func TestG4HangupUnderNohup(t *testing.T) {
	t.Parallel()
	d := daemon.Launch(t, daemon.ThroughShell(daemon.Command(t), "trap '' HUP", ""))
	d.AwaitReady(t)
	ignored, err := strconv.ParseUint(d.Status(t, "SigIgn"), 16, 64)
	if err != nil || ignored&(1<<(syscall.SIGHUP-1)) == 0 {
		t.Errorf("SIGHUP is not ignored: mask %x, %v", ignored, err)
	}
	for range 100 {
		d.Signal(t, syscall.SIGHUP)
	}
	d.CheckInvariants(t)
	d.Stop(t)
}

// G4: the terminal on which the server was started is closed. It gets SIGHUP and stops, though
// stderr is gone.
func TestG4TerminalClosed(t *testing.T) {
	t.Parallel()
	d, master := daemon.LaunchOnTerminal(t, daemon.Command(t, "--port", daemon.ReservePort(t)), "Server is on\r\n")
	d.CheckInvariants(t)
	master.Close()
	d.ExpectEnd(t)
}

// G4: the terminal is closed as soon as it shows the line. The server is ready for signals by then,
// and stops in an orderly way.
func TestG4HangupRightAfterTheLine(t *testing.T) {
	t.Parallel()
	for range 5 {
		d, master := daemon.LaunchOnTerminal(t, daemon.Command(t), "Server is on\r\n")
		master.Close()
		d.ExpectEnd(t)
	}
}

// G7: signals that mean nothing to the server interrupt its wait, hundreds of times. Clients
// do not notice. The signal that stops the server wakes it from a sleep without a timeout.
func TestG7SignalsDuringTheWait(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	p := d.LoginPair(t)
	for range 100 {
		for _, signal := range []syscall.Signal{syscall.SIGWINCH, syscall.SIGURG, syscall.SIGCONT, syscall.SIGCHLD} {
			d.Signal(t, signal)
		}
		p.Talk(1)
	}
	d.CheckInvariants(t, "ada", "bob")
	d.ExpectIdle(t)
	d.Stop(t)
}

// G8: a process that has read the line on stdout can connect at once. The line is all that ever
// comes there (TR5).
func TestG8ServerIsOn(t *testing.T) {
	t.Parallel()
	for range 10 {
		command := daemon.Command(t, "--port", daemon.ReservePort(t))
		reader, writer := pipe(t)
		command.Stdout = writer
		d := daemon.Launch(t, command)
		writer.Close()
		stdout := bufio.NewReader(reader)
		if line, err := stdout.ReadString('\n'); line != "Server is on\n" {
			t.Fatalf("stdout is %q (%v), expected the line", line, err)
		}
		d.Login(t, "first")
		d.Stop(t)
		if rest, err := stdout.ReadString('\n'); rest != "" {
			t.Fatalf("stdout goes on with %q (%v), expected nothing", rest, err)
		}
	}
}

// awaitRefusal waits until the server accepts no more: it has begun to stop.
func awaitRefusal(t *testing.T, d *daemon.Daemon) {
	t.Helper()
	daemon.Await(t, "connections are refused", func() bool {
		conn, err := net.Dial("tcp", d.Address)
		if err == nil {
			conn.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
}
