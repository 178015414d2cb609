package poller

import (
	"maps"
	"slices"
	"time"

	"chatd/protocol"
)

// counters count from the start of the loop.
type counters struct {
	turns    uint64
	reported uint64
	logins   uint64
	busy     uint64
	executed uint64
	messages uint64
	bytesIn  uint64
	bytesOut uint64
	closed   map[protocol.Reason]int
	longest  time.Duration // of the turns since the last report
}

// newCounters has every reason from the start, so that a first time can be seen as a change.
func newCounters() counters {
	closed := make(map[protocol.Reason]int)
	for _, reason := range []protocol.Reason{
		EOF, Reset, Refused, Evicted, AddressLimit, LoginTimeout, SendTimeout, Buffer, Shutdown, protocol.BadLogin, protocol.InUse,
	} {
		closed[reason] = 0
	}
	return counters{closed: closed}
}

// Stats say how the loop is doing, at one instant.
type Stats struct {
	Users       int
	Connections int
	Turns       uint64
	Events      uint64 // that the kernel reported
	Logins      uint64
	Busy        uint64        // clients that were told that the server is full
	Lines       uint64        // executed
	Messages    uint64        // deliveries of which the kernel took the last byte
	BytesIn     uint64        // read from connections
	BytesOut    uint64        // that the kernel took for connections
	Buffered    int           // memory of all buffers, in bytes; a text that several queues share counts once
	LongestTurn time.Duration // since the last report
	Closed      []Closed
}

// Closed is how many connections ended for a reason.
type Closed struct {
	Reason protocol.Reason
	Count  int
}

// An Occasion is why Config.Report is called.
type Occasion int

const (
	Ready     Occasion = iota // the loop begins
	Alive                     // every Config.Watchdog: the loop turns
	Changed                   // something has changed; at most once every Config.StatsEvery
	Requested                 // by a signal
	Stopping                  // the loop begins to stop
	Stopped                   // the loop has ended
)

// report tells Config.Report how the loop is doing.
func (l *Loop) report(o Occasion) {
	if l.Report != nil {
		l.Report(o, l.stats())
		l.longest = 0
	}
}

func (l *Loop) stats() Stats {
	s := Stats{
		Users: l.Machine.Users(), Connections: l.connections, Turns: l.turns, Events: l.reported,
		Logins: l.logins, Busy: l.busy, Lines: l.executed, LongestTurn: l.longest,
		Messages: l.messages, BytesIn: l.bytesIn, BytesOut: l.bytesOut, Buffered: l.memory.own + l.memory.shared,
	}
	for _, reason := range slices.Sorted(maps.Keys(l.closed)) {
		s.Closed = append(s.Closed, Closed{reason, l.closed[reason]})
	}
	return s
}
