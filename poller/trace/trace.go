// Package trace makes the turns of the loop visible: for whoever wants to see one happen, as text,
// and for a trace viewer, as a picture.
//
// # A decorator at a seam
//
// The loop asks two things of the world, and each is an interface: poller.Kernel and
// poller.Machine. A decorator is a value that satisfies the same interface, holds another that does,
// and passes every call on to it. What passes, it may look at. Here it is written down, and nothing
// is changed: the one below cannot tell who asks, and the loop cannot tell whom it asks.
//
// That is why no line of the loop knows of this package. All that the loop does to the world goes
// through one of the two seams, and a turn begins and ends at one of them as well: it is what
// happens between the return of a Wait and the call of the next. Nor does it cost anything when it
// is not wanted, because then it is not there.
//
// # What it promises
//
//  1. The loop does the same with it as without it, only later.
//  2. It is never the reason for which the server stops: what goes wrong with the trace ends the
//     trace, and the log says so. No reader is waited for. A disk is.
//  3. A turn is in the file before the loop sleeps again, so a server that is killed leaves all the
//     turns that it has taken.
//  4. It ends when it has grown to a limit, with a last line that says so.
//
// A trace holds what the clients say. Nobody but the owner may read the file.
package trace

import (
	"io"
	"strings"
	"time"

	"chatd/poller"
)

// Limit is how long a trace may become, in bytes.
const Limit = 64 << 20

// Wrap has all that passes the seams of a loop written down. It is called with what the loop will
// be made of, and puts a decorator around the kernel and the machine in it. The times are those of
// the kernel, whatever clock it has.
//
// The path says where to and how: text for people, or events for a trace viewer where the name ends
// in .json. "-" is text to the log's writer, of which lines may be dropped. With no path the config
// stays as it is.
//
// end is to be called when the loop has returned.
func Wrap(config *poller.Config, path string, stderr io.Writer) (end func(), err error) {
	switch path {
	case "":
		return func() {}, nil
	case "-":
		return wrap(config, text{}, log{stderr}, Limit), nil
	}
	file, err := create(path)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(path, ".json") {
		return wrap(config, newChrome(), file, Limit), nil
	}
	return wrap(config, text{}, file, Limit), nil
}

func wrap(config *poller.Config, s sink, out output, limit int) (end func()) {
	r := newRecorder(config, s, out, limit)
	config.Kernel = kernel{config.Kernel, r}
	config.Machine = machine{config.Machine, r}
	return r.end
}

// A sink is a way of writing a trace. Each method appends to a text, which is a number of whole
// lines afterwards.
type sink interface {
	// first is what a trace begins with.
	first(to []byte) []byte

	// begin says that a turn begins.
	begin(to []byte, t *turn) []byte

	// tell says what has passed a seam.
	tell(to []byte, e *event) []byte

	// know says that something new is known of a party: that it is there, or its name.
	know(to []byte, p *party) []byte

	// count says how many users there are and how many bytes are queued for clients.
	count(to []byte, at time.Duration, users, queued int) []byte

	// finish says that a turn ends.
	finish(to []byte, at time.Duration) []byte

	// last is what a trace ends with. inTurn says that a turn has begun there and not ended.
	last(to []byte, at time.Duration, why string, inTurn bool) []byte
}

// A turn is what is known when one begins.
type turn struct {
	number  int // 0: what is done before the first
	at      time.Duration
	slept   time.Duration
	signals int // that have interrupted the sleep
	ready   []string
	err     error // of the wait
}

// An event is one call that has passed a seam, and what came of it.
type event struct {
	call  call
	who   *party
	start time.Duration
	end   time.Duration

	fd       int              // accept: the descriptor
	n, of    int              // read, write: how many bytes of how many; line: how many used
	bytes    []byte           // read, write: those that went; line: as much of it as is kept
	interest poller.Readiness // armed
	err      error

	to    *party // due, lost: who the delivery is for
	told  []told // line, due, lost: what the machine answers
	steps []step // of messages, that this call is
}

// A call is a kind of call, by the word that stands for it in a trace.
type call string

const (
	accept   call = "accept"
	read     call = "read"
	write    call = "write"
	shutdown call = "shut"
	closed   call = "close"
	armed    call = "armed"

	opened call = "open"
	line   call = "line"
	due    call = "due"  // Complete: sent
	lost   call = "lost" // Complete: not sent
	leave  call = "leave"
)

// told is a frame with the names of those whom it is about.
type told struct {
	to   *party
	owed *party // who waits for the receipt, if anybody
	text []byte
	last bool
}
