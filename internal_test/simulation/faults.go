package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// A fault is a kind of trouble. How much of each there is, if any, is decided by the seed.
type fault int

const (
	shortRead   fault = iota // read gives less than there is
	shortWrite               // write takes less than there is room for
	spurious                 // ready is reported and is not so (B9)
	interrupt                // EINTR (B1)
	tableFull                // a spell of EMFILE, ENFILE, ENOBUFS or ENOMEM on accept (A1, A3)
	aborted                  // a connection that fails before it is accepted (A4)
	noBuffers                // ENOBUFS on write (F2)
	addFails                 // epoll_ctl ADD fails (A6)
	modifyFails              // epoll_ctl MOD fails
	fewEvents                // fewer events reported than there are (B10)
	meanwhile                // clients act between two system calls of one turn
	jump                     // the clock has moved by up to an hour (B13)
	reset                    // a client resets, mostly in the middle of a line
	halfClose                // a client says no more but listens
	leave                    // a client closes
	stall                    // a client stops reading for a while
	vanish                   // a client is never heard of again
	stop                     // the loop is asked to stop, and perhaps again
	faults
)

var faultNames = [faults]string{
	"short-read", "short-write", "spurious", "interrupt", "table-full", "aborted", "no-buffers", "add-fails",
	"modify-fails", "few-events", "meanwhile", "jump", "reset", "half-close", "leave", "stall", "vanish", "stop",
}

// Settings are what a run depends on, and nothing else: the same settings give the same run. They
// can all be given as flags, which is how a failing seed is shrunk and replayed.
type settings struct {
	seed    uint64
	clients int          // at a time; 0: as the seed says
	steps   int          // of clients, all together; 0: as the seed says
	without [faults]bool // faults left out
	poller  string       // whose rules Wait follows: epoll's, or those of select or poll
}

// String is the settings as flags.
func (s settings) String() string {
	text := fmt.Sprintf("-seed %d", s.seed)
	if s.clients > 0 {
		text += fmt.Sprintf(" -clients %d", s.clients)
	}
	if s.steps > 0 {
		text += fmt.Sprintf(" -steps %d", s.steps)
	}
	var names []string
	for f, without := range s.without {
		if without {
			names = append(names, faultNames[f])
		}
	}
	if names != nil {
		text += " -without " + strings.Join(names, ",")
	}
	if s.poller != "" {
		text += " -poller " + s.poller
	}
	return text
}

// leaveOut reads the names of faults, with commas between.
func (s *settings) leaveOut(names string) error {
	for name := range strings.SplitSeq(names, ",") {
		f := slices.Index(faultNames[:], name)
		if f < 0 {
			return fmt.Errorf("no such fault; there are %s", strings.Join(faultNames[:], ", "))
		}
		s.without[f] = true
	}
	return nil
}

// follow reads whose rules the kernel follows.
func (s *settings) follow(name string) error {
	if !slices.Contains([]string{"select", "poll", "epoll"}, name) {
		return fmt.Errorf("there are select, poll and epoll")
	}
	s.poller = name
	return nil
}

// Dice decide. Each client has its own and so has the kernel, so that one more throw of the one
// does not change what the others do.
type dice struct {
	*rand.Rand
	rates *[faults]int // of 1000
}

func newDice(seed, stream uint64, rates *[faults]int) dice {
	return dice{rand.New(rand.NewPCG(seed, stream)), rates}
}

// strikes reports whether a fault comes now.
func (d dice) strikes(f fault) bool { return d.IntN(1000) < d.rates[f] }

// span is a number from 1 to n. Small ones are as likely as large ones.
func (d dice) span(n int) int { return int(math.Exp(d.Float64() * math.Log(float64(n)+0.99))) }

// moment is a little time, now and then a long one.
func (d dice) moment() time.Duration {
	return time.Duration(d.span(int(20 * time.Second)))
}

// Figures are the numbers of one run.
type figures struct {
	settings
	rates       [faults]int // of 1000
	bulky       bool        // long names and long messages, so that queues reach the mark of 64 KiB
	maxUsers    int
	maxLine     int           // bytes
	maxName     int           // bytes
	sendTimeout time.Duration // of the loop
	room        int           // bytes: the largest socket buffer
	firstFree   int           // descriptors below are somebody else's (A11)
	descriptors int           // how many there may be from firstFree on
}

// draw lets the seed decide what the settings leave open.
func draw(s settings) *figures {
	f := &figures{settings: s}
	d := newDice(s.seed, math.MaxUint64, &f.rates)
	for kind := range f.rates {
		f.rates[kind] = []int{0, 0, 8, 40, 250}[d.IntN(5)]
		if fault(kind) >= reset { // of these, one is the end of a client
			f.rates[kind] = []int{0, 0, 1, 4, 30}[d.IntN(5)]
		}
	}
	f.rates[stop] = []int{0, 0, 0, 5}[d.IntN(4)]
	f.rates[jump] /= 8
	clients, steps := 2+d.IntN(8), 50+d.IntN(600)
	f.bulky = d.IntN(12) == 0
	f.room = []int{64, 256, 4 << 10, 128 << 10}[d.IntN(4)]
	f.maxLine = 64 + d.span(1<<10)
	f.maxName = 6 + d.span(250)
	if f.bulky {
		steps = 50 + steps/3
		f.maxLine, f.maxName = 128<<10, 4<<10
	}
	f.maxUsers = 1 + d.IntN(2*clients)
	f.sendTimeout = time.Duration(1+d.IntN(60)) * time.Second / 2
	f.firstFree = 5
	if d.IntN(40) == 0 {
		f.firstFree = 1500
	}
	f.descriptors = 1 + clients + []int{0, 0, 1, clients}[d.IntN(4)]
	for kind, without := range s.without {
		if without {
			f.rates[kind] = 0
		}
	}
	if f.clients == 0 {
		f.clients = clients
	}
	if f.steps == 0 {
		f.steps = steps
	}
	return f
}
