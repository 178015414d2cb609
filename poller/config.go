package poller

import (
	"log/slog"
	"slices"
	"time"

	"chatd/protocol"
	"chatd/state"
)

// A Config is what a Loop needs.
type Config struct {
	Kernel    Kernel
	Machine   Machine
	Listeners []int // descriptors of the listening sockets
	Wake      int   // descriptor of the counter that asks the loop to stop or to report (see handleWake)

	SendTimeout  time.Duration // how long a client may take nothing of what is queued for it
	LoginTimeout time.Duration // how long a client may stay without logging in; 0: no limit
	DrainTimeout time.Duration // how long a stop waits for clients to take what is queued for them
	MaxBuffer    int           // limit of the memory of all buffers together, in bytes; 0: none
	BusyReply    []byte        // the reply when no descriptor is available, or MaxPerAddress is reached

	// MaxPerAddress is how many connections one address may have, of IPv6 one /64; 0: any number.
	MaxPerAddress int

	Log        *slog.Logger
	Report     func(Occasion, Stats) // is told how the loop is doing, and must not block; nil: none
	Watchdog   time.Duration         // how often Report is told Alive; 0: never
	StatsEvery time.Duration         // how often Report is told Changed at most; 0: never
}

// NewLoop makes a loop. It owns the listeners from now on.
func NewLoop(config Config) (*Loop, error) {
	l := &Loop{
		Config:         config,
		input:          make([]byte, readSize),
		events:         make([]Event, eventsPerTurn),
		sendTimeouts:   timeouts{after: config.SendTimeout},
		lingerTimeouts: timeouts{after: lingerTime},
		loginTimeouts:  timeouts{after: config.LoginTimeout},
		wakeID:         state.NewID(config.Wake, 0),
		watchdogDue:    never,
		statsDue:       never,
		addresses:      make(map[address]int),
		counters:       newCounters(),
	}
	if l.Watchdog > 0 {
		l.watchdogDue = l.Kernel.Now()
	}
	if l.StatsEvery == 0 {
		l.statsFrom = never
	}
	l.openReserve()
	for _, fd := range append(slices.Clone(l.Listeners), l.Wake) {
		if err := l.Kernel.Add(state.NewID(fd, 0), Readable); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// A Machine is what the loop serves: lines and receipts go in, frames come out. The frames of an answer
// are valid until the next call.
type Machine interface {
	// NextLine says how long the client's next line may be. ok is false if the client must get a
	// reply first.
	NextLine(s *state.Session) (limit protocol.Limit, ok bool)

	// Line executes one line of the client.
	Line(s *state.Session, line protocol.Line) []protocol.Frame

	// Complete is told what became of the frame with a receipt, once for each, unless the receipt's
	// owner is closed first.
	Complete(s *state.Session, place uint32, sent bool) []protocol.Frame

	// Close is told that the client is gone or sends nothing more. There is no frame for it from then
	// on. A client that has its Last frame is not closed again.
	Close(s *state.Session)

	// Users is the number of clients that are logged in.
	Users() int

	// Name is the name of a client that is not closed, for logs; empty if it is not logged in. The
	// bytes are valid until the next call.
	Name(s *state.Session) []byte
}
