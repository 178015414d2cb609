package main

import (
	"log/slog"
	"time"

	"chatd/poller"
	"chatd/protocol"
)

// A world is one run: the real loop and the real machine on a kernel in memory, and the clients.
type world struct {
	*figures
	dice   dice
	kernel *kernel
	watch  *watch
	loop   *poller.Loop
	crowd  []*client // those who act
	all    []*client

	linesEach int // that a client has to say
	messages  int // made up so far
	left      int // steps of the random clients
	until     time.Duration
	quiet     bool // nothing will happen any more before until
	eager     bool // clients read whatever there is, without being asked
	trace     func(format string, args ...any)
}

func newWorld(f *figures, trace func(format string, args ...any)) *world {
	k := newKernel(f)
	watch := newWatch(f, k, trace)
	w := &world{figures: f, dice: newDice(f.seed, 1, &f.rates), kernel: k, watch: watch, trace: trace}
	w.linesEach = 2 + w.dice.span(60)
	k.between, k.asleep = w.between, w.asleep
	loop, err := poller.NewLoop(poller.Config{
		Kernel:       watchedKernel{k, watch},
		Machine:      watchedMachine{protocol.NewMachine(protocol.Limits{Users: f.maxUsers, Line: f.maxLine, Name: f.maxName}), watch},
		Listener:     listenerFD,
		Wake:         wakeFD,
		SendTimeout:  f.sendTimeout,
		DrainTimeout: drainFor,
		BusyReply:    []byte(refusal),
		Log:          slog.New(&watch.journal),
	})
	if err != nil {
		panic(err)
	}
	w.loop = loop
	return w
}

func (w *world) tracing() bool { return w.trace != nil }

// connect is a new client in the backlog.
func (w *world) connect() *client {
	number := len(w.all) + 1
	c := &client{world: w, number: number, dice: newDice(w.seed, uint64(number)+1, &w.rates), lines: w.linesEach}
	c.socket = &socket{inRoom: c.buffer(), outRoom: c.buffer(), arrivedRoom: c.buffer(), cut: never}
	c.trace("connects")
	w.all = append(w.all, c)
	w.kernel.backlog = append(w.kernel.backlog, c.socket)
	return c
}

// between is what the world does between two system calls: mostly nothing.
func (w *world) between() {
	if w.watch.calls++; w.watch.calls > 1<<17 {
		w.watch.fail("a turn without end")
	}
	if w.left > 0 && w.dice.strikes(meanwhile) {
		w.step()
	}
}

// step is a step of somebody.
func (w *world) step() {
	w.left--
	if w.dice.strikes(stop) {
		w.kernel.wakes++
	}
	if len(w.crowd) < w.clients && w.dice.IntN(4) == 0 {
		w.crowd = append(w.crowd, w.connect())
		return
	}
	if len(w.crowd) > 0 {
		w.crowd[w.dice.IntN(len(w.crowd))].act()
	}
}

// asleep is what the world does while the loop sleeps.
func (w *world) asleep(limit time.Duration) bool {
	k := w.kernel
	switch {
	case w.left > 0:
		k.clock = min(limit, k.clock+w.dice.moment())
		w.step()
		return true
	case w.eager && w.listen():
		return true
	}
	next := min(limit, k.nextGiveUp())
	if next > w.until || next == never {
		w.quiet = true
		k.clock = max(k.clock, w.until)
		return false
	}
	k.clock = max(k.clock, next)
	return true
}

// listen lets all clients say what they began to say and read what there is. It reports whether
// that was anything.
func (w *world) listen() (heard bool) {
	for _, c := range w.all {
		n := c.say(len(c.unsent)) + c.socket.carry(w.room) + c.listen(w.room)
		heard = heard || n > 0
	}
	return heard
}

// rest turns the loop until nothing happens any more within a time.
func (w *world) rest(within time.Duration) {
	w.until = w.kernel.clock + within
	w.turns()
}

// turns turns the loop until the world is quiet.
func (w *world) turns() {
	w.quiet = false
	for !w.quiet && !w.loop.Stopped() {
		if err := w.loop.Turn(); err != nil {
			w.watch.fail("the loop ends: %v", err)
		}
	}
}

func (w *world) note(format string, args ...any) {
	if w.trace != nil {
		w.trace(format, args...)
	}
}
