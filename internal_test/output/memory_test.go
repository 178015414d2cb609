package output_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

// baseMemory is what chatd may take beside the buffers that --max-buffer bounds, in bytes: as much
// as it tells the collector.
const baseMemory = 64 << 20

// loginLong logs in n users with names so long, which are numbers from a first one on.
func loginLong(t *testing.T, d *daemon.Daemon, first, n, length int, options ...daemon.Option) []*daemon.Client {
	t.Helper()
	return d.LoginMany(t, n, func(i int) string { return fmt.Sprintf("%0*d", length, first+i) }, options...)
}

// sayAll has each of the clients say its line, all at the same time, and waits until they have said
// it or have been closed.
func sayAll(clients []*daemon.Client, line func(i int) string) {
	var all sync.WaitGroup
	for i, c := range clients {
		all.Add(1)
		go func() {
			defer all.Done()
			io.WriteString(c.Conn, line(i))
		}()
	}
	all.Wait()
}

// C3, F1: what is kept for all clients comes to its bound: first 64 of them hold a line of a
// megabyte that does not end, then a hundred read nothing of a megabyte each. The server
// closes clients, and the log says why, until what is left is below the bound. Memory stays bounded, and
// two users that hold little talk all the while.
func TestF1BufferBound(t *testing.T) {
	t.Parallel()
	const bound, line = 8 << 20, 1<<20 - 100 // bytes
	const hoarders, stalled = 64, 100
	d, log := daemon.StartLogged(t, "--max-buffer", "8MiB")
	p := d.LoginPair(t)

	unfinished := d.LoginAll(t, hoarders)
	x := strings.Repeat("x", line)
	said := daemon.InBackground(func() { sayAll(unfinished, func(int) string { return ("SEND ada " + x)[:line] }) })
	p.TalkUntil(t, "all lines but those that fit have cost their clients the connection", func() bool {
		return said() && log.Closed(t)["buffer"] >= hoarders-bound/line
	})
	if closed := log.Closed(t); len(closed) != 1 || closed["buffer"] > hoarders-bound/line/2 { // a buffer may be half empty
		t.Errorf("connections have ended for %v, expected about %d for buffer", closed, hoarders-bound/line)
	}

	deaf := loginLong(t, d, 0, stalled, 3, daemon.ReceiveBuffer(1))
	said = daemon.InBackground(func() {
		sayAll(deaf, func(i int) string { return fmt.Sprintf("SEND %03d %s\n", i, x[:line-9]) })
	})
	p.TalkUntil(t, "all have said their lines", said)
	p.Talk(100)
	if closed := log.Closed(t); len(closed) != 1 || closed["buffer"] < hoarders+stalled-2*bound/line {
		t.Errorf("connections have ended for %v, expected all but a few of %d for buffer", closed, hoarders+stalled)
	}
	peak := d.PeakMemory(t)
	if peak > bound+baseMemory {
		t.Errorf("memory went up to %d bytes, expected at most %d", peak, bound+baseMemory)
	}
	t.Logf("%d clients would have held %d MiB; %d were closed for buffer, and memory went up to %d MiB",
		hoarders+stalled, (hoarders+stalled)*line>>20, log.Closed(t)["buffer"], peak>>20)
	for _, c := range append(unfinished, deaf...) {
		c.Reset()
	}
	p.Ada.AwaitList("ada", "bob")
}

// F10: clients send themselves a line of a megabyte and read all but its last bytes. Each held 1.3 MiB
// while the figure said a few bytes: 300 of them took 403 MiB under a bound of 8 MiB.
func TestF10ReadAllButTheTail(t *testing.T) {
	t.Parallel()
	const clients, line, bound, rest = 100, 1<<20 - 1000, 8 << 20, 40 << 20 // rest: the pool, garbage, the program
	d := daemon.Start(t, "--max-buffer", "8MiB")
	message := strings.Repeat("m", line)
	before := d.Memory(t, "VmRSS")
	for i, c := range d.LoginAll(t, clients, daemon.ReceiveBuffer(4<<10)) {
		c.Send(fmt.Sprintf("SEND u%d %s\n", i, message))
		io.CopyN(io.Discard, c.Conn, line-300<<10) // unless the server has closed the connection, to hold the bound
	}
	d.ExpectIdle(t)
	if grown := d.Memory(t, "VmRSS") - before; grown > bound+rest {
		t.Errorf("resident memory grew by %d MiB, expected at most %d", grown>>20, (bound+rest)>>20)
	}
}

// F11: clients that read nothing each hold a list of their own, since the list changes between their
// requests. Then clients ask for a longer list, and read it. They held most, and were closed.
func TestF11StalledReadersGoFirst(t *testing.T) {
	t.Parallel()
	const names, stalled, length = 400, 20, 1000 // 20 lists of 400 KB, more than the kernels hold: 8 MB in all
	d, log := daemon.StartLogged(t, "--max-buffer", "8MiB", "--max-name", "1000")
	loginLong(t, d, 0, names, length)
	for i := range stalled {
		d.Login(t, fmt.Sprint("stalled", i), daemon.ReceiveBuffer(1)).Line("LIST")
	}
	loginLong(t, d, names, names, length)
	time.Sleep(time.Second) // a client is stalled when it has made no progress for so long
	for i := range 10 {
		c := d.Login(t, fmt.Sprint("reader", i), daemon.ReceiveBuffer(16<<10)) // the kernels do not hold a whole list
		c.Line("LIST")
		if list := c.Hear(); strings.Count(list, ",") < 2*names {
			t.Fatalf("reader %d heard %d bytes", i, len(list))
		}
	}
	if closed := log.Closed(t); len(closed) != 1 || closed["buffer"] == 0 {
		t.Errorf("connections have ended for %v, expected some for buffer", closed)
	}
}

// cgroup makes a cgroup with a limit of memory, in bytes, below that of this process.
func cgroup(t *testing.T, limit int) (folder string) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skipf("this test needs cgroups: %v", err)
	}
	root, file := "/sys/fs/cgroup", "memory.max"
	own := regexp.MustCompile(`(?m)^0::(.*)$`).FindSubmatch(text)
	if v1 := regexp.MustCompile(`(?m)^\d+:memory:(.*)$`).FindSubmatch(text); v1 != nil {
		root, file, own = "/sys/fs/cgroup/memory", "memory.limit_in_bytes", v1
	}
	if own == nil {
		t.Skipf("this process is in no cgroup with memory: %s", text)
	}
	folder = filepath.Join(root, string(own[1]), fmt.Sprint("chatd-test-", os.Getpid()))
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Skipf("this test needs leave to make a cgroup: %v", err)
	}
	t.Cleanup(func() { os.Remove(folder) })
	if err := os.WriteFile(filepath.Join(folder, file), fmt.Append(nil, limit), 0); err != nil {
		t.Skipf("this test needs leave to limit the memory of a cgroup: %v", err)
	}
	return folder
}

// F9: in a cgroup of 128 MiB and without flags, 87 clients with unfinished lines ended in an OOM kill
// after 0.3 s. The server keeps a quarter of the limit for buffers, and says so at the start.
func TestF9DefaultFlagsInASmallCgroup(t *testing.T) {
	t.Parallel()
	const limit, hoarders, line = 128 << 20, 87, 1<<20 - 100 // bytes
	folder := cgroup(t, limit)
	d := daemon.Launch(t, daemon.ThroughShell(daemon.Command(t), "echo $$ >"+folder+"/cgroup.procs", ""))
	d.AwaitReady(t)
	d.AwaitLog(t, fmt.Sprintf(" max_buffer=%d\n", limit/4))
	p := d.LoginPair(t)
	unfinished := d.LoginAll(t, hoarders)
	x := strings.Repeat("x", line)
	said := daemon.InBackground(func() { sayAll(unfinished, func(int) string { return ("SEND ada " + x)[:line] }) })
	p.TalkUntil(t, "all have said their lines or are closed", said)
	d.AwaitLog(t, "msg=closing reason=buffer ")
	p.Talk(100)
	for _, c := range unfinished {
		c.Reset()
	}
	p.Ada.AwaitList("ada", "bob")
}

// D11: the list is a megabyte long, and a hundred clients that do not read ask for it. They share
// its bytes. A client that reads gets it whole.
func TestD11LongListToSlowReaders(t *testing.T) {
	t.Parallel()
	const names, length, readers = 2000, 500, 100
	const bound = 16 << 20 // bytes; a list for each reader would take 100 MB
	d := daemon.Start(t, "--max-name", "500")
	users := loginLong(t, d, 0, daemon.Crowd(t, names), length)
	slow := d.LoginAll(t, readers, daemon.ReceiveBuffer(64<<10))
	before := d.PeakMemory(t)
	for _, c := range slow {
		c.Line("LIST")
	}
	d.ExpectIdle(t)
	list := slow[0].Hear()
	if names := strings.Count(list, ",") + 1; names != len(users)+readers {
		t.Errorf("the list has %d names, expected %d", names, len(users)+readers)
	}
	slow[readers-1].Expect(list)
	users[0].Ask("LIST", list)
	if grown := d.PeakMemory(t) - before; grown > bound {
		t.Errorf("memory grew by %d bytes, expected at most %d", grown, bound)
	}
}

// F1, D11: twenty clients ask for the list at the same time, and read it. It is a megabyte long,
// and there once: it does not count once for each of them, and none is closed for holding too much.
func TestF1SharedListCountsOnce(t *testing.T) {
	t.Parallel()
	const names, length = 2000, 500
	d, log := daemon.StartLogged(t, "--max-buffer", "8MiB", "--max-name", "500")
	loginLong(t, d, 0, daemon.Crowd(t, names), length)
	readers := d.LoginAll(t, 20)
	for _, c := range readers {
		c.Line("LIST")
	}
	d.ExpectIdle(t)
	for _, c := range readers {
		c.Hear()
	}
	if closed := log.Closed(t); len(closed) > 0 {
		t.Errorf("connections have ended for %v, expected none", closed)
	}
}

// F3: each of a thousand idle users has sent a line of 64 KiB once. Neither it nor what it was
// written from is kept for any of them: an idle user costs a few hundred bytes.
func TestF3BuffersAreGivenBack(t *testing.T) {
	t.Parallel()
	const perUser, pool = 1 << 10, 8 << 20 // bytes; a buffer for each would be 64 KiB
	d := daemon.Start(t)
	before := d.PrivateMemory(t)
	users := d.LoginAll(t, daemon.Crowd(t, 1000))
	message := strings.Repeat("m", 64<<10-20)
	for i, c := range users {
		c.Ask(fmt.Sprintf("SEND u%d %s", i, message), fmt.Sprintf("DELIVERY u%d %s", i, message), "SEND-OK")
	}
	if grown, most := d.PrivateMemory(t)-before, len(users)*perUser+pool; grown > most {
		t.Errorf("memory grew by %d bytes for %d users, expected at most %d", grown, len(users), most)
	}
}

// F4: ten thousand users with long names come, talk to one that does not read or to each other, and
// go, in every way there is. Memory and descriptors are in the end what they were after the first
// of them.
func TestF4Churn(t *testing.T) {
	t.Parallel()
	const batch, length = 100, 1000         // users; bytes of a name
	const bound = 4 << 20                   // bytes; the names alone would be 8 MB
	logins := daemon.Crowd(t, 2500) / batch // batches
	d := daemon.Start(t, "--max-name", "1000")
	p := d.LoginPair(t)
	churn := func(first int) {
		users := loginLong(t, d, first, batch, length, daemon.From(fmt.Sprint("127.0.2.", 1+first/2500)))
		for i, c := range users {
			c.Line("SEND bob hello", fmt.Sprintf("SEND %0*d hello", length, first+(i+1)%batch))
		}
		for range batch {
			p.Bob.Hear()
		}
		for i, c := range users {
			switch i % 4 {
			case 0:
				c.Close()
			case 1:
				c.Reset()
			case 2:
				c.HalfClose()
				c.Close()
			case 3:
				c.Line("SEND ada bye", "nonsense")
				c.HalfClose()
				p.Ada.Hear()
				c.Close()
			}
		}
		d.AwaitDescriptors(t, 2)
	}
	before := 0
	for i := range 4 * logins {
		if churn(i * batch); i == logins-1 {
			before = d.PrivateMemory(t)
		}
	}
	if grown := d.PrivateMemory(t) - before; grown > bound {
		t.Errorf("memory grew by %d bytes in %d logins, expected at most %d", grown, 3*logins*batch, bound)
	}
	d.CheckInvariants(t, "ada", "bob")
}
