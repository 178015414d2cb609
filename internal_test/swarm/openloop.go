package main

import (
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A schedule says when each message of an open loop is due, whatever the server does: message i of
// all is due i intervals after the begin, and the senders take turns.
//
// The latency of a message runs from the moment when it was due, not from when it was written. A
// closed loop, or one that measures from the write, stops asking while the server stalls: of a
// stall of a second it sees one slow message, and omits the thousand that would have been sent
// meanwhile (coordinated omission). Here each of the thousand has waited, and each counts.
type schedule struct {
	m        *messages
	rate     int // messages per second in all
	begin    time.Duration
	sent     int // of all senders
	measured struct{ from, until time.Duration }
	stopped  bool          // no more are sent
	patience time.Duration // with messages that do not get through
}

// newOpenLoop makes a load of so many pairs with a rate for all together.
func newOpenLoop(s *swarm, pairs, rate, size int) *messages {
	m := newMessages(s, pairs, pairs, 1, size)
	m.schedule = &schedule{m: m, rate: rate}
	return m
}

// due is when message number i of all is to be sent.
func (p *schedule) due(i int) time.Duration {
	seconds, rest := i/p.rate, i%p.rate
	return p.begin + time.Duration(seconds)*time.Second + time.Duration(rest)*time.Second/time.Duration(p.rate)
}

// send sends what is due, in one turn no more than so much that answers are still read. A sender
// whose kernel takes no more keeps the rest in memory: what is due is not put off because the
// server is slow.
func (p *schedule) send() {
	at := now()
	for most := p.sent + eventsPerTurn; !p.stopped && p.sent < most && p.due(p.sent) <= at; p.sent++ {
		x := &p.m.senders[p.sent%len(p.m.senders)]
		p.m.append(x)
		p.m.s.flush(x.c)
	}
}

// next is how long it is until something is due, and at most so long.
func (p *schedule) next(most time.Duration) time.Duration {
	if p.stopped {
		return most
	}
	return min(most, max(0, p.due(p.sent)-now()))
}

// through counts a sender's message number i. Those that were due in the measured window give the
// latency, whenever they arrive.
func (p *schedule) through(sender, i int) {
	due := p.due(i*len(p.m.senders) + sender)
	if due >= p.measured.from && due < p.measured.until {
		p.m.s.tally.samples = append(p.m.s.tally.samples, now()-due)
	}
	p.m.s.tally.messages++
}

// missing is how many messages have been sent and have not been through.
func (p *schedule) missing() (n int) {
	for i := range p.m.senders {
		x := &p.m.senders[i]
		n += x.sent - min(x.acknowledged, x.delivered)
	}
	return n
}

// drain sends no more and waits for what is missing: a message that has not come when the window
// ends is one of the slowest, and must not be left out.
func (p *schedule) drain() error {
	p.stopped = true
	for end, before := now()+p.patience, p.missing(); before > 0 && p.m.s.tally.errors == 0; {
		if err := p.m.s.turn(); err != nil {
			return err
		}
		if missing := p.missing(); missing < before {
			end, before = now()+p.patience, missing
		} else if now() > end {
			p.m.s.fail(fmt.Errorf("%d messages have never been through: %w", missing, errStalled))
		}
	}
	return nil
}

// wakePunctually has the kernel wake this thread when its time is over, and not up to 50 us later,
// which would count as the server's latency (PR_SET_TIMERSLACK, prctl(2)). The caller's goroutine
// stays on the thread until it calls release.
func wakePunctually() (release func()) {
	runtime.LockOSThread()
	unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	return func() {
		unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0)
		runtime.UnlockOSThread()
	}
}
