package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A scene is a world without faults and without random clients, for a story told step by step. Only
// the order of events within a batch is still the seed's.
type scene struct {
	*world
	t      *testing.T
	orders map[string]bool // of the batches that the story is about
}

// An actor is a client that does what the story says.
type actor struct {
	*client
	s       *scene
	checked int // bytes of what it heard that the story has looked at
}

// play tells a story once for each of many seeds, so that every order of events comes up. Whatever
// the story is about, all rules of the watch hold all the time, and each client hears what the
// model says. It returns the orders in which the story's batch has come.
func play(t *testing.T, seeds uint64, change func(f *figures), story func(s *scene)) (orders map[string]bool) {
	t.Helper()
	orders = map[string]bool{}
	for seed := range seeds {
		f := draw(settings{seed: seed})
		f.rates = [faults]int{}
		f.bulky, f.maxUsers, f.maxLine, f.maxName, f.sendTimeout = false, 1000, 128<<10, 255, 30*time.Second
		f.room, f.firstFree, f.descriptors = 64<<10, 5, 1000
		if change != nil {
			change(f)
		}
		s := &scene{world: newWorld(f, nil), t: t, orders: orders}
		s.eager = true
		if err := s.play(story); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	return orders
}

func (s *scene) play(story func(s *scene)) (err error) {
	defer func() {
		switch broken := recover().(type) {
		case nil:
		case violation:
			err = fmt.Errorf("%s", broken)
		default:
			panic(broken)
		}
	}()
	story(s)
	for _, c := range s.all {
		c.stuck, c.socket.arrivedRoom = 0, 1<<20
	}
	s.rest(0)
	s.hearOut()
	s.checkAll()
	return nil
}

// connects is a client in the backlog, with ample buffers.
func (s *scene) connects() *actor {
	c := s.connect()
	c.socket.inRoom, c.socket.outRoom, c.socket.arrivedRoom = 1<<20, 64<<10, 1<<20
	return &actor{client: c, s: s}
}

// comes is a client that has connected and has been accepted.
func (s *scene) comes() *actor {
	s.t.Helper()
	a := s.connects()
	s.rest(0)
	if a.view() == nil {
		s.t.Fatalf("seed %d: client %d has not been accepted", s.seed, a.number)
	}
	return a
}

// user is a client that has logged in.
func (s *scene) user(name string) *actor {
	s.t.Helper()
	a := s.comes()
	a.says("HELLO-FROM " + name + "\n")
	s.rest(0)
	a.is("HELLO " + name + "\n")
	return a
}

// says hands a text to the client's kernel, which must have room for all of it.
func (a *actor) says(text string) {
	a.s.t.Helper()
	if n := a.socket.say([]byte(text)); n < len(text) {
		a.s.t.Fatalf("client %d could say only %d bytes of %s", a.number, n, quote(text))
	}
}

// stalls lets a client read nothing more, and the kernels on the way to it keep so many bytes.
func (a *actor) stalls(bytes int) {
	a.stuck = 1 << 30
	a.socket.outRoom, a.socket.arrivedRoom = bytes, 0
}

// reads lets a stalled client read again.
func (a *actor) reads() {
	a.stuck = 0
	a.socket.arrivedRoom = 1 << 20
}

// is fails unless the client has been told one of these since it was last asked. It returns which.
func (a *actor) is(want ...string) (which int) {
	a.s.t.Helper()
	got := string(a.heard[a.checked:])
	a.checked = len(a.heard)
	for i, w := range want {
		if got == w {
			return i
		}
	}
	a.s.t.Fatalf("seed %d: client %d was told %s, and should have been told one of %q", a.s.seed, a.number, quote(got), want)
	return -1
}

// view is what the watch has seen of a client, or nil if it has not been accepted.
func (a *actor) view() *view {
	for _, v := range a.s.watch.all {
		if v.socket == a.socket {
			return v
		}
	}
	return nil
}

// turn is one turn of the loop, in which nothing else happens.
func (s *scene) turn() {
	s.until = s.kernel.clock
	if err := s.loop.Turn(); err != nil {
		s.watch.fail("the loop ends: %v", err)
	}
}

// batch is a turn of which the order of events is remembered.
func (s *scene) batch() {
	s.turn()
	s.orders[batchName(s.watch.batch)] = true
}

// every fails unless so many orders of the batch have come up.
func every(t *testing.T, got map[string]bool, want int) {
	t.Helper()
	if len(got) != want {
		t.Errorf("the batch came in %d orders, and there are %d: %v", len(got), want, got)
	}
}

// lists is what a new client is told of who is there. It leaves again.
func (s *scene) lists() string {
	a := s.comes()
	a.says("HELLO-FROM lister\nLIST\n")
	s.rest(0)
	a.socket.halfClose()
	s.rest(0)
	return strings.TrimSuffix(strings.TrimPrefix(string(a.heard), "HELLO lister\nLIST-OK "), "lister\n")
}
