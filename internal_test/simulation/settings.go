package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"chatd/poller/memkernel"
)

// Settings are what a run depends on, and nothing else: the same settings give the same run. They can
// all be given as flags, which is how a failing seed is shrunk and replayed.
type settings struct {
	seed    uint64
	clients int              // at a time; 0: as the seed says
	steps   int              // of all clients together; 0: as the seed says
	without [faultKinds]bool // faults left out
	poller  string           // whose rules Wait follows: epoll's, or those of select or poll
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

// Parameters are the numbers of one run.
type parameters struct {
	settings
	rates        [faultKinds]int // of 1000
	large        bool            // long names and messages, so that queues reach the high-water mark of 64 KiB
	maxUsers     int
	maxLine      int           // bytes
	maxName      int           // bytes
	maxBuffer    int           // bytes; 0: no limit
	sendTimeout  time.Duration // of the loop
	loginTimeout time.Duration // 0: none
	buffer       int           // bytes: the largest socket buffer
	firstFree    int           // lower descriptors are used by others (A11)
	descriptors  int           // how many there may be from firstFree on
}

// draw chooses the parameters that the settings leave open.
func draw(s settings, from sources) *parameters {
	p := &parameters{settings: s}
	d := dice{from(partParameters), &p.rates}
	for f := range p.rates {
		p.rates[f] = pick(d, "rate", 0, 0, 8, 40, 250)
		if fault(f) >= reset { // after one of these the client does not act any more
			p.rates[f] = pick(d, "rate", 0, 0, 1, 4, 30)
		}
	}
	p.rates[stop] = pick(d, "rate", 0, 0, 0, 5)
	p.rates[jump] /= 8
	clients, steps := 2+d.Choose(8, "clients"), 50+d.Choose(600, "steps")
	p.large = d.Choose(12, "large") == 0
	p.buffer = pick(d, "buffer", 64, 256, 4<<10, 128<<10)
	p.maxLine = 64 + d.size(1<<10, "longest line")
	p.maxName = 6 + d.size(250, "longest name")
	limit := 512 + d.size(16<<10, "memory limit")
	if p.large {
		steps = 50 + steps/3
		p.maxLine, p.maxName = 128<<10, 4<<10
		limit *= 64
	}
	if d.Choose(4, "limited memory") == 0 {
		p.maxBuffer = limit
	}
	p.maxUsers = 1 + d.Choose(2*clients, "users")
	p.sendTimeout = time.Duration(1+d.Choose(60, "send timeout")) * time.Second / 2
	if d.Choose(3, "login timeout") == 0 {
		p.loginTimeout = time.Duration(3+d.Choose(60, "login timeout")) * time.Second / 2
	}
	p.firstFree = memkernel.Wake + 1
	if d.Choose(40, "first descriptor") == 0 {
		p.firstFree = 1500
	}
	p.descriptors = 1 + clients + pick(d, "descriptors", 0, 0, 1, clients)
	for f, without := range s.without {
		if without {
			p.rates[f] = 0
		}
	}
	if p.clients == 0 {
		p.clients = clients
	}
	if p.steps == 0 {
		p.steps = steps
	}
	return p
}
