// Package poller is the event loop. It makes no system call and parses no line: it asks for both through
// two interfaces, and what it does follows from their answers alone.
//
//   - Kernel is everything that the loop asks of the operating system: package linux has the real one,
//     with epoll, poll or select, package memkernel one made of memory.
//   - Machine is what the loop serves: package protocol has it.
//
// Loop.Turn is where to begin to read.
package poller

import (
	"slices"
	"syscall"
	"time"

	"chatd/protocol"
	"chatd/state"
)

const (
	eventsPerTurn = 256      // events taken from the kernel in one turn
	readSize      = 16 << 10 // bytes read from a client in one turn
	linesPerTurn  = 32       // lines of a client executed at a time
	resumedAtOnce = 8        // clients with lines left that are executed in one turn
)

// A Loop serves the connections of its listeners. It is used by one goroutine, and starts none.
type Loop struct {
	Config
	records     state.Table[record] // by descriptor
	wakeID      state.ID
	connections int
	pool        pool
	input       []byte  // what was read last
	events      []Event // of this turn

	active        []*conn            // those that have to be looked at when this turn ends
	resumed       list               // those that have lines left for a later turn
	pendingWrites []*conn            // those whose queue grew or became writable
	sent          []protocol.Receipt // complete: the kernel has their frames
	lost          []protocol.Receipt // their frames are discarded

	sendTimeouts   timeouts // of connections whose queue is not empty
	lingerTimeouts timeouts // of connections that linger
	loginTimeouts  timeouts // of connections that are not logged in
	fullBatches    int      // in a row, since timeouts were last handled

	addresses   map[address]int // connections; empty if MaxPerAddress is 0
	memory      memory
	reserve     int           // descriptor that is closed when there is no other; -1: none
	pausedUntil time.Duration // when the loop accepts again; 0: it does
	warnAt      time.Duration // when the log may get the next warning
	suppressed  int           // warnings since the last one

	stops       int           // how often the loop was asked to stop
	stopUntil   time.Duration // when the drain timeout is over
	watchdogDue time.Duration // when Report is told Alive
	statsDue    time.Duration // when Report is told Changed; never: nothing has changed
	statsFrom   time.Duration // the earliest time for that; never: StatsEvery is 0
	nearest     time.Duration // when the nearest timeout expired, as of the last Wait
	counters
}

// Run turns until the loop has stopped. The error is one after which the process cannot go on.
func (l *Loop) Run() error {
	l.report(Ready)
	for !l.Stopped() {
		if err := l.Turn(); err != nil {
			return err
		}
	}
	if l.connections > 0 {
		l.Log.Warn("stopped before everything queued was sent", "connections", l.connections)
	}
	l.report(Stopped)
	return nil
}

// Turn takes one turn:
//
//  1. Wait until a descriptor is ready or the nearest timeout is due. An idle server does not wake.
//  2. Read each readable connection once and cut the bytes into lines. The machine answers each line
//     with frames, which are only appended to the out queues.
//  3. Write each queue that grew or became writable once, however many messages it holds. Where the
//     kernel takes the last byte of a frame with a receipt, the receipt is complete: the machine answers
//     with the replies that it releases, and those are written too. Then handle the timeouts that have
//     expired, after the writes, which may be the progress that a timeout waits for.
//  4. End the turn for each active connection: take the next step of closing, set its timeout, tell the
//     kernel the interest that follows from its state, and release it if it has ended. A connection is
//     closed here, so no event of the batch meets a descriptor that is used again. While all buffers
//     together are above MaxBuffer, abort the client that holds most and end the turn for it.
func (l *Loop) Turn() error {
	sleep, before := l.timeout()
	n, err := l.Kernel.Wait(l.events, sleep)
	switch err {
	case nil:
	case syscall.EINTR:
		return nil // Wait was interrupted before it read any events: skip the timeouts in this turn
	default:
		return err
	}
	began := l.Kernel.Now()
	now := l.timerNow(n, sleep, before, began)
	l.turns++
	l.reported += uint64(n)
	for _, e := range l.events[:n] {
		if err := l.dispatch(e); err != nil {
			return err
		}
	}
	l.resume()
	l.write()
	if now >= 0 {
		err = l.expire(now)
		l.write()
	}
	l.endTurn()
	for l.MaxBuffer > 0 && l.memory.own+l.memory.shared > l.MaxBuffer {
		l.closeVictim()
		l.write()
		l.endTurn()
	}
	l.longest = max(l.longest, l.Kernel.Now()-began)
	return err
}

// dispatch handles one event. Its connection may have ended earlier in the turn.
func (l *Loop) dispatch(e Event) error {
	switch {
	case e.ID == l.wakeID:
		return l.handleWake()
	case e.ID.Generation() == 0 && slices.Contains(l.Listeners, e.ID.Slot()):
		return l.accept(e.ID.Slot())
	}
	c := l.activate(e.ID)
	if c == nil {
		return nil
	}
	if e.Ready&Writable != 0 {
		c.writeBlocked = false
		l.scheduleWrite(c)
	}
	switch {
	case e.Ready&(Readable|Ended) == 0:
	case c.interest()&Readable != 0:
		l.read(c)
	case e.Ready&Ended != 0:
		l.abort(c, Reset) // the connection has failed: what is queued cannot be sent, and what was not read is dropped
	}
	return nil
}

// activate returns the conn of a connection, which will be looked at when this turn ends. It returns
// nil if the connection is closed.
func (l *Loop) activate(id state.ID) *conn {
	r := l.records.At(id.Slot())
	if r.generation != id.Generation() {
		return nil
	}
	return l.activateRecord(r, id.Slot())
}

func (l *Loop) activateRecord(r *record, slot int) *conn {
	c := r.conn
	if c == nil {
		c = l.pool.get()
		c.record, c.registered = r, Readable
		c.Reset(state.NewID(slot, r.generation), r.loggedIn)
		r.conn = c
	}
	if !c.active {
		c.active = true
		l.active = append(l.active, c)
	}
	return c
}

// endTurn leaves each active connection in the state in which it can wait for the next event.
func (l *Loop) endTurn() {
	if len(l.active) > 0 {
		l.statsDue = l.statsFrom
	}
	for _, c := range l.active {
		if c.phase > open {
			l.advanceClose(c)
		}
		if c.phase != closed {
			if c.out.size > 0 && c.timeout.list == nil { // writeQueue removes it when the kernel takes something
				l.sendTimeouts.set(c, l.Kernel.Now())
				c.unacknowledged = l.Kernel.Unacknowledged(c.ID.Slot())
			}
			if wanted := c.interest(); wanted != c.registered {
				l.updateInterest(c, wanted)
			}
		}
		c.active = false
		switch {
		case c.phase == closed:
			l.memory.update(c, 0, 0)
			l.release(c.record, c.ID.Slot(), c.reason, c.name)
			l.pool.put(c)
		case c.idle():
			if c.memory.list != nil || c.out.change != 0 {
				l.memory.update(c, 0, 0)
			}
			c.record.conn, c.record.loggedIn = nil, c.LoggedIn
			l.pool.put(c)
		default:
			l.memory.update(c, c.capacity(), l.Kernel.Now())
			if !c.mayResume() {
				c.left.remove()
			} else if c.left.list == nil {
				l.resumed.push(&c.left, c, 0)
			}
		}
	}
	l.active = l.active[:0]
}
