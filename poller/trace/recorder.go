package trace

import (
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"chatd/poller"

	"golang.org/x/sys/unix"
)

// An event is something that a decorator has seen. Both formats show it in the same words.
type event struct {
	kind          string        // the word for it; see the package comment
	on            *endpoint     // what it is about; nil: the loop
	label         string        // begin: the turn; wait: the system call; end: why
	start, end    time.Duration // equal: it takes no time
	what          string        // what happened, in words
	err           error         // of the call
	steps         steps         // that messages take by it
	users, queued int           // after it: users, and bytes queued for all clients
}

// A writer formats events.
type writer interface {
	event(to []byte, e *event) []byte // appends the event
}

// A recorder turns what the decorators see into one stream of events.
type recorder struct {
	method string // select, poll or epoll
	writer writer
	output output
	limit  int          // bytes that the trace may still have
	log    *slog.Logger // is told if the trace ends early
	ended  bool         // the trace; calls pass, and only the endpoints are kept up to date
	page   []byte       // events of this turn, which are not written yet
	turn   int
	inTurn bool // false: the loop waits

	clock     func() time.Duration
	last      time.Duration // that now has returned
	users     func() int
	endpoints []*endpoint // by descriptor
	messages  int         // that there have been
	queued    int         // bytes, for all clients
}

// now is the kernel's time, and later than all earlier ones by a nanosecond at least. So each call has a
// length and a place in the order, also by a clock that stands still.
func (r *recorder) now() time.Duration {
	r.last = max(r.last+1, r.clock())
	return r.last
}

// emit formats an event.
func (r *recorder) emit(e event, format string, args ...any) {
	if r.ended {
		return
	}
	if e.end = r.now(); e.start == 0 {
		e.start = e.end
	}
	e.what = fmt.Sprintf(format, args...)
	if e.err != nil {
		var number syscall.Errno
		errors.As(e.err, &number)
		e.what = fmt.Sprintf("%v (%s)", e.err, unix.ErrnoName(number))
	}
	e.users, e.queued = r.users(), r.queued
	r.page = r.writer.event(r.page, &e)
}

// begin begins with what the loop does before its first turn.
func (r *recorder) begin(config *poller.Config) {
	r.clock, r.users = config.Kernel.Now, config.Machine.Users
	for _, fd := range config.Listeners {
		r.open(fd, "listener")
	}
	r.open(config.Wake, "wake")
	r.emit(event{kind: "begin", label: "before the first turn"}, "")
	r.inTurn = true
}

// sleep is called before a wait. A turn ends here, and the next begins with the question.
func (r *recorder) sleep(timeout time.Duration) {
	if r.ended {
		return
	}
	if r.inTurn { // else a signal has interrupted the last wait
		r.emit(event{kind: "turn"}, "")
		r.turn++
		r.emit(event{kind: "begin", label: fmt.Sprint("turn ", r.turn)}, "")
		r.inTurn = false
	}
	until := "no timeout"
	if timeout >= 0 {
		until = "timeout " + short(timeout)
	}
	end, all, toRead, toWrite := 0, 0, 0, 0
	for fd, p := range r.endpoints {
		if p != nil && p.registered {
			end, all = fd+1, all+1
			toRead += int(p.interest & poller.Readable)
			toWrite += int(p.interest & poller.Writable / poller.Writable)
		}
	}
	switch e := (event{kind: "wait", label: r.method}); r.method {
	case "select":
		r.emit(e, "%d bits, %d descriptors to read, %d to write; %s", end, toRead, toWrite, until)
	case "poll":
		r.emit(e, "%d entries, %d in use; %s", end, all, until)
	default:
		e.label = "epoll_wait"
		r.emit(e, "nothing, the kernel has the set of %d descriptors; %s", all, until)
	}
	r.flush("")
}

// wake is called after a wait. Without an error, the turn goes on.
func (r *recorder) wake(e event, events []poller.Event) {
	r.emit(e, "%d ready", len(events))
	r.inTurn = e.err == nil
	for _, e := range events {
		on := r.at(e.ID.Slot())
		if on.id != e.ID { // it is closed
			on = &endpoint{id: e.ID}
		}
		r.emit(event{kind: "ready", on: on}, "%s", [...]string{
			"", "readable", "writable", "readable+writable", "ended", "readable+ended", "writable+ended", "readable+writable+ended",
		}[e.Ready])
	}
}

// finish is called when the loop has returned.
func (r *recorder) finish() {
	r.emit(event{kind: "turn"}, "")
	r.flush("the loop has ended")
}

// flush writes the page. The trace ends if there is a reason, if the page does not fit, or if the write
// fails.
func (r *recorder) flush(end string) {
	const lastLine = 512 // bytes
	if r.ended {
		return
	}
	if len(r.page) > r.limit-lastLine {
		r.log.Warn("the trace has ended", "reason", "limit")
		r.page, end = r.page[:0], "the trace ends here: it has reached its limit"
	}
	if end != "" {
		r.emit(event{kind: "end", label: end}, "")
	}
	err := r.output.write(r.page)
	if err != nil {
		r.log.Warn("the trace has ended", "reason", err)
	}
	if err != nil || end != "" {
		r.ended = true
		r.output.close()
	}
	r.limit -= len(r.page)
	r.page = r.page[:0]
}
