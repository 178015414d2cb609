// Package play runs the real loop over the kernel made of memory, and stops it before each system
// call. The player of the page is the clients, and can be the kernel.
//
// A run is a function of its setup and its moves. Going back is a replay of one move fewer.
package play

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"chatd/poller"
	"chatd/poller/memkernel"
	"chatd/protocol"
)

// A Setup is what a run begins with.
type Setup struct {
	Method string // epoll, poll or select
	Idle   int    // clients that are connected and silent
}

const (
	maxIdle    = 1000
	maxClients = 8
)

// The buffers are small, so that a reader sees them fill.
var buffers = memkernel.Buffers{Receive: 256, Send: 64, Client: 48}

// A Run is one run of the loop.
type Run struct {
	Setup
	Kernel  *memkernel.Kernel
	Loop    *poller.Loop
	Clients []*Client
	Log     []Entry
	Broken  *Violation // the first broken promise
	Ended   string     // why the loop has ended; empty while it turns

	Pending  *memkernel.Call // the call that the loop is about to make; nil: it is asleep, or has ended
	Until    time.Duration   // when it wakes if it is asleep
	Steps    int             // that were made
	Turns    int
	Examined Count // entries that all waits looked at
	Last     Count // and the last one

	pcs      []uintptr // the stack of the pending call
	offered  int       // bytes of the pending write
	answer   string    // to the pending call, instead of the kernel's
	injected bool      // the call that is being made has an answer of the player's
	judge    judge
	quiet    bool
	next     func() (struct{}, bool)
	stop     func()
	yield    func(struct{}) bool
}

// A Count is how many entries a wait looked at.
type Count struct{ Kernel, Loop int }

// New makes a run that stands before its first wait.
func New(s Setup) (*Run, error) {
	if s.Method != "epoll" && s.Method != "poll" && s.Method != "select" {
		return nil, fmt.Errorf("there is no system call %.20q to wait with", s.Method)
	}
	if s.Idle < 0 || s.Idle > maxIdle {
		return nil, fmt.Errorf("%d idle clients: the page has 0 to %d", s.Idle, maxIdle)
	}
	r := &Run{Setup: s, quiet: true}
	r.judge.run = r
	r.Kernel = memkernel.New(memkernel.Options{
		Method: s.Method, Buffers: buffers, Before: r.before, Idle: r.idle, Record: true,
	})
	for range s.Idle {
		r.Kernel.Connect()
	}
	r.next, r.stop = iter.Pull(r.run)
	r.next()
	return r, nil
}

// Close ends a run.
func (r *Run) Close() { r.stop() }

// stopped leaves the loop when a run is closed.
type stopped struct{}

func (r *Run) run(yield func(struct{}) bool) {
	r.yield = yield
	defer func() {
		r.Pending, r.pcs = nil, nil
		switch p := recover(); p {
		case nil, stopped{}:
		default:
			r.Ended = fmt.Sprint("the loop has crashed: ", p)
			r.judge.crashed(r.Ended)
		}
	}()
	loop, err := poller.NewLoop(poller.Config{
		Kernel: r.Kernel, Listeners: []int{memkernel.Listener}, Wake: memkernel.Wake,
		Machine:     protocol.NewMachine(protocol.Limits{Users: 100, Line: 1 << 20, Name: 255}),
		SendTimeout: 10 * time.Second, DrainTimeout: 5 * time.Second,
		BusyReply: protocol.BusyReply(), Log: slog.New(handler{r}),
	})
	r.Loop = loop
	if err == nil {
		err = loop.Run()
	}
	r.completed()
	r.Ended = "the loop has ended"
	if err != nil {
		r.Ended = "the loop has ended: " + err.Error()
		r.judge.crashed(r.Ended)
	}
}

// before is the kernel's hook: the loop stands before each call until the player has it made.
func (r *Run) before(c *memkernel.Call) {
	r.completed()
	if c.Name == "report" {
		r.count(len(c.Events))
		r.reorder(c)
		return
	}
	if r.quiet && (c.Name != "wait" || len(r.Kernel.Backlog) > 0) {
		return
	}
	r.quiet = false
	r.Pending, r.offered = c, len(c.Data)
	r.stand()
	r.Pending = nil
	r.applyAnswer(c)
	r.judge.before(c)
}

// idle is what happens while the loop sleeps: the player acts, or lets time pass.
func (r *Run) idle(until time.Duration) bool {
	r.Until = min(until, r.Kernel.NextExpiry())
	r.stand()
	return true
}

func (r *Run) stand() {
	r.pcs = append(r.pcs[:0], make([]uintptr, 24)...)
	r.pcs = r.pcs[:runtime.Callers(3, r.pcs)]
	if !r.yield(struct{}{}) {
		panic(stopped{})
	}
}

// completed looks at the call that was made last.
func (r *Run) completed() {
	for _, c := range r.Kernel.Calls {
		if r.quiet {
			continue
		}
		if c.Name == "wait" {
			r.Turns++
		}
		r.Log = append(r.Log, Entry{Text: r.strace(c), Turn: r.Turns, Answered: r.injected})
		r.judge.after(c, r.injected)
		r.injected = false
	}
	r.Kernel.Calls = r.Kernel.Calls[:0]
	for _, c := range r.Clients {
		c.pump()
	}
}

// Step has the pending call made, with an answer of the player's if it is not empty.
func (r *Run) Step(answer string) error {
	switch {
	case r.Ended != "":
		return errors.New(r.Ended)
	case r.Broken != nil:
		return errors.New("a promise is broken: go back, or start again")
	case r.Pending == nil && !r.ready():
		return errors.New("the loop sleeps: a client has to do something, or time has to pass")
	case answer != "" && !slices.ContainsFunc(r.Answers(), func(a string) bool { return allows(a, answer) }):
		return fmt.Errorf("the call cannot be answered with %.30q", answer)
	}
	r.answer = answer
	r.Steps++
	r.next()
	return nil
}

// Sleep lets time pass until the loop wakes.
func (r *Run) Sleep() error {
	switch {
	case !r.Asleep():
		return errors.New("time passes only while the loop sleeps")
	case r.Until == memkernel.Never:
		return errors.New("the loop has no timeout: it sleeps until a client does something")
	case r.ready():
		return errors.New("the loop has something to do: make a step")
	}
	r.Kernel.Advance(r.Until - r.Kernel.Now())
	r.next()
	return nil
}

// Asleep reports whether the loop sleeps in a wait.
func (r *Run) Asleep() bool { return r.Pending == nil && r.Ended == "" }
