package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chatd/poller/memkernel"
)

// A scenario is a simulation without faults and without clients that act by themselves. Only the order
// of events in a batch depends on the seed.
type scenario struct {
	*simulation
	t      *testing.T
	orders map[string]bool // of the batches that the scenario is about
}

// A testClient is a client that does what the scenario says.
type testClient struct {
	*client
	s       *scenario
	checked int // bytes of received that the scenario has compared
}

// runScenario runs a scenario for many seeds, so that every order of events happens. Besides what the
// scenario is about, all rules of the observer hold, and each client receives what the model says. It
// returns the orders in which the scenario's batch has come.
func runScenario(t *testing.T, seeds uint64, change func(p *parameters), script func(s *scenario)) (orders map[string]bool) {
	t.Helper()
	orders = map[string]bool{}
	for seed := range seeds {
		p := draw(settings{seed: seed}, seeded(seed))
		p.rates = [faultKinds]int{}
		p.large, p.maxUsers, p.maxLine, p.maxName, p.maxBuffer = false, 1000, 128<<10, 255, 0
		p.sendTimeout, p.loginTimeout = 30*time.Second, 0
		p.buffer, p.firstFree, p.descriptors = 64<<10, 5, 1000
		if change != nil {
			change(p)
		}
		s := &scenario{simulation: newSimulation(p, seeded(seed), nil), t: t, orders: orders}
		s.readAll = true
		if err := s.run(script); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	return orders
}

func (s *scenario) run(script func(s *scenario)) (err error) {
	defer func() {
		switch broken := recover().(type) {
		case nil:
		case violation:
			err = fmt.Errorf("%s", broken)
		default:
			panic(broken)
		}
	}()
	script(s)
	for _, c := range s.all {
		c.resume()
	}
	s.rest(0)
	s.deliverAll()
	s.checkClients()
	return nil
}

// connects is a client in the backlog, with large buffers.
func (s *scenario) connects() *testClient {
	c := s.connect()
	c.socket.SetBuffers(memkernel.Buffers{Receive: 1 << 20, Send: 64 << 10, Client: 1 << 20})
	return &testClient{client: c, s: s}
}

// accepted is a client that is connected and accepted.
func (s *scenario) accepted() *testClient {
	s.t.Helper()
	c := s.connects()
	s.rest(0)
	if c.connection() == nil {
		s.t.Fatalf("seed %d: client %d has not been accepted", s.seed, c.number)
	}
	return c
}

// user is a client that is logged in.
func (s *scenario) user(name string) *testClient {
	s.t.Helper()
	c := s.accepted()
	c.sends("HELLO-FROM " + name + "\n")
	s.rest(0)
	c.receives("HELLO " + name + "\n")
	return c
}

// sends gives a text to the client's kernel, which must have room for all of it.
func (c *testClient) sends(text string) {
	c.s.t.Helper()
	if n, err := c.socket.Write([]byte(text)); n < len(text) {
		c.s.t.Fatalf("client %d could send only %d bytes of %s: %v", c.number, n, quote(text), err)
	}
}

// resets resets the connection.
func (c *testClient) resets() {
	c.socket.Reset()
	c.ended = true
}

// receives fails unless the client has received one of these texts since it was last asked. It returns
// which.
func (c *testClient) receives(want ...string) (which int) {
	c.s.t.Helper()
	got := string(c.received[c.checked:])
	c.checked = len(c.received)
	for i, w := range want {
		if got == w {
			return i
		}
	}
	c.s.t.Fatalf("seed %d: client %d received %s, expected one of %q", c.s.seed, c.number, quote(got), want)
	return -1
}

// connection is what the observer knows of a client; nil: it has not been accepted.
func (c *testClient) connection() *connection {
	for _, other := range c.s.observer.all {
		if other.socket == c.socket {
			return other
		}
	}
	return nil
}

// reason is why the loop closed its last connection.
func (s *scenario) reason() string { return string(s.observer.log.reason) }

// oneTurn is one turn of the loop, in which nothing else happens.
func (s *scenario) oneTurn() {
	s.until = s.kernel.Now()
	s.turn()
}

// turns returns how many turns the loop takes within a time.
func (s *scenario) turns(within time.Duration) int {
	before := s.observer.counts[countTurns]
	s.rest(within)
	return s.observer.counts[countTurns] - before
}

// batch is a turn of which the order of events is remembered.
func (s *scenario) batch() {
	s.oneTurn()
	var order strings.Builder
	for _, e := range s.observer.turn.batch {
		fmt.Fprint(&order, e.ID, readiness(e.Ready), " ")
	}
	s.orders[order.String()] = true
}

// expectOrders fails unless so many orders of the batch have come.
func expectOrders(t *testing.T, got map[string]bool, want int) {
	t.Helper()
	if len(got) != want {
		t.Errorf("the batch came in %d orders, expected %d: %v", len(got), want, got)
	}
}

// users is the list that a new client gets, with a comma behind each name. The client closes again.
func (s *scenario) users() string {
	c := s.accepted()
	c.sends("HELLO-FROM lister\nLIST\n")
	s.rest(0)
	c.socket.CloseWrite()
	s.rest(0)
	return strings.TrimSuffix(strings.TrimPrefix(string(c.received), "HELLO lister\nLIST-OK "), "lister\n")
}
