package poller_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatd/poller"
	"chatd/poller/memkernel"
	"chatd/protocol"
)

// C4: with a login timeout, a client that does not log in goes; one that has logged in stays, for
// ever. Without a login timeout all stay.
func TestC4LoginTimeout(t *testing.T) {
	r := newRigWith(t, poller.Config{LoginTimeout: time.Minute})
	user, silent := r.user("user"), r.connect()
	r.pass(30 * time.Second)
	talks := r.connect()
	r.pass(30*time.Second - 1)
	r.says(talks, "HELLO-FR")
	r.stays(silent)
	r.pass(1)
	r.gone(silent)
	r.pass(time.Minute)
	r.gone(talks)
	r.pass(24 * time.Hour)
	r.stays(user)
	r.ended("login_timeout", 2)
	r.sleeps(forever)

	r = newRig(t)
	silent = r.connect()
	r.pass(365 * 24 * time.Hour)
	r.stays(silent)
	r.sleeps(forever)
}

// A16: an address has as many connections as it may. The next one gets BUSY before it says anything, then
// the end of the stream, and takes no user's place. Each connection that ends makes room, whatever its end.
func TestA16OneAddressTakesNoMoreThanItsShare(t *testing.T) {
	r := newRigWith(t, poller.Config{MaxPerAddress: 3, BusyReply: []byte("BUSY\n")})
	users := r.users("a", "b")
	silent := r.connect()
	for range 2 {
		late := r.connect()
		r.says(late, "HELLO-FROM late\n")
		r.heard(late, "BUSY\n")
		late.Close()
		r.rest()
		r.gone(late)
	}
	r.ended("address_limit", 2)
	r.logged(`msg="too many clients of one address" peer=192.0.2.1:4 max_per_address=3 connections=4 suppressed=0`, 1)
	lingers := r.connect()
	r.heard(lingers, "BUSY\n")
	r.stays(lingers)
	r.pass(poller.LingerTime)
	r.gone(lingers)

	users[0].Reset()
	users[1].Close()
	silent.CloseWrite()
	r.rest()
	r.gone(users[0], users[1], silent)
	again := r.users("a", "b", "c")
	r.asks(again[0], "LIST\n", "LIST-OK a,b,c\n")
	r.heard(r.connect(), "BUSY\n")
	r.answer("add", syscall.ENOSPC) // a connection that cannot be served has left too
	again[2].Reset()
	r.gone(r.connect())
	r.user("d")
	if n := r.l.Addresses(); n != 1 {
		t.Errorf("%d addresses are known, expected 1", n)
	}
	r.k.Signal(1, 0)
	r.pass(poller.LingerTime)
	r.stopped(true)
	if n := r.l.Addresses(); n != 0 {
		t.Errorf("%d addresses are known at the end, expected none", n)
	}
}

// C17: a client on a full server lets the replies BUSY queue. That swapped its login timeout for the send
// timeout, and each BUSY that it took started the login timeout again.
func TestC17QueuedRepliesDoNotProlongTheLoginTimeout(t *testing.T) {
	r := newRigWith(t, poller.Config{
		LoginTimeout: 10 * time.Second, Machine: protocol.NewMachine(protocol.Limits{Users: 1, Line: 100, Name: 10}),
	})
	r.user("a")
	s := r.connect()
	for range 9 {
		stall(s, 0)
		r.says(s, "HELLO-FROM b\n")
		r.pass(time.Second)
		r.unstall(s)
		r.heard(s, "BUSY\n")
	}
	stall(s, 0)
	r.says(s, "HELLO-FROM b\n")
	r.stays(s)
	r.pass(time.Second)
	r.gone(s)
	r.ended("login_timeout", 1)
}

// F1, C3: what is kept for all clients together reaches its bound. The largest holders are closed,
// one after the other, until it is below: input without an end and output that is not taken alike.
// The others notice nothing.
func TestF1TheLargestHolderIsClosed(t *testing.T) {
	r := newRigWith(t, poller.Config{MaxBuffer: 1 << 20})
	ada, bob := r.user("ada"), r.user("bob")
	var holders []*client
	for i := range 6 {
		c := r.user(fmt.Sprint("holder", i))
		holders = append(holders, c)
		r.says(c, "SEND ada "+strings.Repeat("x", (100+i)<<10)) // no end of line: 615 KiB in all
	}
	stalled := r.user("stalled")
	stall(stalled, 0)
	for range 3 {
		message := strings.Repeat("y", 10<<10) + "\n"
		r.asks(ada, "SEND bob "+message, "SEND-OK\n")
		r.heard(bob, "DELIVERY ada "+message)
	}
	r.says(bob, "SEND stalled "+strings.Repeat("z", 300<<10)+"\n") // 915 KiB
	more := r.user("more")
	r.says(more, "SEND ada "+strings.Repeat("w", 60<<10)) // more than 1 MiB, and stalled holds most
	r.gone(stalled)
	r.heard(bob, "BAD-DEST-USER\n")
	r.ended("buffer", 1)
	greedy := r.user("greedy")
	r.says(greedy, "SEND ada "+strings.Repeat("v", 500<<10))
	r.gone(greedy)
	for _, c := range append(holders, more) {
		r.asks(c, "\n", "SEND-OK\n")
	}
	r.logged("reason=buffer", 1) // one line a second
	r.ended("buffer", 2)
	if n := r.l.Buffered(); n != 0 {
		t.Errorf("%d bytes are counted, and no client holds any", n)
	}
	if n := strings.Count(string(ada.Arrived), "\n"); n != 7 {
		t.Errorf("%d messages have arrived, expected 7", n)
	}
	r.asks(bob, "LIST\n", "LIST-OK ada,bob,holder0,holder1,holder2,holder3,holder4,holder5,more\n")
}

// F10: a client sends itself a long line and reads most of it. What the server keeps for
// it is as small as what is left. (Each turn is checked to count all memory that the buffers have.)
func TestF10MemoryIsGivenBack(t *testing.T) {
	r := newRig(t)
	a := r.user("a")
	a.SetBuffers(memkernel.Buffers{Receive: memkernel.Plenty, Send: 64 << 10, Client: 800 << 10})
	r.says(a, "SEND a "+strings.Repeat("x", 900<<10)+"\n")
	if queued, held := r.l.Queued(a.FD), r.l.Buffered(); queued == 0 || held < queued || held > 2*poller.ChunkSize {
		t.Errorf("%d bytes are queued and %d are counted, expected at most two chunks", queued, held)
	}
}

// F11: clients that read nothing of a long text held less each than a client that reads, and so the
// client that reads was closed. A client without progress goes first, whatever it holds.
func TestF11AStalledClientGoesBeforeAReader(t *testing.T) {
	r := newRigWith(t, poller.Config{MaxBuffer: 1 << 20})
	ada := r.user("ada")
	var stalled []*client
	for i := range 3 {
		s := r.user(fmt.Sprint("stalled", i))
		stall(s, 0)
		r.says(ada, fmt.Sprintf("SEND stalled%d %s\n", i, strings.Repeat("x", 200<<10)))
		r.says(s, "LIST\n")
		stalled = append(stalled, s)
		ada = r.user(fmt.Sprint("ada", i))
	}
	r.pass(2 * poller.StalledAfter)
	reader := r.user("reader")
	stall(reader, 100<<10)
	r.says(ada, "SEND reader "+strings.Repeat("y", 700<<10)+"\n")
	for !reader.Closed && len(reader.Arrived) < 700<<10 {
		takes(reader, 100<<10) // it reads at its own pace
		r.rest()
	}
	r.stays(reader)
	r.gone(stalled[0])
	r.unstall(reader)
	r.heard(ada, "SEND-OK\n")
}
