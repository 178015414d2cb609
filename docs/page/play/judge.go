package play

import (
	"fmt"
	"strings"
	"time"

	"chatd/poller"
	"chatd/poller/memkernel"
)

// A Violation is a broken promise.
type Violation struct {
	Promise string // as the documents of chatd say it
	Why     string // what has happened
}

// A judge watches the system calls and holds them against the promises. It looks at nothing else: not
// into the loop, and not into the machine, which may be the wrong ones.
type judge struct {
	run     *Run
	byFD    map[int]*view
	sends   []*send
	closed  map[int]bool  // descriptors of connections that were closed in this turn
	effects int           // what this turn has done
	waited  bool          // there was a wait before
	events  int           // that it reported
	excused bool          // the player has answered a call in this turn
	began   time.Duration // when the turn began
	idle    int           // turns without work, in a row
}

// A view is what the system calls say about one connection.
type view struct {
	letter   string
	turn     int    // of its accept
	in       []byte // read, without its line end
	out      []byte // written, without its line end
	lines    []string
	answered int           // lines that have their reply
	claimed  string        // the name that it asks for
	name     string        // logged in
	last     bool          // has its last reply
	ended    bool          // the end of input was read
	gone     bool          // closed
	lingers  time.Duration // until when; 0: it does not
	interest poller.Readiness
	sends    []*send
}

// A send is a SEND that was read, until it is answered.
type send struct {
	from      *view
	line      int // its number
	to, text  string
	target    *view // the client that had that name when it was read; nil: none
	delivered bool
	turn      int
}

const lingerTime = 2 * time.Second // that promise 4 allows

const (
	promiseLines    = "One line, one reply: however the bytes are cut, a line ends at its line end (PR1)."
	promiseStream   = "Whole frames, in order: nothing is lost, doubled or put inside another frame (TR4)."
	promiseSendOK   = "SEND-OK means sent: it leaves only after the kernel has taken the last byte of its DELIVERY (PR12)."
	promiseIdle     = "No turn without work: while nothing happens, the loop sleeps."
	promiseBatch    = "No descriptor is used again while events of its last owner may be in the batch."
	promiseLast     = "The last reply arrives, whatever the client had sent more."
	promisePressure = "A client to which a reply is owed is not read: nothing grows without bound."
	promiseAwake    = "The loop does not sleep while it holds work that no event will bring back."
	promiseAlive    = "Nothing that a client does ends the server."
)

func (j *judge) fail(promise, format string, args ...any) {
	if j.run.Broken == nil {
		why := fmt.Sprintf(format, args...)
		j.run.Broken = &Violation{promise, strings.ToUpper(why[:1]) + why[1:]}
	}
}

func (j *judge) crashed(why string) { j.fail(promiseAlive, "%s", why) }

// before is told of a call that is about to be made.
func (j *judge) before(c *memkernel.Call) {
	v := j.byFD[c.FD]
	switch {
	case c.Err != nil:
	case c.Name == "wait":
		j.endOfTurn(c.Timeout)
	case c.Name == "close" && v != nil && v.last && !j.excused && j.run.Kernel.Limit == 0:
		s := j.run.Kernel.Find(c.FD)
		waited := v.lingers > 0 && j.run.Kernel.Now() >= v.lingers
		if s != nil && !waited && len(s.Received) > 0 && len(s.Sending) > 0 && !s.Vanished {
			j.fail(promiseLast, "At close(%d), %d bytes of input are unread: the kernel sends a reset and destroys the %d bytes that client %s has not received, its last reply among them.",
				c.FD, len(s.Received), len(s.Sending), v.letter)
		}
	}
}

// after is told of a call that was made.
func (j *judge) after(c memkernel.Call, injected bool) {
	j.excused = j.excused || injected
	v := j.byFD[c.FD]
	switch c.Name {
	case "wait":
		j.effects, j.events, j.closed = 0, c.N, nil
		j.excused = injected || c.Timeout == 0 // it carries out lines that it has read before
		j.waited, j.began = c.Err == nil, j.run.Kernel.Now()
	case "accept":
		if c.Err == nil {
			j.accepted(c.N)
		}
	case "read":
		if v != nil {
			j.read(v, c)
		}
	case "write":
		if v != nil && c.N > 0 {
			j.effects++
			j.write(v, string(c.Data))
		}
	case "close":
		j.effects++
		if v != nil {
			v.gone = true
			delete(j.byFD, c.FD)
			if j.closed == nil {
				j.closed = map[int]bool{}
			}
			j.closed[c.FD] = v.turn < j.run.Turns // else no event of the batch is its
		}
	case "shutdown":
		j.effects++
		if v != nil {
			v.lingers = j.run.Kernel.Now() + lingerTime
		}
	case "add", "modify":
		j.effects++
		if v != nil && c.Err == nil {
			v.interest = c.Interest
		}
	}
}

func (j *judge) accepted(fd int) {
	j.effects++
	v := &view{letter: j.run.NameOf(fd), turn: j.run.Turns}
	if j.byFD == nil {
		j.byFD = map[int]*view{}
	}
	j.byFD[fd] = v
	if j.closed[fd] {
		j.fail(promiseBatch, "descriptor %d was closed in this turn and accept4 has given it to client %s: what the loop still holds of its last owner, and an event that is left in the batch, now act on client %s.",
			fd, v.letter, v.letter)
	}
}

// endOfTurn is asked before each wait.
func (j *judge) endOfTurn(timeout time.Duration) {
	if j.waited && j.events > 0 && j.effects == 0 && !j.excused && j.began == j.run.Kernel.Now() {
		if j.idle++; j.idle > 1 {
			j.fail(promiseIdle, "The wait has returned at once, twice, and nothing came of it: the same event will be reported again and again. The loop spins, and takes a whole processor.")
		}
	} else {
		j.idle = 0
	}
	if timeout == 0 {
		return
	}
	for _, c := range j.run.Clients {
		v := j.byFD[c.FD]
		if v == nil || v.interest&poller.Writable != 0 {
			continue
		}
		if len(v.out) > 0 {
			j.fail(promiseStream, "The kernel has taken %q of a frame to client %s, and the loop does not wait for room for the rest: it is lost.", v.out, v.letter)
		}
		if v.last || v.answered >= len(v.lines) {
			continue
		}
		if s := j.blocking(v); s != nil && j.waitsForRoom(s.to) {
			continue // its DELIVERY waits until the target reads
		}
		j.fail(promiseAwake, "The loop goes to sleep and client %s waits for the reply to %q, which the loop has read. No event will come for it.", v.letter, v.lines[v.answered])
	}
}

// waitsForRoom reports whether a client of that name, which may have ended its input, has output that
// waits.
func (j *judge) waitsForRoom(user string) bool {
	for _, v := range j.byFD {
		if v.claimed == user && v.interest&poller.Writable != 0 {
			return true
		}
	}
	return false
}

// blocking is the SEND for whose DELIVERY the next reply waits.
func (j *judge) blocking(v *view) *send {
	for _, s := range v.sends {
		if s.line == v.answered && !s.delivered {
			return s
		}
	}
	return nil
}
