package memkernel

import (
	"io"
	"slices"
	"syscall"
	"time"

	"chatd/poller"
	"chatd/state"
)

// Buffers are the sizes of a connection's three buffers, in bytes.
type Buffers struct {
	Receive int // at the server, for what the client writes
	Send    int // at the server, for what it writes, until the client has it
	Client  int // at the client, for what it has not read; 0: its window is closed
}

// A Socket is the connection behind a descriptor, with both its ends. Its methods are the system
// calls of a client that does not block, and what may happen to a client; those of the server are
// the Kernel's. The exported fields are for looking at. (Listener, Wake and reserve descriptors
// have a Socket that is no connection.)
type Socket struct {
	Number   int              // of the connection, from 1
	FD       int              // the server's descriptor; -1: in the backlog, or closed
	ID       state.ID         // that it is registered with
	Interest poller.Readiness // what it is waited for

	Buffers  Buffers
	Received []byte // at the server, not read
	Sending  []byte // written by the server, not with the client
	Arrived  []byte // with the client, not read

	EOF      bool // the end of the client's stream has arrived
	Shut     bool // the server has ended its stream
	Closed   bool // the server has given its descriptor back
	Broken   bool // the connection has failed at the server: no packet goes either way
	Left     bool // the client has closed
	WasReset bool // the client's connection has been reset
	Vanished bool // no packet from the client arrives any more

	k                  *Kernel
	err                error         // why it is broken, until that has been told
	since              time.Duration // when the kernel began to wait for a client that has vanished
	registered, queued bool
}

// Connect is connect(2) of a new client. It may write from here on, accepted or not. If the
// listener is closed, it is refused.
func (k *Kernel) Connect() *Socket {
	k.clients++
	s := &Socket{k: k, Number: k.clients, FD: -1, Buffers: k.Buffers}
	k.Backlog = append(k.Backlog, s)
	if k.Sockets[Listener] == nil {
		s.Abort()
	} else {
		k.changed(k.Sockets[Listener])
	}
	return s
}

// Abort resets a connection in the backlog and takes it out: what the kernel has done when accept(2)
// fails with ECONNABORTED.
func (s *Socket) Abort() {
	s.k.Backlog = slices.DeleteFunc(s.k.Backlog, func(other *Socket) bool { return other == s })
	s.refuse()
}

// Write takes as much as the server's receive buffer has room for.
//
// If the server has closed its descriptor, nothing can read the data: its kernel answers with a
// reset and destroys what is still in the send buffer (RFC 1122 4.2.2.13; tcp_rcv_state_process in
// net/ipv4/tcp_input.c). This write succeeds; the client learns of the reset in its next call.
func (s *Socket) Write(p []byte) (int, error) {
	n := min(len(p), max(0, s.Buffers.Receive-len(s.Received)))
	switch {
	case s.Left || s.EOF:
		return 0, syscall.EPIPE
	case s.WasReset:
		return 0, syscall.ECONNRESET
	case s.Vanished:
		return 0, syscall.EAGAIN
	case s.Closed:
		s.refuse()
		return len(p), nil
	case n == 0:
		return 0, syscall.EAGAIN
	}
	s.Received = append(s.Received, p[:n]...)
	s.changed()
	return n, nil
}

// Read reads what has arrived, also if there was a reset since. Then it fails with io.EOF if the
// server has ended its stream, with ECONNRESET, or with EAGAIN: so io.ReadAll reads all that there is
// and returns nil at the end of the stream.
func (s *Socket) Read(p []byte) (int, error) {
	n := copy(p, s.Arrived)
	s.Arrived = slices.Delete(s.Arrived, 0, n)
	s.changed()
	switch {
	case n > 0:
		return n, nil
	case s.WasReset:
		return 0, syscall.ECONNRESET
	case s.Finished():
		return 0, io.EOF
	}
	return 0, syscall.EAGAIN
}

// Finished reports whether the server has ended its stream in an orderly way and all of it has
// arrived.
func (s *Socket) Finished() bool {
	return (s.Shut || s.Closed) && len(s.Sending) == 0 && !s.Broken && !s.Vanished
}

// CloseWrite ends the client's stream; the client still reads (shutdown(2), SHUT_WR).
func (s *Socket) CloseWrite() {
	s.EOF = s.EOF || !s.Broken && !s.Vanished
	s.changed()
}

// Close is close(2). If something is unread, it is a reset (RFC 2525 2.17). Otherwise what the
// server sends from here on is answered with a reset.
func (s *Socket) Close() {
	if len(s.Arrived) > 0 {
		s.Reset()
		return
	}
	s.Left = true
	s.CloseWrite()
}

// Reset is close(2) of a socket that is not to linger (socket(7), SO_LINGER).
func (s *Socket) Reset() {
	s.Left = true
	if !s.Vanished {
		s.fail(syscall.ECONNRESET)
	}
}

// Vanish cuts the client off: no packet goes either way. After VanishAfter the server's kernel gives
// it up.
func (s *Socket) Vanish() {
	if !s.Vanished {
		s.Vanished, s.since = true, s.k.now
		s.k.vanished = append(s.k.vanished, s)
	}
}

// SetBuffers changes the sizes of the buffers. What is in them stays.
func (s *Socket) SetBuffers(sizes Buffers) {
	s.Buffers = sizes
	s.changed()
}

// Deliver is the network. It carries at most n bytes from the server's send buffer to the client, as
// far as that has room, and returns how many. A client that has closed answers with a reset.
func (s *Socket) Deliver(n int) int {
	n = min(n, len(s.Sending), max(0, s.Buffers.Client-len(s.Arrived)))
	switch {
	case s.Vanished || len(s.Sending) == 0:
		n = 0
	case s.Left:
		s.fail(syscall.ECONNRESET)
		n = 0
	}
	s.Arrived = append(s.Arrived, s.Sending[:n]...)
	s.Sending = slices.Delete(s.Sending, 0, n)
	s.k.changed(s)
	return n
}

// changed is the end of all that happens to a connection.
func (s *Socket) changed() {
	if !s.k.ManualNetwork {
		s.Deliver(Plenty)
	}
	s.k.changed(s)
}
