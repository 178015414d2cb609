package poller

import (
	"testing"
	"time"

	"chatd/state"

	"golang.org/x/sys/unix"
)

// A fakeKernel is a Kernel in memory. Its readiness is level-triggered, its descriptors are handed
// out lowest first, and its clock stands still until a test moves it. Where a test needs a batch of
// events that would not come about so, it says which events the next turn sees.
type fakeKernel struct {
	t        testing.TB
	now      time.Duration
	lowest   int                // the lowest descriptor that Accept hands out
	highest  int                // the highest that there has been
	sockets  map[int]*socket    // those that are open, by descriptor
	backlog  []*socket          // connected, not accepted yet
	scripted []Event            // what the next Wait reports instead of what is so
	fail     map[string][]error // by call: how the next ones end; nil lets one pass
	calls    []call             // those that the loop has made
	slept    time.Duration      // the timeout of the last Wait, if it reported nothing
	first    int                // the descriptor where Wait begins to look, so that it favours nobody
	wrote    func()             // called after each Write, if set
	spares   bool               // there are spare descriptors
	limit    int                // how many descriptors there may be; 0: any number
}

type call struct {
	name string
	fd   int
	n    int // bytes
}

// A socket is both ends of a connection. The test is the client.
type socket struct {
	fd       int    // -1 before and after
	in       []byte // what the client has said and nobody has read
	eof      bool   // the client says no more
	reset    bool   // the client has reset the connection
	out      []byte // what the server has said
	unsent   int    // how many bytes the client has not acknowledged
	room     int    // how many bytes more the kernel takes for the client
	short    int    // how many bytes one Write takes at most; 0: all that there is room for
	shut     bool   // the server says no more
	id       state.ID
	interest Readiness
}

const (
	fakeListener = 3
	fakeWake     = 4
	fakeSpare    = 2
	plenty       = 1 << 30 // bytes of room
)

func newFakeKernel(t testing.TB) *fakeKernel {
	standing := map[int]*socket{fakeListener: {fd: fakeListener}, fakeWake: {fd: fakeWake}}
	return &fakeKernel{t: t, lowest: 5, highest: fakeWake, sockets: standing, fail: map[string][]error{}}
}

// begin takes note of a call and finds its descriptor, and the error that a test may have ordered.
func (k *fakeKernel) begin(name string, fd int) (*socket, error) {
	k.calls = append(k.calls, call{name: name, fd: fd})
	s := k.sockets[fd]
	if s == nil {
		k.t.Errorf("%s was called for descriptor %d, which is not open", name, fd)
		return &socket{}, unix.EBADF
	}
	return s, k.ordered(name)
}

func (k *fakeKernel) ordered(name string) (err error) {
	if orders := k.fail[name]; len(orders) > 0 {
		err, k.fail[name] = orders[0], orders[1:]
	}
	return err
}

func (k *fakeKernel) Accept(listener int) (int, error) {
	if _, err := k.begin("accept", listener); err != nil {
		return -1, err
	}
	if k.full() { // before the backlog is looked at, as accept(2) does
		return -1, unix.EMFILE
	}
	if len(k.backlog) == 0 {
		return -1, unix.EAGAIN
	}
	s := k.backlog[0]
	k.backlog = k.backlog[1:]
	for s.fd = k.lowest; k.sockets[s.fd] != nil; s.fd++ {
	}
	k.sockets[s.fd], k.highest = s, max(k.highest, s.fd)
	return s.fd, nil
}

func (k *fakeKernel) Read(fd int, p []byte) (int, error) {
	s, err := k.begin("read", fd)
	switch {
	case err != nil:
		return 0, err
	case len(s.in) == 0 && s.reset:
		return 0, unix.ECONNRESET
	case len(s.in) == 0 && !s.eof:
		return 0, unix.EAGAIN
	}
	n := copy(p, s.in)
	s.in = s.in[n:]
	return k.done(n)
}

func (k *fakeKernel) Write(fd int, p []byte) (int, error) {
	s, err := k.begin("write", fd)
	n := min(len(p), s.room)
	if s.short > 0 {
		n = min(n, s.short)
	}
	switch {
	case err != nil:
		return 0, err
	case s.reset:
		return 0, unix.EPIPE
	case n == 0:
		return 0, unix.EAGAIN
	}
	s.out, s.room = append(s.out, p[:n]...), s.room-n
	if k.wrote != nil {
		k.wrote()
	}
	return k.done(n)
}

func (k *fakeKernel) done(n int) (int, error) {
	k.calls[len(k.calls)-1].n = n
	return n, nil
}

func (k *fakeKernel) Unsent(fd int) int { return k.sockets[fd].unsent }

func (k *fakeKernel) Shutdown(fd int) error {
	s, err := k.begin("shutdown", fd)
	if err == nil && s.reset {
		err = unix.ENOTCONN
	}
	s.shut = err == nil
	return err
}

func (k *fakeKernel) Close(fd int) error {
	s, err := k.begin("close", fd)
	delete(k.sockets, fd)
	s.fd = -1
	return err
}

func (k *fakeKernel) Add(id state.ID, r Readiness) error    { return k.control("add", id, r) }
func (k *fakeKernel) Modify(id state.ID, r Readiness) error { return k.control("modify", id, r) }

func (k *fakeKernel) control(name string, id state.ID, interest Readiness) error {
	s, err := k.begin(name, id.Slot())
	if err == nil {
		s.id, s.interest = id, interest
	}
	return err
}

func (k *fakeKernel) Wait(events []Event, timeout time.Duration) (n int, err error) {
	k.slept = 0
	if err := k.ordered("wait"); err != nil {
		return 0, err
	}
	if k.scripted != nil {
		n, k.scripted = copy(events, k.scripted), nil
		return n, nil
	}
	for i, first := 0, k.first; i <= k.highest && n < len(events); i++ {
		s := k.sockets[(first+i)%(k.highest+1)]
		if s == nil || k.ready(s)&(s.interest|Ended) == 0 {
			continue
		}
		events[n] = Event{s.id, k.ready(s) & (s.interest | Ended)}
		n, k.first = n+1, s.fd+1
	}
	if n == 0 {
		k.slept = timeout
	}
	return n, nil
}

func (k *fakeKernel) ready(s *socket) (r Readiness) {
	if len(s.in) > 0 || s.eof || s.reset || s.fd == fakeListener && len(k.backlog) > 0 {
		r |= Readable
	}
	if s.room > 0 || s.reset {
		r |= Writable
	}
	if s.reset || s.eof && s.shut {
		r |= Ended
	}
	return r
}

func (k *fakeKernel) full() bool { return k.limit > 0 && len(k.sockets) >= k.limit }

func (k *fakeKernel) Now() time.Duration { return k.now }
func (k *fakeKernel) Peer(int) string    { return "192.0.2.1:7" }

func (k *fakeKernel) Reserve() (int, error) {
	if !k.spares || k.full() {
		return -1, unix.EMFILE
	}
	k.sockets[fakeSpare] = &socket{fd: fakeSpare}
	return fakeSpare, nil
}
