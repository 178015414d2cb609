// Package memkernel is a poller.Kernel made of memory: sockets, buffers, a ready list and a clock,
// without an operating system. The tests of the loop, the simulation and the page in the browser
// run the real loop on it.
//
// It is deterministic. What varies on a real machine (a short count, EINTR, the order of a batch)
// varies only if the Before hook says so, and time passes only if Advance or a Wait makes it pass.
//
// It follows the rules of Linux that programs come to depend on. Each stands where it is kept, with
// its manual page. It leaves out the length of the backlog (listen(2)), urgent data, and
// retransmission, whose only visible effects are delay and ETIMEDOUT.
package memkernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"syscall"
	"time"

	"chatd/poller"
	"chatd/state"
)

const (
	Listener = 3 // these two descriptors are open from the start
	Wake     = 4

	Plenty               = 1 << 30       // bytes: more than any buffer is filled with
	Never  time.Duration = math.MaxInt64 // later than every moment
)

// Options are what a Kernel depends on. All but Method may be changed at any time.
type Options struct {
	Method    string  // "epoll", "poll" or "select", whose rules Wait follows; empty: epoll
	FirstFree int     // the lowest descriptor that is given out; 0: the one after Wake
	Limit     int     // descriptors from here on cannot be had (RLIMIT_NOFILE, getrlimit(2)); 0: no limit
	Buffers   Buffers // of new connections; all 0: Plenty for each

	// ManualNetwork leaves what the server writes in its send buffer until Deliver carries it to the
	// client. Otherwise it arrives at once, as far as the client's buffer has room.
	ManualNetwork bool

	// Before sees each call before it is carried out, and may change how it ends: see Call.
	Before func(c *Call)

	// Idle is what happens while Wait sleeps, at most until a moment that may be Never. It lets
	// clients act or the clock move, and Wait looks again; if it returns false, Wait returns with no
	// event. Without Idle, Wait moves the clock to the next moment at which something happens.
	Idle func(until time.Duration) bool

	Record bool // keep each call in Calls
}

// A Kernel is a poller.Kernel.
type Kernel struct {
	Options
	Calls   []Call    // the record
	Sockets []*Socket // by descriptor; nil: not open
	Backlog []*Socket // connected, not accepted
	Ready   []*Socket // epoll's ready list, from its head; some may not be ready any more

	now, slept time.Duration
	low        int       // no descriptor from FirstFree to here is free
	clients    int       // that have connected
	signals    uint64    // the counter of Wake
	vanished   []*Socket // whose clients are silent
	last       int       // the descriptor that was reported last

	call  Call           // that is being made
	batch []poller.Event // and its events
	found []*Socket      // and their sockets
}

var _ poller.Kernel = (*Kernel)(nil)

// New makes a kernel in which only Listener and Wake are open.
func New(options Options) *Kernel {
	k := &Kernel{Options: options, low: Wake + 1}
	if k.Buffers == (Buffers{}) {
		k.Buffers = Buffers{Plenty, Plenty, Plenty}
	}
	k.install(Listener, new(Socket))
	k.install(Wake, new(Socket))
	return k
}

func (k *Kernel) install(fd int, s *Socket) {
	k.Sockets = append(k.Sockets, make([]*Socket, max(0, fd+1-len(k.Sockets)))...)
	k.Sockets[fd] = s
	s.k, s.FD = k, fd
}

// Find is the socket behind a descriptor; nil: it is not open.
func (k *Kernel) Find(fd int) *Socket {
	if fd < 0 || fd >= len(k.Sockets) {
		return nil
	}
	return k.Sockets[fd]
}

// free is the lowest descriptor that is free, as open(2) promises to every program.
func (k *Kernel) free() (int, error) {
	fd := max(k.low, k.FirstFree)
	for k.Find(fd) != nil {
		fd++
	}
	if k.FirstFree <= k.low {
		k.low = fd
	}
	if k.Limit > 0 && fd >= k.Limit {
		return -1, syscall.EMFILE
	}
	return fd, nil
}

// Accept takes the first connection from the backlog. EMFILE comes before the backlog is looked at,
// and so does not mean that a client is waiting (accept(2), net/socket.c).
func (k *Kernel) Accept(listener int) (int, error) {
	return k.do(Call{Name: "accept", FD: listener}, func(*Socket) (int, error) {
		fd, err := k.free()
		switch {
		case err != nil:
			return -1, err
		case len(k.Backlog) == 0:
			return -1, syscall.EAGAIN
		}
		k.install(fd, k.Backlog[0])
		k.Backlog = k.Backlog[1:]
		return fd, nil
	})
}

// Read reads from a connection, or takes the counter of Wake, which is 8 bytes (eventfd(2)).
func (k *Kernel) Read(fd int, p []byte) (int, error) {
	return k.do(Call{Name: "read", FD: fd, Data: p}, func(s *Socket) (int, error) {
		switch {
		case fd != Wake:
			return s.read(k.call.Data)
		case k.signals == 0:
			return 0, syscall.EAGAIN
		}
		binary.NativeEndian.PutUint64(p, k.signals)
		k.signals = 0
		return 8, nil
	})
}

// Write puts bytes into a connection's send buffer, as many as there is room for.
func (k *Kernel) Write(fd int, p []byte) (int, error) {
	return k.do(Call{Name: "write", FD: fd, Data: p}, func(s *Socket) (int, error) {
		return s.write(k.call.Data)
	})
}

// Unacknowledged is what the client has not acknowledged: the bytes in the send buffer (tcp(7), SIOCOUTQ).
func (k *Kernel) Unacknowledged(fd int) int {
	n, _ := k.do(Call{Name: "unacknowledged", FD: fd}, func(s *Socket) (int, error) { return len(s.Sending), nil })
	return n
}

// Shutdown sends the end of the stream, behind what has been written (shutdown(2), SHUT_WR).
func (k *Kernel) Shutdown(fd int) error {
	_, err := k.do(Call{Name: "shutdown", FD: fd}, func(s *Socket) (int, error) { return 0, s.shutdown() })
	return err
}

// Close gives the descriptor back, and takes it out of what Wait looks at (epoll(7), question 6).
// It does so too when the hook lets it fail, as Linux does (close(2), EINTR).
func (k *Kernel) Close(fd int) error {
	_, err := k.do(Call{Name: "close", FD: fd}, nil)
	if s := k.Find(fd); s != nil {
		k.Sockets[fd] = nil
		s.FD, s.registered = -1, false
		if fd > Wake {
			k.low = min(k.low, fd)
		}
		s.close()
	}
	if fd == Listener { // a client in its backlog is reset
		for len(k.Backlog) > 0 {
			k.Backlog[0].Abort()
		}
	}
	return err
}

// Reserve takes a descriptor that is good for nothing but to be given up when there is no other.
func (k *Kernel) Reserve() (int, error) {
	return k.do(Call{Name: "reserve", FD: -1}, func(*Socket) (int, error) {
		fd, err := k.free()
		if err == nil {
			k.install(fd, new(Socket))
		}
		return fd, err
	})
}

// Peer is the client's address, also after a reset (SO_PEERNAME).
func (k *Kernel) Peer(fd int) (address string) {
	k.do(Call{Name: "peer", FD: fd}, func(s *Socket) (int, error) {
		address = fmt.Sprint("192.0.2.1:", s.Number) // RFC 5737
		return 0, nil
	})
	return address
}

// Add registers a descriptor (epoll_ctl(2)).
func (k *Kernel) Add(id state.ID, interest poller.Readiness) error {
	return k.register(id, Call{Name: "add", FD: id.Slot(), Interest: interest}, false, syscall.EEXIST)
}

// Modify changes what a descriptor is waited for.
func (k *Kernel) Modify(id state.ID, interest poller.Readiness) error {
	return k.register(id, Call{Name: "modify", FD: id.Slot(), Interest: interest}, true, syscall.ENOENT)
}

func (k *Kernel) register(id state.ID, c Call, registered bool, otherwise error) error {
	_, err := k.do(c, func(s *Socket) (int, error) {
		if s.registered != registered {
			return 0, otherwise
		}
		s.registered, s.ID, s.Interest = true, id, c.Interest
		k.changed(s)
		return 0, nil
	})
	return err
}

// Now is how far the clock has moved.
func (k *Kernel) Now() time.Duration { return k.now }

// Advance moves the clock.
func (k *Kernel) Advance(d time.Duration) { k.now += d }

// Signal adds to the counter of Wake so many requests to stop, and for figures.
func (k *Kernel) Signal(stops, reports uint32) {
	k.signals += uint64(stops) | uint64(reports)<<32
	k.changed(k.Sockets[Wake])
}
