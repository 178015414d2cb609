package trace

import (
	"fmt"
	"log/slog"
	"time"

	"chatd/poller"
	"chatd/protocol"
	"chatd/state"

	"golang.org/x/sys/unix"
)

const (
	// pageSize is how much of a turn is kept before it is written though the turn has not ended, in
	// bytes.
	pageSize = 1 << 20

	// lastWords is the room kept for saying why a trace ends, in bytes.
	lastWords = 512
)

// A recorder is what both decorators tell what they see. It knows what has to be known from one
// call to the next, and nothing of how a trace is written.
type recorder struct {
	sink  sink
	out   output
	limit int // bytes of the trace
	room  int // bytes that may still be written
	log   *slog.Logger
	clock func() time.Duration
	last  time.Duration // what the clock has been read as

	asleep  time.Duration // when the sleep began
	signals int           // that have come during it

	page   []byte // of this turn, and not written yet
	turn   int
	inTurn bool // one has begun and has not ended
	split  bool // a part of it is written
	off    bool // the trace has ended

	parties  map[int]*party // by descriptor
	nobody   *party         // stands for all of them when the trace has ended
	messages map[protocol.Receipt]*message
	flows    uint64 // messages that there have been
	users    int
	queued   int // bytes for all clients
	counted  [2]int
}

func newRecorder(config *poller.Config, s sink, out output, limit int) *recorder {
	r := &recorder{
		sink: s, out: out, limit: limit, room: limit, log: config.Log, clock: config.Kernel.Now,
		parties: make(map[int]*party), nobody: &party{standing: "nobody"},
		messages: make(map[protocol.Receipt]*message), counted: [2]int{-1, -1},
	}
	r.stands(config.Listener, "listener")
	r.stands(config.Wake, "wake")
	r.page = s.first(r.page)
	r.open(turn{at: r.now()})
	return r
}

// now is the kernel's time, but for a nanosecond now and then: no two readings are the same, so
// that in a trace everything has an order and a length, also by a clock that stands still.
func (r *recorder) now() time.Duration {
	if r.off {
		return 0
	}
	r.last = max(r.last+1, r.clock())
	return r.last
}

// begin is called when a wait is over. One that a signal has ended is no turn: the loop does nothing
// but to wait again.
func (r *recorder) begin(asleep time.Duration, events []poller.Event, err error) {
	switch {
	case r.off:
		return
	case r.signals == 0:
		r.asleep = asleep
	}
	if err == unix.EINTR {
		r.signals++
		return
	}
	r.turn++
	t := turn{number: r.turn, at: r.now(), signals: r.signals, err: err}
	t.slept = t.at - r.asleep
	r.signals = 0
	for _, e := range events {
		if len(t.ready) == manyReady {
			t.ready = append(t.ready, fmt.Sprintf("and %d more", len(events)-manyReady))
			break
		}
		who := r.find(e.ID)
		if who == nil {
			who = &party{id: e.ID} // an event that is older than its connection's end
		}
		t.ready = append(t.ready, who.String()+" "+conditions(e.Ready))
	}
	r.open(t)
}

// manyReady is how many of those who are ready are named.
const manyReady = 8

func (r *recorder) open(t turn) {
	r.page = r.sink.begin(r.page, &t)
	r.inTurn = true
	r.count()
}

// tell is called after each call but a wait.
func (r *recorder) tell(e event) {
	if r.off {
		return
	}
	e.end = r.now()
	r.page = r.sink.tell(r.page, &e)
	if len(r.page) >= pageSize {
		r.flush()
		r.split = true
	}
}

// count tells of the figures, if they have changed.
func (r *recorder) count() {
	if now := [2]int{r.users, r.queued}; !r.off && now != r.counted {
		r.page = r.sink.count(r.page, r.now(), r.users, r.queued)
		r.counted = now
	}
}

// finish is called when a turn is over.
func (r *recorder) finish() {
	if r.off || !r.inTurn {
		return
	}
	r.count()
	r.page = r.sink.finish(r.page, r.now())
	r.inTurn = false
	r.flush()
	r.split = false
}

// flush writes what there is. A turn that finds no room any more is left out whole, if none of it
// has been written yet.
func (r *recorder) flush() {
	if r.off {
		return
	}
	if len(r.page) > r.room-lastWords {
		r.stop(fmt.Sprintf("the trace ends here: it has grown to its limit of %d bytes", r.limit))
		return
	}
	r.write()
	r.page = r.page[:0]
}

// write hands the page on. If that fails there is nothing left to do but to tell the log.
func (r *recorder) write() {
	if err := r.out.write(r.page); err != nil {
		r.log.Warn("the trace has ended", "reason", err)
		r.shut()
		return
	}
	r.room -= len(r.page)
}

// stop ends the trace in the middle of the server's life.
func (r *recorder) stop(why string) {
	r.page = r.sink.last(r.page[:0], r.now(), why, r.split)
	r.log.Warn("the trace has ended", "reason", "limit", "bytes", r.limit)
	r.write()
	r.shut()
}

// end ends the trace with the loop.
func (r *recorder) end() {
	r.finish()
	if !r.off {
		r.page = r.sink.last(r.page[:0], r.now(), "the loop has ended", false)
		r.write()
		r.shut()
	}
}

// shut lets go of everything. From now on all calls pass unseen.
func (r *recorder) shut() {
	r.off = true
	r.out.close()
	r.page, r.parties, r.messages = nil, nil, nil
}

// at is the party that has a descriptor.
func (r *recorder) at(fd int) *party {
	if r.off {
		return r.nobody
	}
	p := r.parties[fd]
	if p == nil {
		p = &party{id: state.NewID(fd, 0)}
		r.parties[fd] = p
	}
	return p
}

// find is the party with an ID, or nil if it has gone.
func (r *recorder) find(id state.ID) *party {
	if p := r.parties[id.Slot()]; p != nil && p.id == id {
		return p
	}
	return nil
}
