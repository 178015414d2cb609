package main

import (
	"bytes"
	"fmt"
	"runtime/debug"
	"time"

	"chatd/poller/memkernel"
)

// run is a whole run. The error says which rule was broken.
func run(s settings, from sources, trace func(format string, args ...any)) (counts, error) {
	sim := newSimulation(draw(s, from), from, trace)
	return sim.observe(func() {
		sim.left = sim.steps
		sim.rest(0)
		sim.finish()
	})
}

// observe calls play and reports which rule it broke.
func (s *simulation) observe(play func()) (c counts, err error) {
	defer func() {
		s.observer.note("")
		s.observer.counts[countSeeds] = 1
		c = s.observer.counts
		switch broken := recover().(type) {
		case nil:
		case violation:
			err = fmt.Errorf("%s", broken)
		default:
			err = fmt.Errorf("panic: %v\n%s", broken, debug.Stack())
		}
	}()
	play()
	return c, nil
}

// finish lets what was begun come to its end, and looks at what is left.
func (s *simulation) finish() {
	s.endFaults()
	s.rest(longTime)
	s.deliverAll()
	s.checkClients()
	if !s.loop.Stopped() {
		s.closeAll()
		s.checkNewUsers()
	}
}

// longTime is a time in which all that can happen happens.
const longTime = 10 * time.Minute

// endFaults ends all faults and limits, so that what was begun can come to its end.
func (s *simulation) endFaults() {
	s.observer.note("the faults end")
	s.rates = [faultKinds]int{}
	s.faults.fullCalls = 0
	s.kernel.Limit = s.firstFree + s.descriptors
	s.maxBuffer, s.loop.MaxBuffer = 0, 0
	s.left, s.readAll = 0, true
	for _, c := range s.all {
		c.stalled = 0
	}
}

// deliverAll lets everything that has been written arrive. If the loop has stopped, the process ends
// first, and with it its descriptors.
func (s *simulation) deliverAll() {
	if s.loop.Stopped() {
		s.kernel.Before = nil
		for fd := range s.kernel.Sockets {
			s.kernel.Close(fd)
		}
	}
	for s.exchange() {
	}
}

// closeAll lets all clients end. Nothing is left of them (I4, I7).
func (s *simulation) closeAll() {
	s.observer.note("all clients close")
	for _, c := range s.all {
		c.closeWrite()
	}
	s.rest(longTime)
	s.checkClients()
	o := s.observer
	for _, c := range o.connected {
		o.fail("%s is there after all clients have closed", c.id)
	}
	o.dropOwnerless()
	if len(o.receipts) > 0 {
		o.fail("%d receipts are not complete after all clients have closed", len(o.receipts))
	}
	s.kernel.Signal(0, 1)
	reports := o.counts[countReports]
	if s.turn(); o.counts[countReports] == reports {
		o.fail("the figures were asked for and not reported (G5)")
	}
}

// checkNewUsers: two new users find a server that works (I1, I2).
func (s *simulation) checkNewUsers() {
	s.observer.note("two clients connect")
	a, b := s.connect(), s.connect()
	for _, turn := range []struct {
		c    *client
		line string
	}{
		{a, "HELLO-FROM new1\n"},
		{b, "HELLO-FROM new2\n"},
		{a, "SEND new2 hi\n"},
		{b, "LIST\n"},
	} {
		turn.c.unsent = append(turn.c.unsent, turn.line...)
		s.rest(time.Second)
	}
	received := string(a.received) + string(b.received)
	if received != "HELLO new1\nSEND-OK\nHELLO new2\nDELIVERY new1 hi\nLIST-OK new1,new2\n" && s.maxUsers > 1 {
		s.observer.fail("two new users at the end received %q (I1)", received)
	}
}

// checkClients: each client received what the model says, or the beginning of it if the client could
// not or did not read all of it (H7, I5).
func (s *simulation) checkClients() {
	clients := make(map[*memkernel.Socket]*client, len(s.all))
	for _, c := range s.all {
		clients[c.socket] = c
	}
	for _, v := range s.observer.all {
		c := clients[v.socket]
		whole := v.complete || !v.closed
		if s.loop.Stopped() && !v.closed || c.socket.Vanished || c.socket.Left && !c.orderly {
			whole = false
		}
		if !bytes.HasPrefix(v.Output, c.received) || whole && len(c.received) < len(v.Output) {
			s.observer.fail("client %d (%s) received %s; the model expects %s",
				c.number, v.id, quote(c.received), quote(v.Output))
		}
		if whole && v.closed && !c.orderly {
			s.observer.fail("client %d (%s) received everything and no orderly end (D13)", c.number, v.id)
		}
	}
}
