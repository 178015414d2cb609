package peers_test

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

// E2: the machine of an idle user loses its power: nothing comes from it any more, and nothing is
// on its way to it. Keepalive finds out, and the user leaves the list. A user that is as idle but
// still there stays.
func TestE2IdlePeerVanishes(t *testing.T) {
	t.Parallel()
	ownNetwork(t, "nft")
	d := daemon.Start(t)
	witness, idle, lost := d.Login(t, "witness"), d.Login(t, "idle"), d.Login(t, "lost")
	cut(t, lost)
	hasten(t, d)
	witness.AwaitList("witness", "idle")
	idle.Ask("LIST", "LIST-OK witness,idle")
	heal(t)
	d.CheckInvariants(t, "witness", "idle")
}

// E3: a user vanishes and a message is on its way to it. SEND-OK has been said, since the kernel
// has taken it (PR12), and keepalive is silent while something is unacknowledged: without a user
// timeout the kernel would try again for a quarter of an hour.
func TestE3PeerVanishesWithAMessageOnTheWay(t *testing.T) {
	t.Parallel()
	ownNetwork(t, "nft")
	d := daemon.Start(t)
	witness, lost := d.Login(t, "witness"), d.Login(t, "lost")
	cut(t, lost)
	witness.Ask("SEND lost are you there?", "SEND-OK")
	hasten(t, d)
	witness.AwaitList("witness")
	heal(t)
	d.CheckInvariants(t, "witness")
}

// E3: a user vanishes and more is on its way to it than the kernel takes. Nothing of the rest is
// taken any more, so the send timeout ends it, and the sender is told BAD-DEST-USER.
func TestE3PeerVanishesWithAQueue(t *testing.T) {
	t.Parallel()
	ownNetwork(t, "nft")
	d := daemon.Start(t, "--send-timeout", "1s")
	witness, lost := d.Login(t, "witness"), d.Login(t, "lost")
	cut(t, lost)
	witness.Ask("SEND lost "+strings.Repeat("m", 512<<10), "BAD-DEST-USER")
	witness.Ask("LIST", "LIST-OK witness")
	d.ExpectLoggedOnce(t, "send_timeout")
	heal(t)
	d.CheckInvariants(t, "witness")
}

// E4: a client has no room for more and never makes any, but its kernel answers every probe that
// asks for room. To keepalive it is as alive as can be: the send timeout ends it.
func TestE4WindowClosedForEver(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t, "--send-timeout", "2s")
	sender, full := d.Login(t, "sender"), d.Login(t, "full", daemon.ReceiveBuffer(1))
	sender.Line("SEND full " + strings.Repeat("m", 512<<10))
	daemon.Await(t, "the kernel probes the closed window", func() bool { return isProbed(t, d, full) })
	sender.Expect("BAD-DEST-USER")
	sender.Ask("LIST", "LIST-OK sender")
	d.ExpectLoggedOnce(t, "send_timeout")
	d.CheckInvariants(t, "sender")
}

// isProbed reports whether the daemon's kernel has nothing left to do for a client but to ask
// whether its window has opened: timer 4 in /proc/net/tcp (proc_pid_net(5)).
func isProbed(t *testing.T, d *daemon.Daemon, c *daemon.Client) bool {
	t.Helper()
	sockets, err := os.ReadFile("/proc/thread-self/net/tcp")
	if err != nil {
		t.Skipf("this test looks at the timers of sockets: %v", err)
	}
	_, own, _ := strings.Cut(d.Address, ":")
	var server int
	fmt.Sscan(own, &server)
	line := regexp.MustCompile(fmt.Sprintf(`0100007F:%04X 0100007F:%04X 01 \S+ 04:`, server, port(c)))
	return line.Match(sockets)
}

// E5: a user's connection has died without a word, and the user comes back. The server cannot know
// yet and says IN-USE (PR5); as soon as it has noticed, the name is free.
func TestE5UserComesBackBeforeItsEndIsNoticed(t *testing.T) {
	t.Parallel()
	ownNetwork(t, "nft")
	d := daemon.Start(t)
	witness, lost := d.Login(t, "witness"), d.Login(t, "user")
	cut(t, lost)
	comesBack := func() (answer string) {
		c := d.Dial(t)
		c.Line("HELLO-FROM user")
		if answer = c.Hear(); answer == "IN-USE" {
			c.ExpectClosing()
		}
		return answer
	}
	if answer := comesBack(); answer != "IN-USE" {
		t.Fatalf("the user came back and heard %q, expected IN-USE", answer)
	}
	hasten(t, d)
	daemon.Await(t, "the name is free", func() bool { return comesBack() == "HELLO user" })
	witness.Ask("LIST", "LIST-OK witness,user")
	heal(t)
	d.CheckInvariants(t, "witness", "user")
}

// E7: one packet in ten is lost, in both directions. All messages arrive, whole and in order, and
// no client is taken for dead.
func TestE7LossyLine(t *testing.T) {
	t.Parallel()
	ownNetwork(t, "nft")
	const pairs, messages = 10, 200
	filter(t, "add rule ip line input numgen random mod 100 < 10 counter drop")
	d := daemon.Start(t)
	var names []string
	var senders, targets []*daemon.Client
	for i := range pairs {
		names = append(names, fmt.Sprint("sender", i), fmt.Sprint("target", i))
		senders = append(senders, d.Login(t, names[2*i]))
		targets = append(targets, d.Login(t, names[2*i+1]))
	}
	for i, c := range senders {
		var said strings.Builder
		for n := range messages {
			fmt.Fprintf(&said, "SEND target%d %d %s\n", i, n, daemon.Filler)
		}
		go io.WriteString(c.Conn, said.String()) // it is slower than the reading
	}
	for i, c := range targets {
		for n := range messages {
			c.Expect(fmt.Sprintf("DELIVERY sender%d %d %s", i, n, daemon.Filler))
		}
	}
	for _, c := range senders {
		for range messages {
			c.Expect("SEND-OK")
		}
	}
	if lost := runTool(t, "", "nft", "list", "ruleset"); strings.Contains(lost, "packets 0 ") {
		t.Errorf("no packet was lost, so that nothing was tested: %s", lost)
	}
	heal(t)
	d.CheckInvariants(t, names...)
}

// E8: a user's line is narrow, and many write to it. They are slowed down to what the line carries,
// the server's memory stays flat, and other clients do not notice.
func TestE8NarrowLine(t *testing.T) {
	t.Parallel()
	ownNetwork(t, "nft", "tc")
	const senders, messages, carried = 10, 400, 200 // messages of 4 KB; 16 MB in all
	const bound = 8 << 20                           // bytes
	d := daemon.Start(t)
	witness, target := d.Login(t, "witness"), d.Login(t, "target", daemon.ReceiveBuffer(64<<10))
	users := d.LoginAll(t, senders)
	narrow(t, target, "2mbit")
	before := d.PeakMemory(t)
	for _, c := range users {
		go io.WriteString(c.Conn, strings.Repeat("SEND target "+daemon.Filler+"\n", messages)) // until it is read
	}
	heard := make(map[string]int)
	hear := func(messages int) {
		for range messages {
			line := target.Hear()
			name, message, _ := strings.Cut(strings.TrimPrefix(line, "DELIVERY "), " ")
			if heard[name]++; message != daemon.Filler {
				t.Fatalf("target heard %.80q, expected a message", line)
			}
		}
	}
	hear(carried)
	answers := 0
	for _, c := range users {
		answers += arrived(c) / len("SEND-OK\n")
	}
	if most := carried + 2*daemon.KernelKeeps/len(daemon.Filler); answers > most {
		t.Errorf("%d messages were said to be sent when the line had carried %d, expected at most %d", answers, carried, most)
	}
	if grown := d.PeakMemory(t) - before; grown > bound {
		t.Errorf("memory grew by %d bytes, expected at most %d", grown, bound)
	}
	witness.Ask("SEND witness hi", "DELIVERY witness hi")
	witness.Expect("SEND-OK")

	heal(t)
	hear(senders*messages - carried)
	names := []string{"witness", "target"}
	for i, c := range users {
		names = append(names, fmt.Sprint("u", i))
		for range messages {
			c.Expect("SEND-OK")
		}
		if n := heard[names[2+i]]; n != messages {
			t.Errorf("target heard %d messages of %s, expected %d", n, names[2+i], messages)
		}
	}
	d.CheckInvariants(t, names...)
}

// arrived is how many bytes have arrived for a client that has not begun to read.
func arrived(c *daemon.Client) (n int) {
	c.Control("peek", func(fd int) (err error) {
		if n, _, err = unix.Recvfrom(fd, make([]byte, 64<<10), unix.MSG_PEEK|unix.MSG_DONTWAIT); err == unix.EAGAIN {
			n, err = 0, nil
		}
		return err
	})
	return n
}
