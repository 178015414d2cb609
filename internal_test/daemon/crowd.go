package daemon

import (
	"fmt"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// Crowd is how many clients a test of many can have: n, or fewer where the limit of descriptors or
// a short run asks for it. The test needs a descriptor for each, and so does chatd, which with
// select has places for fewer than 1,024.
func Crowd(t testing.TB, n int) int {
	t.Helper()
	const others = 300 // descriptors of tests that run at the same time, and of the runtime
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatalf("getrlimit: %v", err)
	}
	if testing.Short() {
		n /= 10
	}
	if Poller == "select" {
		n = min(n, unix.FD_SETSIZE-others)
	}
	if fits := int(min(limit.Max, 1<<20))/4 - others; fits < n {
		if fits < 10 {
			t.Skipf("the limit of %d descriptors is too low for many clients", limit.Max)
		}
		n = fits
	}
	return n
}

// LoginAll logs in n users, named u0, u1 and so on. Every 10,000 come from another address, because
// an address has only so many ports.
func (d *Daemon) LoginAll(t testing.TB, n int, options ...Option) []*Client {
	t.Helper()
	return d.LoginMany(t, n, func(i int) string { return fmt.Sprint("u", i) }, options...)
}

// LoginMany logs in n users at the same time, whose names come from a function.
func (d *Daemon) LoginMany(t testing.TB, n int, name func(i int) string, options ...Option) []*Client {
	t.Helper()
	clients := make([]*Client, n)
	for i := range clients {
		from := From(fmt.Sprintf("127.0.1.%d", 1+i/10_000))
		clients[i] = d.Dial(t, append([]Option{from}, options...)...)
		clients[i].Line("HELLO-FROM " + name(i))
	}
	for i, c := range clients {
		c.Expect("HELLO " + name(i))
	}
	return clients
}

// DialAll connects n clients that send nothing.
func (d *Daemon) DialAll(t testing.TB, n int, options ...Option) []*Client {
	t.Helper()
	clients := make([]*Client, n)
	for i := range clients {
		clients[i] = d.Dial(t, options...)
	}
	return clients
}

// CloseAll closes the connections of clients.
func CloseAll(clients ...*Client) {
	for _, c := range clients {
		c.Close()
	}
}

// A Pair is two users, ada and bob, that talk while a fault is provoked on other connections. Their
// messages must not be disturbed by it.
type Pair struct {
	Ada, Bob *Client
	Said     int // messages so far
}

// LoginPair logs the pair in.
func (d *Daemon) LoginPair(t testing.TB) *Pair {
	t.Helper()
	return &Pair{Ada: d.Login(t, "ada"), Bob: d.Login(t, "bob")}
}

// Talk has ada send so many messages to bob, each after the SEND-OK of the one before.
func (p *Pair) Talk(times int) {
	p.Ada.t.Helper()
	for range times {
		p.Said++
		message := fmt.Sprint("message ", p.Said)
		p.Ada.Line("SEND bob " + message)
		p.Bob.Expect("DELIVERY ada " + message)
		p.Ada.Expect("SEND-OK")
	}
}

// TalkUntil has them talk until a condition holds.
func (p *Pair) TalkUntil(t testing.TB, what string, holds func() bool) {
	t.Helper()
	Await(t, what, func() bool {
		p.Talk(1)
		return holds()
	})
}

// InBackground runs a function beside the test; done reports whether it has returned.
func InBackground(do func()) (done func() bool) {
	var flag atomic.Bool
	go func() {
		do()
		flag.Store(true)
	}()
	return flag.Load
}
