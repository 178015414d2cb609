package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A swarm is all clients of a run, on one thread with one epoll set. A load says what they do.
type swarm struct {
	server   unix.Sockaddr
	family   int
	loopback bool // the server is on 127.0.0.0/8, and so may the clients be

	oneAddress bool // all clients have the same one

	epoll   int
	events  []unix.EpollEvent
	clients []*client // the index is what the kernel hands back with an event
	buffer  []byte    // what was read last
	load    load
	tally   tally

	schedule *schedule // of messages that are due by the clock; nil: none are
	progress *progress
}

// A load says what the clients do once they are there.
type load interface {
	// start makes the first requests.
	start()

	// line is called with each line that a client gets, less its line end.
	line(c *client, text []byte)

	// then is called when the lines of one read are through, so that what follows from them can be
	// said together.
	then()

	// end is called when a client's connection has ended.
	end(c *client)
}

// A tally is what has been counted since the last reset.
type tally struct {
	messages int             // that got through
	samples  []time.Duration // their latencies
	errors   int
	first    error
}

const (
	eventsPerTurn = 256
	readBuffer    = 256 << 10 // bytes; the reply to LIST is long
	longestWait   = 10 * time.Millisecond
	patience      = 10 * time.Second
)

// newSwarm makes a swarm without clients for the server at an address.
func newSwarm(address string) (*swarm, error) {
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	s := &swarm{epoll: epoll, events: make([]unix.EpollEvent, eventsPerTurn), buffer: make([]byte, readBuffer)}
	ip := a.AddrPort().Addr().Unmap()
	if ip.Is4() {
		s.family, s.server = unix.AF_INET, &unix.SockaddrInet4{Addr: ip.As4(), Port: a.Port}
		s.loopback = ip.IsLoopback()
	} else {
		s.family, s.server = unix.AF_INET6, &unix.SockaddrInet6{Addr: ip.As16(), Port: a.Port}
	}
	return s, nil
}

// close ends all connections by a reset, which leaves no port in TIME_WAIT for the next run to
// miss.
func (s *swarm) close() {
	for _, c := range s.clients {
		if c.fd >= 0 {
			unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
			unix.Close(c.fd)
		}
	}
	unix.Close(s.epoll)
}

// turnFor serves the clients for a time.
func (s *swarm) turnFor(d time.Duration) error {
	for end := now() + d; now() < end; {
		if err := s.turn(); err != nil {
			return err
		}
		s.progress.tick(s.tally.messages, s.tally.errors)
	}
	return nil
}

// turn waits until something is ready, for a few milliseconds at most, and deals with it.
func (s *swarm) turn() error {
	n, err := s.wait()
	if err != nil {
		return err
	}
	for i := range n {
		c, ready := s.clients[s.events[i].Fd], s.events[i].Events
		if ready&unix.EPOLLOUT != 0 {
			s.flush(c)
		}
		if ready&^unix.EPOLLOUT != 0 && c.fd >= 0 {
			s.read(c)
			s.load.then()
		}
	}
	if s.schedule != nil {
		s.schedule.send()
	}
	return nil
}

// wait asks for events. The Go runtime is not told that the thread sleeps: that would hand its
// processor away and take it back, which costs more than the call. It is never kept for long.
// epoll_pwait2 takes nanoseconds, of which an open loop has need (Linux 5.11).
func (s *swarm) wait() (int, error) {
	most := longestWait
	if s.schedule != nil {
		most = s.schedule.next(longestWait)
	}
	timeout := unix.NsecToTimespec(int64(most))
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(s.epoll), uintptr(unsafe.Pointer(&s.events[0])),
		eventsPerTurn, uintptr(unsafe.Pointer(&timeout)), 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, os.NewSyscallError("epoll_pwait2", errno)
}

// read takes what the server has said to a client, once, and cuts it into lines.
func (s *swarm) read(c *client) {
	n, err := unix.Read(c.fd, s.buffer)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return
	case err != nil:
		s.drop(c)
		s.fail(fmt.Errorf("%s: %w", c.name, os.NewSyscallError("read", err)))
		return
	case n == 0:
		s.drop(c)
		s.load.end(c)
		return
	}
	in := s.buffer[:n]
	if len(c.in) > 0 {
		c.in = append(c.in, in...)
		in = c.in
	}
	for {
		end := bytes.IndexByte(in, '\n')
		if end < 0 {
			break
		}
		s.load.line(c, in[:end])
		in = in[end+1:]
	}
	c.in = append(c.in[:0], in...)
}

// fail counts an error. The first is kept for the report.
func (s *swarm) fail(err error) {
	if s.tally.errors++; s.tally.errors == 1 {
		s.tally.first = err
	}
}

// unexpected counts a line that should not have come.
func (s *swarm) unexpected(c *client, got []byte, expected string) {
	s.fail(fmt.Errorf("%s: got %.80q, expected %s", c.name, got, expected))
}

// ended counts a connection that should not have ended.
func (s *swarm) ended(c *client) { s.fail(fmt.Errorf("%s: the server closed the connection", c.name)) }

// through counts a message that got through.
func (s *swarm) through(latency time.Duration) {
	s.tally.messages++
	s.tally.samples = append(s.tally.samples, latency)
}

// reset forgets what has been counted, but not that something went wrong.
func (s *swarm) reset() {
	s.tally.messages, s.tally.samples = 0, s.tally.samples[:0]
	s.progress.restart()
}

var errStalled = errors.New("the server did not answer for " + patience.String())

var started = time.Now()

// now is the time since the program started. It never goes back.
func now() time.Duration { return time.Since(started) }
