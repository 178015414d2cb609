package accept_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

// startWithLimit runs chatd under a limit of descriptors, with variables added to its environment.
func startWithLimit(t *testing.T, limit int, environment ...string) *daemon.Daemon {
	t.Helper()
	command := daemon.Command(t)
	command.Env = append(command.Environ(), environment...)
	d := daemon.Launch(t, daemon.ThroughShell(command, fmt.Sprint("ulimit -n ", limit), ""))
	d.AwaitReady(t)
	return d
}

// A1: more clients connect than there are descriptors, and say nothing. The client that has been
// connected longest makes room; users notice nothing, the loop comes to rest with the table full, and the log
// has one line a second at most.
func TestA1MoreClientsThanDescriptors(t *testing.T) {
	t.Parallel()
	start := time.Now()
	d := startWithLimit(t, 64)
	p := d.LoginPair(t)
	unauthenticated := d.DialAll(t, 10)
	d.AwaitDescriptors(t, 2+10) // so that some can make room
	unauthenticated = append(unauthenticated, d.DialAll(t, 140)...)
	p.Talk(10)
	for _, c := range unauthenticated[:150-64] {
		c.ExpectEOF()
	}
	d.ExpectIdle(t)
	d.ExpectLimited(t, "no descriptor left", start)
	if lines := strings.Count(d.Stderr.String(), "\n"); lines > 2+int(time.Since(start).Seconds()) {
		t.Errorf("the log has %d lines:\n%.2000s", lines, d.Stderr)
	}
	unauthenticated[149].Login("newest")
	p.Ada.Ask("LIST", "LIST-OK ada,bob,newest")
	daemon.CloseAll(unauthenticated...)
	d.CheckInvariants(t, "ada", "bob")
}

// A1: a running server is left no descriptors but those of its users (prlimit(2)). A new client is
// told BUSY, whether or not it has said something, and hears an orderly end; the log has one line a
// second at most. With descriptors there are places again.
func TestA1LimitLoweredToTheUsers(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	p := d.LoginPair(t)
	start := time.Now()
	restore := d.LowerLimit(t, d.LowestFree(t))
	for i := range 150 {
		late := d.Dial(t)
		if i%2 == 0 {
			late.Line("HELLO-FROM late")
		}
		late.ExpectClosing("BUSY")
		p.Talk(1)
	}
	d.ExpectIdle(t)
	d.ExpectLimited(t, "rejecting clients", start)
	restore()
	late := d.Login(t, "late")
	p.Ada.Ask("LIST", "LIST-OK ada,bob,late")
	late.Leave()
	d.CheckInvariants(t, "ada", "bob")
}

// A1: not even the reserve descriptor may be used. A new client waits in the backlog, the listener
// is left alone for a while each time so that the loop does not turn without end, and users notice
// nothing.
func TestA1NotEvenTheReserve(t *testing.T) {
	t.Parallel()
	daemon.SkipWith(t, "fails where the limit of descriptors is below their number", "poll")
	d := daemon.Start(t)
	p := d.LoginPair(t)
	start := time.Now()
	restore, late := loseReserve(t, d)
	late.Line("HELLO-FROM late")
	p.Talk(10)
	d.ExpectIdle(t)
	if !late.IsQuiet() {
		t.Errorf("late heard %q while there was no descriptor for it", late.Hear())
	}
	d.ExpectLimited(t, "accepting is paused", start)
	restore()
	late.Expect("HELLO late")
	p.Ada.Ask("LIST", "LIST-OK ada,bob,late")
}

// A1: the reserve descriptor has been lost to a limit so low that it could not be opened again. As
// soon as there is room the server has one, and again tells clients that there is none for them.
func TestA1ReserveIsTakenAgain(t *testing.T) {
	t.Parallel()
	daemon.SkipWith(t, "fails where the limit of descriptors is below their number", "poll")
	d := daemon.Start(t)
	restore, late := loseReserve(t, d)
	restore()
	late.Login("late")
	d.LowerLimit(t, d.LowestFree(t))
	later := d.Dial(t)
	later.Expect("BUSY")
	later.ExpectEOF()
}

// loseReserve lowers the limit so far that the daemon gives up its reserve descriptor for a client,
// late, and can open nothing in its place.
func loseReserve(t *testing.T, d *daemon.Daemon) (restore func(), late *daemon.Client) {
	t.Helper()
	restore = d.LowerLimit(t, 3)
	late = d.Dial(t)
	daemon.Await(t, "the log complains", func() bool { return strings.Contains(d.Stderr.String(), "accepting is paused") })
	return restore, late
}

// A2: the table is full, and there is so much traffic that the collector runs, again and again, and
// gives memory back to the system. The runtime then needs timers, and dies if it has no poller yet
// and cannot make one.
func TestA2CollectorWithAFullTable(t *testing.T) {
	t.Parallel()
	d := startWithLimit(t, 64, "GODEBUG=gctrace=1")
	users := d.LoginAll(t, 16)
	d.AwaitDescriptors(t, 16)
	d.DialAll(t, 64)
	message := strings.Repeat("g", 256<<10)
	daemon.Await(t, "the collector runs", func() bool {
		for i, c := range users {
			c.Ask(fmt.Sprintf("SEND u%d %s", i, message), fmt.Sprintf("DELIVERY u%d %s", i, message), "SEND-OK")
		}
		return strings.Contains(d.Stderr.String(), "\ngc 20 @")
	})
	if free := 64 - d.Descriptors(t); free > 0 {
		t.Errorf("%d descriptors were free, expected none", free)
	}
	users[0].Ask("SEND nobody x", "BAD-DEST-USER")
}

// A9: all connections are taken by clients that never log in, and fifty more wait. The places of
// users are not lost for that: sixteen log in, one after the other, and when more clients come it
// is those that never logged in that make room. The log says so of each, and of no user.
func TestA9UsersAmongUnauthenticated(t *testing.T) {
	t.Parallel()
	const limit, unauthenticated = 64, 64 + 50
	d, log := daemon.StartLogged(t)
	atStart := d.Descriptors(t)
	d.LowerLimit(t, limit)
	first := d.DialAll(t, 10)
	d.AwaitDescriptors(t, len(first)) // so that some can make room
	d.DialAll(t, unauthenticated-len(first))
	users := d.LoginAll(t, 16)
	d.DialAll(t, unauthenticated)
	d.Login(t, "last").Leave() // all that came before it have been accepted
	for _, c := range users {
		c.Ask("SEND nobody x", "BAD-DEST-USER")
	}

	here := d.Descriptors(t) - atStart
	if closed := log.Closed(t); closed["evicted"] != 2*unauthenticated+len(users)-here || closed["eof"] != 1 || len(closed) != 2 {
		t.Errorf("of %d clients %d are here, and the others have gone for %v; expected all but the last for evicted",
			2*unauthenticated+len(users)+1, here, closed)
	}
	for _, c := range users {
		if closed := log.Find(t, "msg=closed ", fmt.Sprintf(" peer=%v ", c.Conn.LocalAddr())); closed != "" {
			t.Errorf("a user was closed: %s", closed)
		}
	}
}

// A16: one address logs in as often as it can. Its next clients get BUSY, and clients of another address
// log in.
func TestA16OneAddressLogsInAgainAndAgain(t *testing.T) {
	t.Parallel()
	const limit = 20
	d, log := daemon.StartLogged(t, "--max-per-address", fmt.Sprint(limit))
	greedy := make([]*daemon.Client, limit)
	for i := range greedy {
		greedy[i] = d.Login(t, fmt.Sprint("greedy", i), daemon.From("127.0.0.2"))
	}
	for range 2 * limit {
		c := d.Dial(t, daemon.From("127.0.0.2"))
		c.Expect("BUSY")
		c.ExpectEOF()
		c.Close()
	}
	d.Login(t, "other", daemon.From("127.0.0.3")).Leave()
	log.ExpectAtLeast(t, "address_limit", 2*limit)
	if line := log.Find(t, `level=WARN msg="too many clients of one address" peer=127.0.0.2:`); line == "" {
		t.Errorf("the log has no warning:\n%s", log.Text(t))
	}
	greedy[0].Reset()
	daemon.Await(t, "one more may log in", func() bool {
		c := d.Dial(t, daemon.From("127.0.0.2"))
		defer c.Close()
		c.Line("HELLO-FROM again")
		return c.Hear() == "HELLO again"
	})
}

// A15: the limit of descriptors is enormous, as in some container runtimes. A fresh server is as
// small as under an ordinary one: its tables grow with the descriptors that there are.
func TestA15EnormousLimit(t *testing.T) {
	t.Parallel()
	const enormous, bound = 1 << 20, 4 << 20 // descriptors; bytes more than with few
	if err := exec.Command("sh", "-c", fmt.Sprint("ulimit -n ", enormous)).Run(); err != nil {
		t.Skipf("the limit of descriptors cannot be raised to %d here: %v", enormous, err)
	}
	few, many := startWithLimit(t, 1024), startWithLimit(t, enormous)
	if expected := fmt.Sprintf("max_users=%d ", enormous-48); !strings.Contains(many.Stderr.String(), expected) {
		t.Errorf("the log does not say %s: %s", expected, many.Stderr)
	}
	for _, d := range []*daemon.Daemon{few, many} {
		d.CheckInvariants(t)
	}
	if more := many.PeakMemory(t) - few.PeakMemory(t); more > bound {
		t.Errorf("%d bytes more than with few descriptors, expected at most %d", more, bound)
	}
}

// With --poller select more clients connect than it can wait for. Clients with descriptor 1024
// or above are closed, the log says why, once a second at most, and the others notice nothing. A
// place that becomes free is a place.
func TestSelectIsFull(t *testing.T) {
	t.Parallel()
	const tooMany = 100
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Max < 2*unix.FD_SETSIZE {
		t.Skipf("the limit of %d descriptors (%v) is reached before that of select", limit.Max, err)
	}
	d := daemon.Start(t, "--poller", "select")
	if log := d.Stderr.String(); !strings.Contains(log, " poller=select max_users=976 ") {
		t.Errorf("the log does not say that there are 976 places, 48 less than select has: %s", log)
	}
	p := d.LoginPair(t)
	start := time.Now()
	places := unix.FD_SETSIZE - d.Descriptors(t)
	unauthenticated := d.DialAll(t, places+tooMany)
	for _, c := range unauthenticated[places:] {
		c.ExpectEOF()
	}
	p.Talk(10)
	d.ExpectIdle(t)
	d.ExpectLimited(t, "select cannot wait for descriptor 1024 or above", start)
	unauthenticated[0].Leave()
	d.AwaitDescriptors(t, 2+places-1)
	unauthenticated[1].Login("first")
	d.Login(t, "late").Line("LIST")
	p.Ada.Ask("LIST", "LIST-OK ada,bob,first,late")
	daemon.CloseAll(unauthenticated[2:]...)
	d.AwaitDescriptors(t, 4)
}
