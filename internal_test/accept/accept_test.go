package accept_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

// A2: the Go runtime makes a poller of its own when it first needs a timer, and dies if the
// descriptor table is full by then. It has it before the first client can come: an epoll instance
// and an eventfd besides ours, which are one instance if we wait with epoll, the wake and the reserve.
func TestA2RuntimeHasItsPollerBeforeTheFirstClient(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	count := make(map[string]int)
	for _, what := range d.Open(t) {
		count[what]++
	}
	ours := 1
	if daemon.Poller == "select" || daemon.Poller == "poll" {
		ours = 0
	}
	for kind, want := range map[string]int{"anon_inode:[eventpoll]": 1 + ours, "anon_inode:[eventfd]": 3} {
		if count[kind] != want {
			t.Errorf("%d descriptors are %s at the start, expected %d: %v", count[kind], kind, want, d.Open(t))
		}
	}
}

// A8: all places are taken. The next login is told BUSY, whatever is wrong with it besides; it
// stays connected and gets the first place that is free (PR15).
func TestA8ServerFull(t *testing.T) {
	t.Parallel()
	d, log := daemon.StartLogged(t, "--max-users", "16")
	users := d.LoginAll(t, 16)
	start := time.Now()
	late, later := d.Dial(t), d.Dial(t)
	for _, name := range []string{"late", "u3", "a,b", ""} {
		late.Ask("HELLO-FROM "+name, "BUSY")
	}
	later.Ask("HELLO-FROM later", "BUSY")

	users[7].Leave()
	late.Login("late")
	later.Ask("HELLO-FROM later", "BUSY")
	late.Ask("LIST", "LIST-OK u0,u1,u2,u3,u4,u5,u6,u8,u9,u10,u11,u12,u13,u14,u15,late")

	for _, c := range []*daemon.Client{users[0], users[1], users[2], later} {
		c.Close()
	}
	d.CheckInvariants(t, "u3", "u4", "u5", "u6", "u8", "u9", "u10", "u11", "u12", "u13", "u14", "u15", "late")

	// The administrator is told, but not for each.
	text := log.Text(t)
	full := fmt.Sprintf(`level=WARN msg="the server is full, clients get BUSY" peer=%v users=16 `, late.Conn.LocalAddr())
	if n := strings.Count(text, "the server is full"); !strings.Contains(text, full) || n > 1+int(time.Since(start).Seconds()) {
		t.Errorf("the log tells of a full server %d times in %v, expected once a second at most:\n%s", n, time.Since(start), text)
	}
	d.Stop(t)
	if stopped := log.Find(t, "msg=stopped ", " max_users=16 ", " busy=6 "); stopped == "" {
		t.Errorf("the figures are not those of 16 users and 6 times BUSY:\n%s", log.Text(t))
	}
}

// A10: the limit of descriptors leaves room for fewer users than asked for. A figure that was asked
// for is refused with the one that fits; the default shrinks to it and is kept.
func TestA10LimitThatCannotBeMet(t *testing.T) {
	t.Parallel()
	lowered := func(flags ...string) *daemon.Daemon {
		return daemon.Launch(t, daemon.ThroughShell(daemon.Command(t, flags...), "ulimit -n 64", ""))
	}

	lowered("--max-users", "17").ExpectRefusal(t, 1, "17", "64", "16")
	lowered("--max-users", "16").AwaitReady(t)

	d := lowered()
	d.AwaitReady(t)
	if !strings.Contains(d.Stderr.String(), "max_users=16 ") {
		t.Errorf("with 64 descriptors the log does not say max_users=16: %s", d.Stderr)
	}
	users := d.LoginAll(t, 16)
	late := d.Dial(t)
	late.Ask("HELLO-FROM late", "BUSY")
	daemon.CloseAll(append(users, late)...)
	d.CheckInvariants(t)

	daemon.Launch(t, daemon.ThroughShell(daemon.Command(t), "ulimit -n 48", "")).ExpectRefusal(t, 1, "48")
}

// A11: the parent has left many descriptors open, so that those of clients are far above the number
// of clients. Tables that are indexed by descriptor have room for them.
func TestA11HighDescriptors(t *testing.T) {
	t.Parallel()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	command := daemon.Command(t)
	for range daemon.Crowd(t, 1100) {
		command.ExtraFiles = append(command.ExtraFiles, null)
	}
	d := daemon.Launch(t, command)
	d.AwaitReady(t)

	c := d.Login(t, "high")
	client := 0
	for fd, what := range d.Open(t) {
		if strings.HasPrefix(what, "socket:") {
			client = max(client, fd)
		}
	}
	if client < len(command.ExtraFiles) {
		t.Fatalf("the client's descriptor is %d, expected one above %d", client, len(command.ExtraFiles))
	}
	c.Line("SEND high to myself", "LIST")
	c.Expect("DELIVERY high to myself", "SEND-OK", "LIST-OK high")
	d.CheckInvariants(t, "high")
}

// A12: descriptors 0, 1 and 2 are closed at the start. No socket gets one of these numbers, and
// what is meant for stdout and stderr reaches no client.
func TestA12StandardDescriptorsClosed(t *testing.T) {
	t.Parallel()
	port := daemon.ReservePort(t)
	command := daemon.Command(t, "--port", port, "--log-level", "debug", "--send-timeout", "100ms")
	command.Stdout, command.Stderr = io.Discard, io.Discard
	d := daemon.Launch(t, daemon.ThroughShell(command, ":", "0<&- 1>&- 2>&-"))
	d.Address = net.JoinHostPort("127.0.0.1", port)
	daemon.Await(t, "the server listens", func() bool {
		conn, err := net.Dial("tcp", d.Address)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})

	d.ProvokeSendTimeout(t) // which is logged
	users := d.LoginAll(t, 3)
	for fd, what := range d.Open(t) {
		if fd <= 2 && strings.HasPrefix(what, "socket:") {
			t.Errorf("descriptor %d is %s", fd, what)
		}
	}
	for _, c := range users {
		c.Ask("LIST", "LIST-OK u0,u1,u2")
	}
	d.CheckInvariants(t, "u0", "u1", "u2")
}

// A14: the server is started again while connections of its predecessor are still known to the
// kernel. It starts at once (SO_REUSEADDR); but two servers on one port are refused (no
// SO_REUSEPORT).
func TestA14RestartAtOnce(t *testing.T) {
	t.Parallel()
	first := daemon.Start(t)
	first.LoginAll(t, 50)
	first.Signal(t, syscall.SIGKILL)
	first.Wait(t)

	_, port, _ := net.SplitHostPort(first.Address)
	second := daemon.Start(t, "--port", port)
	daemon.Launch(t, daemon.Command(t, "--port", port)).ExpectRefusal(t, 1, port)
	second.CheckInvariants(t)
}

// A5: a hundred clients connect and reset before they are accepted, half of them after
// their login line. Each is accepted all the same and ends at once; none is left in the list.
func TestA5ResetBeforeAccept(t *testing.T) {
	t.Parallel()
	d, log := daemon.StartLogged(t)
	p := d.LoginPair(t)
	d.Signal(t, syscall.SIGSTOP)
	for i := range 100 {
		c := d.Dial(t)
		if i%2 == 0 {
			c.Line(fmt.Sprint("HELLO-FROM ghost", i))
		}
		c.Reset()
	}
	d.Signal(t, syscall.SIGCONT)
	log.ExpectClosed(t, "reset", 100)
	p.Ada.Ask("LIST", "LIST-OK ada,bob")
	d.CheckInvariants(t, "ada", "bob")
}

// A7: two thousand clients connect in one instant. They are let in a few at a time: a user that sends
// something meanwhile is answered before all are here. In the end all are served.
func TestA7BurstOfConnects(t *testing.T) {
	t.Parallel()
	const rounds = 5 // the test itself may be too slow to see that some were not here yet
	d := daemon.Start(t)
	p := d.LoginPair(t)
	// A short run has as many: a few turns are over before the test looks.
	burst := make([]*daemon.Client, min(2000, daemon.Crowd(t, 20_000), somaxconn(t)/2))
	for round := 1; ; round++ {
		before := d.Descriptors(t)
		d.Signal(t, syscall.SIGSTOP)
		for i := range burst {
			burst[i] = d.Dial(t, daemon.From(fmt.Sprint("127.0.1.", round)))
		}
		p.Ada.Line("SEND bob meanwhile")
		d.Signal(t, syscall.SIGCONT)
		p.Bob.Expect("DELIVERY ada meanwhile")
		p.Ada.Expect("SEND-OK")
		d.Signal(t, syscall.SIGSTOP)
		accepted := d.Descriptors(t) - before
		d.Signal(t, syscall.SIGCONT)
		if accepted < len(burst) {
			break
		}
		if round == rounds {
			t.Fatalf("a user was answered only when all %d clients had been accepted, %d times", accepted, rounds)
		}
		for _, c := range burst {
			c.Reset()
		}
		d.AwaitDescriptors(t, 2)
	}
	for i, c := range burst {
		c.Login(fmt.Sprint("u", i))
	}
	p.Talk(1)
	daemon.CloseAll(burst...)
	d.CheckInvariants(t, "ada", "bob")
}

// somaxconn is how many connections may wait to be accepted.
func somaxconn(t *testing.T) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Sscan(string(text), &n)
	return n
}
