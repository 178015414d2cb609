package main

import (
	"log/slog"
	"time"

	"chatd/poller"
	"chatd/poller/memkernel"
	"chatd/protocol"
)

// A simulation is one run: the real loop and the real machine on a kernel made of memory, and clients.
type simulation struct {
	*parameters
	dice
	sources  sources
	kernel   *memkernel.Kernel
	faults   *faults
	observer *observer
	loop     *poller.Loop
	acting   []*client // those that act by themselves
	all      []*client

	linesEach int // how many lines a client sends
	messages  int // sent so far, so that each is different
	left      int // steps of the acting clients
	until     time.Duration
	quiet     bool // nothing more happens before until
	readAll   bool // all clients send and read as much as they can while the loop sleeps
	trace     func(format string, args ...any)
}

func newSimulation(p *parameters, from sources, trace func(format string, args ...any)) *simulation {
	s := &simulation{parameters: p, dice: dice{from(partSimulation), &p.rates}, sources: from, trace: trace}
	s.linesEach = 2 + s.size(60, "lines of each client")
	s.faults = &faults{dice: dice{from(partKernel), &p.rates}, between: s.between}
	s.kernel = memkernel.New(memkernel.Options{
		Method:        p.poller,
		FirstFree:     p.firstFree,
		Limit:         p.firstFree + p.descriptors,
		ManualNetwork: true,
		Before:        s.faults.before,
		Idle:          s.idle,
		Record:        trace != nil,
	})
	s.faults.kernel = s.kernel
	s.observer = newObserver(p, s.kernel, s.faults, trace)
	s.faults.met = s.observer.met
	limits := protocol.Limits{Users: p.maxUsers, Line: p.maxLine, Name: p.maxName}
	loop, err := poller.NewLoop(poller.Config{
		Kernel:       observedKernel{s.kernel, s.observer},
		Machine:      observedMachine{protocol.NewMachine(limits), s.observer},
		Listeners:    []int{memkernel.Listener},
		Wake:         memkernel.Wake,
		SendTimeout:  p.sendTimeout,
		LoginTimeout: p.loginTimeout,
		DrainTimeout: drainTimeout,
		MaxBuffer:    p.maxBuffer,
		BusyReply:    []byte(busyReply),
		Log:          slog.New(&s.observer.log),
		Report:       s.observer.report,
	})
	if err != nil {
		panic(err)
	}
	s.loop = loop
	return s
}

// connect is a new client in the backlog.
func (s *simulation) connect() *client {
	number := len(s.all)
	c := &client{dice: dice{s.sources(partClient + number), &s.rates}, simulation: s, number: number + 1, lines: s.linesEach}
	s.kernel.Buffers = memkernel.Buffers{Receive: c.bufferSize(), Send: c.bufferSize(), Client: c.bufferSize()}
	c.socket = s.kernel.Connect()
	c.note("connects")
	s.all = append(s.all, c)
	return c
}

// between is what clients do between two calls of the loop: mostly nothing.
func (s *simulation) between() {
	if s.observer.calls++; s.observer.calls > 1<<17 {
		s.observer.fail("a turn without end")
	}
	if s.left > 0 && s.happens(meanwhile) {
		s.observer.met(meanwhile, nil)
		s.step()
	}
}

// step is a step of one client, or of the system around the loop.
func (s *simulation) step() {
	s.left--
	if s.happens(stop) {
		s.observer.met(stop, nil)
		s.kernel.Signal(1, 0)
	}
	if s.happens(figures) {
		s.observer.met(figures, nil)
		s.kernel.Signal(0, 1)
	}
	if s.happens(limit) {
		s.observer.met(limit, nil)
		s.kernel.Limit = s.firstFree + s.Choose(s.descriptors+1, "descriptor limit")
	}
	if len(s.acting) < s.clients && s.Choose(4, "connect") == 0 {
		s.acting = append(s.acting, s.connect())
		return
	}
	if len(s.acting) > 0 {
		s.acting[s.Choose(len(s.acting), "which client")].act()
	}
}

// idle is what happens while the loop sleeps (memkernel.Options).
func (s *simulation) idle(until time.Duration) bool {
	now := s.kernel.Now()
	switch {
	case s.left > 0:
		s.kernel.Advance(min(until-now, s.duration()))
		s.step()
		return true
	case s.readAll && s.exchange():
		return true
	}
	next := min(until, s.kernel.NextExpiry())
	if next > s.until || next == memkernel.Never {
		s.quiet = true
		s.faults.injected++ // this Wait ends before its timeout
		s.kernel.Advance(max(0, s.until-now))
		return false
	}
	s.kernel.Advance(max(0, next-now))
	return true
}

// exchange lets all clients send what they began to send and read what there is. It reports whether
// that was anything.
func (s *simulation) exchange() (moved bool) {
	for _, c := range s.all {
		n := c.send(len(c.unsent)) + c.socket.Deliver(s.buffer) + c.read(s.buffer)
		moved = moved || n > 0
	}
	return moved
}

// rest turns the loop until nothing more happens within a time.
func (s *simulation) rest(within time.Duration) {
	s.until = s.kernel.Now() + within
	for s.quiet = false; !s.quiet && !s.loop.Stopped(); {
		s.turn()
	}
}

func (s *simulation) turn() {
	if err := s.loop.Turn(); err != nil {
		s.observer.fail("the loop ends: %v", err)
	}
}
