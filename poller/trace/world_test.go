package trace

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"chatd/poller"
	"chatd/protocol"
	"chatd/state"

	"golang.org/x/sys/unix"
)

// A world is the real loop and the real machine on a kernel in memory, and clients that do what a
// test says. Its clock moves by a second whenever the loop sleeps, and else stands still.
type world struct {
	t       *testing.T
	now     time.Duration
	sockets map[int]*socket // by descriptor
	backlog []*socket
	errs    []error // how the next waits end
	slept   func()  // called in each wait, if set
	log     bytes.Buffer
	loop    *poller.Loop
	end     func()
}

// A socket is both ends of a connection.
type socket struct {
	id       state.ID
	interest poller.Readiness
	in       []byte // said by the client and not read
	eof      bool   // the client says no more
	reset    bool
	room     int // bytes that the kernel takes for the client
	heard    []byte
}

const (
	listener = 3
	wake     = 4
	plenty   = 1 << 30

	manyDescriptors = 16
)

// newWorld makes a world whose loop has been through wrap.
func newWorld(t *testing.T, wrap func(*poller.Config) (end func())) *world {
	t.Helper()
	w := &world{t: t, sockets: map[int]*socket{listener: {}, wake: {}}}
	config := poller.Config{
		Kernel: w, Machine: protocol.NewMachine(16, 1<<20), Listener: listener, Wake: wake,
		SendTimeout: time.Minute, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	w.end = wrap(&config)
	var err error
	if w.loop, err = poller.NewLoop(config); err != nil {
		t.Fatal(err)
	}
	return w
}

// rest turns until nothing is ready any more.
func (w *world) rest() {
	w.t.Helper()
	for w.ready(nil) > 0 || len(w.errs) > 0 {
		if err := w.loop.Turn(); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) connect() *socket {
	w.t.Helper()
	s := &socket{room: plenty}
	w.backlog = append(w.backlog, s)
	w.rest()
	return s
}

func (w *world) login(name string) *socket {
	w.t.Helper()
	s := w.connect()
	w.says(s, "HELLO-FROM "+name+"\n")
	return s
}

func (w *world) says(s *socket, text string) {
	w.t.Helper()
	s.in = append(s.in, text...)
	w.rest()
}

func (w *world) Accept(int) (int, error) {
	if len(w.backlog) == 0 {
		return -1, unix.EAGAIN
	}
	fd := wake + 1
	for w.sockets[fd] != nil {
		fd++
	}
	w.sockets[fd], w.backlog = w.backlog[0], w.backlog[1:]
	return fd, nil
}

func (w *world) Read(fd int, p []byte) (int, error) {
	s := w.sockets[fd]
	switch {
	case s.reset:
		return 0, unix.ECONNRESET
	case len(s.in) == 0 && !s.eof:
		return 0, unix.EAGAIN
	}
	n := copy(p, s.in)
	s.in = s.in[n:]
	return n, nil
}

func (w *world) Write(fd int, p []byte) (int, error) {
	s := w.sockets[fd]
	n := min(len(p), s.room)
	s.heard, s.room = append(s.heard, p[:n]...), s.room-n
	switch {
	case s.reset:
		return 0, unix.EPIPE
	case n == 0:
		return 0, unix.EAGAIN
	}
	return n, nil
}

func (*world) Unsent(int) int       { return 0 }
func (w *world) Shutdown(int) error { return nil }

func (w *world) Close(fd int) error {
	delete(w.sockets, fd)
	return nil
}

func (w *world) Reserve() (int, error) { return -1, unix.EMFILE }

func (w *world) Add(id state.ID, interest poller.Readiness) error { return w.Modify(id, interest) }

func (w *world) Modify(id state.ID, interest poller.Readiness) error {
	s := w.sockets[id.Slot()]
	s.id, s.interest = id, interest
	return nil
}

func (w *world) Wait(events []poller.Event, _ time.Duration) (n int, err error) {
	w.now += time.Second
	if w.slept != nil {
		w.slept()
	}
	if len(w.errs) > 0 {
		err, w.errs = w.errs[0], w.errs[1:]
		return 0, err
	}
	return w.ready(events), nil
}

// ready is how many are ready, of whom it reports those for whom there is room.
func (w *world) ready(events []poller.Event) (n int) {
	for fd := range manyDescriptors {
		s := w.sockets[fd]
		if s == nil {
			continue
		}
		var r poller.Readiness
		if len(s.in) > 0 || s.eof || s.reset || fd == listener && len(w.backlog) > 0 {
			r |= poller.Readable
		}
		if s.room > 0 {
			r |= poller.Writable
		}
		r &= s.interest
		if s.reset {
			r |= poller.Ended
		}
		if r == 0 {
			continue
		}
		if n < len(events) {
			events[n] = poller.Event{ID: s.id, Ready: r}
		}
		n++
	}
	return n
}

func (w *world) Now() time.Duration { return w.now }

func (w *world) Peer(int) string { return "" }
