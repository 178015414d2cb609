package main

import (
	"time"

	"chatd/poller"

	"golang.org/x/sys/unix"
)

// A socket is one TCP connection, both ends of it, as Linux behaves. What the server writes stays
// in out until the network carries it to the client; what a client says is with the server at once.
type socket struct {
	// The server's end.
	in      []byte // has come, not read yet
	inRoom  int    // bytes
	out     []byte // written, not with the client yet
	outRoom int    // bytes
	fin     bool   // the client says no more
	shut    bool   // the server says no more
	closed  bool   // the server has given its descriptor back
	broken  bool   // reset, or given up: no packet goes either way
	err     error  // why it is broken, until that has been told

	// The client's end.
	arrived     []byte // not read yet
	arrivedRoom int    // bytes
	gone        bool   // the client has given its descriptor back
	refused     bool   // the client has been reset

	cut time.Duration // since when nothing is heard of the client any more; never: it is there
}

// vanishAfter is how long the kernel keeps a peer that has vanished: keepalive takes that long when
// nothing is on the way, TCP_USER_TIMEOUT when something is (tcp(7)).
const vanishAfter = 90 * time.Second

// ready is what holds at the server's end. Level-triggered: it is asked anew for each wait.
func (s *socket) ready() (r poller.Readiness) {
	if len(s.in) > 0 || s.fin || s.broken {
		r |= poller.Readable
	}
	// There is room to write from a third of the buffer on; a write may find room earlier.
	if s.broken || s.shut || 3*(s.outRoom-len(s.out)) >= s.outRoom {
		r |= poller.Writable
	}
	if s.broken || s.err != nil || s.fin && s.shut {
		r |= poller.Ended
	}
	return r
}

// read takes what has come. What came before a reset can still be read; the reset is told once.
func (s *socket) read(p []byte) (int, error) {
	switch {
	case len(s.in) > 0:
		n := copy(p, s.in)
		s.in = s.in[n:]
		return n, nil
	case s.fin:
		return 0, nil
	case s.err != nil:
		return 0, s.tell()
	case s.broken:
		return 0, nil
	}
	return 0, unix.EAGAIN
}

func (s *socket) tell() (err error) {
	err, s.err = s.err, nil
	return err
}

func (s *socket) write(p []byte, now time.Duration) (int, error) {
	switch {
	case s.err != nil:
		return 0, s.tell()
	case s.broken || s.shut:
		return 0, unix.EPIPE
	case len(s.out) == s.outRoom:
		return 0, unix.EAGAIN
	}
	if s.cut != never && len(s.out) == 0 {
		s.cut = now // the kernel waits for an acknowledgement from here on
	}
	n := min(len(p), s.outRoom-len(s.out))
	s.out = append(s.out, p[:n]...)
	return n, nil
}

func (s *socket) shutdown() error {
	if s.broken {
		return unix.ENOTCONN
	}
	s.shut = true
	return nil
}

// close gives the server's descriptor back. With input unread it is a reset, and what has not left
// is lost; without, what was written still leaves, and then a FIN.
func (s *socket) close() {
	s.closed = true
	if len(s.in) > 0 {
		s.refuse()
	}
}

// refuse resets the client, which still finds what had arrived.
func (s *socket) refuse() {
	s.in, s.out = nil, nil
	s.refused = s.refused || !s.broken && s.cut == never
	s.broken = true
}

// fail ends the connection at the server's end. What had come stays; what has not left is lost.
func (s *socket) fail(err error) {
	if s.broken {
		return
	}
	s.broken, s.out, s.err = true, nil, err
	if s.fin {
		s.err = unix.EPIPE
	}
}

// say is the client's write: as much as the server's kernel has room for.
func (s *socket) say(p []byte) (n int) {
	switch {
	case len(p) == 0 || s.broken || s.fin || s.cut != never:
		return 0
	case s.closed:
		s.refuse()
		return 0
	}
	n = max(0, min(len(p), s.inRoom-len(s.in)))
	s.in = append(s.in, p[:n]...)
	return n
}

// carry is the network: it takes at most n bytes to the client.
func (s *socket) carry(n int) (carried int) {
	switch {
	case s.broken || s.cut != never || len(s.out) == 0:
		return 0
	case s.gone: // nobody is there to hear it
		s.fail(unix.ECONNRESET)
		return 0
	}
	n = min(n, len(s.out), s.arrivedRoom-len(s.arrived))
	s.arrived = append(s.arrived, s.out[:n]...)
	s.out = s.out[n:]
	return n
}

// hear is the client's read of at most n bytes. over says that nothing comes any more.
func (s *socket) hear(n int) (heard []byte, over bool) {
	n = min(n, len(s.arrived))
	heard, s.arrived = s.arrived[:n], s.arrived[n:]
	over = n == 0 && (s.refused || s.goodbye())
	return heard, over
}

// goodbye reports whether the server's FIN has arrived: the end is an orderly one.
func (s *socket) goodbye() bool {
	return (s.shut || s.closed) && len(s.out) == 0 && !s.broken && s.cut == never
}

// halfClose is the client's shutdown(SHUT_WR).
func (s *socket) halfClose() {
	if !s.broken && s.cut == never {
		s.fin = true
	}
}

// leave is the client's close(2), which is a reset if something is unread.
func (s *socket) leave() {
	if len(s.arrived) > 0 {
		s.reset()
		return
	}
	s.gone = true
	s.halfClose()
}

// reset is the client's close(2) with SO_LINGER 0.
func (s *socket) reset() {
	s.gone = true
	if s.cut == never {
		s.fail(unix.ECONNRESET)
	}
}
