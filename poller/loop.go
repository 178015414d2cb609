// Package poller is the event loop, and the only package that knows the operating system. It knows
// no verb of the protocol.
//
// # One turn
//
//  1. wait until something is ready or the nearest deadline is due; an idle server never wakes;
//  2. read once from each connection that is readable, into one buffer that all share, and hand
//     what came to the machine; the frames that it answers with are only appended to queues;
//  3. flush: each queue that grew is written once. Where the kernel has taken the last byte of a
//     frame with a receipt, the receipt goes back to the machine, and the frames that this releases
//     are flushed too. However many messages, that is at most two writes for a connection;
//  4. tend to each connection that was touched: let it take the next step of its life, then bury it
//     or arm the kernel with the interest that follows from its state. Descriptors are closed here,
//     so that none is used again while events of its former owner are at hand.
//
// The loop asks two things of the world, each an interface: a Kernel for all that is system, a
// Machine for all that is meaning. It is a deterministic function of the two.
package poller

import (
	"log/slog"
	"time"

	"chatd/protocol"
	"chatd/state"

	"golang.org/x/sys/unix"
)

// A Machine is what the loop serves: bytes and events go in, frames come out. The frames of an
// answer are good until the next call.
type Machine interface {
	// Open says that a client has connected.
	Open(id state.ID)

	// Input carries out at most one line of what a client said and returns how many bytes it used
	// up. None means that the client must have a reply that it is owed first.
	Input(id state.ID, in []byte) (n int, frames []protocol.Frame)

	// Complete says what became of a frame with a receipt, once for each.
	Complete(receipt protocol.Receipt, sent bool) []protocol.Frame

	// Close says that a client has gone or will say nothing more. There is no frame for it from
	// then on. A client that has had its Last frame is not closed again.
	Close(id state.ID)

	// Held is how many bytes the machine keeps for a client.
	Held(id state.ID) int

	// Users is how many clients are logged in.
	Users() int
}

const (
	eventsPerTurn = 256      // events taken from the kernel in one turn
	readBuffer    = 16 << 10 // bytes read from a client in one turn, which is its share of the turn
)

// A Config is what a Loop needs.
type Config struct {
	Kernel   Kernel
	Machine  Machine
	Listener int // descriptor of the listening socket
	Wake     int // descriptor of the Wake through which the loop is asked to stop

	// SendTimeout is how long a client may take nothing of what is queued for it.
	SendTimeout time.Duration

	// LoginTimeout is how long a client may stay without logging in; 0: as long as it likes.
	LoginTimeout time.Duration

	// DrainTimeout is how long a stop waits for clients to take what is queued for them.
	DrainTimeout time.Duration

	// MaxBuffer bounds what is kept for all clients together, input and output, in bytes; 0: no
	// bound.
	MaxBuffer int

	// BusyReply is what a client is told for whom there is no descriptor.
	BusyReply []byte

	// Supervisor is told how the loop is doing, if there is one.
	Supervisor *Supervisor

	// StatsFile is the path of the file that the figures are written to; empty: none.
	StatsFile string

	Log       *slog.Logger
	LogWriter *LogWriter // behind Log, if its losses are to be counted
}

// A Loop serves the connections of one listener.
type Loop struct {
	Config
	slots  state.Table[slot]
	count  int // connections
	pool   pool
	buffer []byte  // what was read last
	events []Event // what is ready in this turn

	active        []*conn            // to be tended at the end of this turn
	resumed       []*conn            // whose kept input can be carried out in the next turn
	pendingWrites []*conn            // to be written in the next flush
	sent          []protocol.Receipt // whose frames have been sent
	lost          []protocol.Receipt // whose frames never will be

	writeTimeouts  timeouts // of those that have something queued: for taking some of it
	lingerTimeouts timeouts // of those that linger: for ending their input
	loginTimeouts  timeouts // of those that have not logged in: for doing so

	memory  memory
	reserve int // a descriptor to be given up; -1: there is none
	counters

	unheard     int           // connections that may have had no place among the last events
	pausedUntil time.Duration // 0, or when accepting begins again
	warnAt      time.Duration // when the log may be told of it again
	stops       uint32        // how often the loop has been asked to stop
	stopUntil   time.Duration // when what is still queued is given up
	watchdogDue time.Duration // when the watchdog is to be fed; never: there is none
	stats       statsDeadline
}

// NewLoop makes a loop, which owns the listener from now on.
func NewLoop(config Config) (*Loop, error) {
	l := &Loop{
		Config:         config,
		buffer:         make([]byte, readBuffer),
		events:         make([]Event, eventsPerTurn),
		writeTimeouts:  timeouts{after: config.SendTimeout},
		lingerTimeouts: timeouts{after: lingerFor},

		loginTimeouts: timeouts{after: config.LoginTimeout},
		counters:      newCounters(),
		watchdogDue:   never,
		stats:         statsDeadline{due: never},
	}
	if l.Supervisor.Watchdog() > 0 {
		l.watchdogDue = l.Kernel.Now()
	}
	l.openReserve()
	for _, fd := range []int{l.Listener, l.Wake} {
		if err := l.Kernel.Add(internalID(fd), Readable); err != nil {
			return nil, err
		}
	}
	if l.StatsFile != "" {
		l.writeStats()
	}
	return l, nil
}

// internalID is the ID of a descriptor that is no connection's.
func internalID(fd int) state.ID { return state.NewID(fd, 0) }

// Run turns until the loop has been asked to stop and has. The error is one that the process cannot
// live with.
func (l *Loop) Run() error {
	l.Supervisor.Tell("READY=1", l.status())
	for !l.Stopped() {
		if err := l.Turn(); err != nil {
			return err
		}
	}
	if l.count > 0 {
		l.Log.Warn("stopped before everything queued had left", "connections", l.count)
	}
	l.report("stopped")
	if l.StatsFile != "" {
		l.writeStats()
	}
	return nil
}

// Turn waits until there is something to do, and does it.
func (l *Loop) Turn() error {
	n, err := l.Kernel.Wait(l.events, l.timeout())
	switch err {
	case nil:
	case unix.EINTR:
		return nil // nobody has been looked at, so nobody can be judged
	default:
		return err
	}
	now := l.judgedBy(n)
	l.turns++
	l.reported += uint64(n)
	l.resume()
	for _, e := range l.events[:n] {
		if err := l.dispatch(e); err != nil {
			return err
		}
	}
	l.flush()
	err = l.expire(now) // after the flush: nobody is thrown out whose progress is only now seen
	l.flush()
	l.endTurn()
	for l.enforceMemoryLimit() {
		l.flush()
		l.endTurn()
	}
	return err
}

// dispatch deals with one event. Who it is for may have ended earlier in the turn.
func (l *Loop) dispatch(e Event) error {
	switch e.ID {
	case internalID(l.Listener):
		return l.accept()
	case internalID(l.Wake):
		return l.handleWake()
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
	case c.interest()&Readable != 0 && len(c.in) == 0:
		l.read(c)
	case e.Ready&Ended != 0:
		l.abort(c, Reset) // nothing can be heard any more, and what is queued cannot be sent
	}
	return nil
}

// activate returns the conn of a connection and has it tended at the end of this turn. It returns nil
// if the ID is nobody's any more.
func (l *Loop) activate(id state.ID) *conn {
	s := l.slots.Find(id.Slot())
	if s == nil || s.id != id || !s.inUse() {
		return nil
	}
	if s.conn == nil {
		s.conn = l.pool.take(id)
	}
	if c := s.conn; !c.active {
		c.active = true
		l.active = append(l.active, c)
	}
	return s.conn
}
