package memkernel

import (
	"slices"
	"syscall"
	"time"

	"chatd/poller"
)

// due is what Wait reports of a socket: what it was asked for, and Ended unasked, as POLLHUP and
// POLLERR are (poll(2)). select(2) has no set for these and reports nothing unasked.
func (s *Socket) due() poller.Readiness {
	asked := s.Interest | poller.Ended
	if s.k.Method == "select" {
		asked = s.Interest
	}
	if !s.registered {
		return 0
	}
	return s.Readiness() & asked
}

// Readiness is what holds at the server's end, asked for or not.
func (s *Socket) Readiness() (r poller.Readiness) {
	if len(s.Received) > 0 || s.EOF || s.Broken || s.FD == Listener && len(s.k.Backlog) > 0 || s.FD == Wake && s.k.signals > 0 {
		r |= poller.Readable
	}
	// There is room from a third of the buffer on (sk_stream_is_writeable in include/net/sock.h); a
	// write may find room earlier.
	if room := s.Buffers.Send - len(s.Sending); s.Broken || s.Shut || room > 0 && 3*room >= s.Buffers.Send {
		r |= poller.Writable
	}
	if s.Broken || s.EOF && s.Shut {
		r |= poller.Ended
	}
	return r
}

// read takes what has come. What came before a reset can still be read, and the reset is told once.
func (s *Socket) read(p []byte) (int, error) {
	n := copy(p, s.Received)
	s.Received = slices.Delete(s.Received, 0, n)
	switch {
	case n > 0 || s.EOF:
		return n, nil
	case s.err != nil:
		return 0, s.tell()
	case s.Broken:
		return 0, nil
	}
	return 0, syscall.EAGAIN
}

func (s *Socket) tell() (err error) {
	err, s.err = s.err, nil
	return err
}

func (s *Socket) write(p []byte) (int, error) {
	n := min(len(p), max(0, s.Buffers.Send-len(s.Sending)))
	switch {
	case s.err != nil:
		return 0, s.tell()
	case s.Broken || s.Shut:
		return 0, syscall.EPIPE
	case n == 0:
		return 0, syscall.EAGAIN
	}
	if len(s.Sending) == 0 {
		s.since = s.k.now // the kernel waits for an acknowledgement from here on
	}
	s.Sending = append(s.Sending, p[:n]...)
	s.changed()
	return n, nil
}

func (s *Socket) shutdown() error {
	if s.Broken {
		return syscall.ENOTCONN
	}
	s.Shut = true
	s.changed()
	return nil
}

// close ends the server's use of the socket. With input unread it is a reset (RFC 2525 2.17), and
// what has not left is destroyed; without, what was written still leaves, and then the end.
func (s *Socket) close() {
	s.Closed = true
	if len(s.Received) > 0 {
		s.refuse()
	}
}

// refuse resets the client.
func (s *Socket) refuse() {
	s.WasReset = s.WasReset || !s.Broken && !s.Vanished
	s.Received, s.Sending, s.Broken = nil, nil, true
}

// fail ends the connection at the server's end. What has come stays, what has not left is destroyed.
// After the end of the client's stream, the error is EPIPE (tcp_reset in net/ipv4/tcp_input.c).
func (s *Socket) fail(err error) {
	if s.Broken {
		return
	}
	if s.EOF {
		err = syscall.EPIPE
	}
	s.Broken, s.Sending, s.err = true, nil, err
	s.k.changed(s)
}

// VanishAfter is how long the kernel waits for a client that has vanished: keepalive takes so long
// when nothing is on the way, and TCP_USER_TIMEOUT when something is (tcp(7)).
const VanishAfter = 90 * time.Second

// expire gives up the clients that vanished so long ago.
func (k *Kernel) expire() {
	k.vanished = slices.DeleteFunc(k.vanished, func(s *Socket) bool {
		if k.now >= s.since+VanishAfter {
			s.fail(syscall.ETIMEDOUT)
		}
		return s.Broken
	})
}

// NextExpiry is when the kernel gives up a client next; Never: none has vanished.
func (k *Kernel) NextExpiry() time.Duration {
	next := Never
	for _, s := range k.vanished {
		if !s.Broken {
			next = min(next, s.since+VanishAfter)
		}
	}
	return next
}
