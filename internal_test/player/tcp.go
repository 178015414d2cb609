package player

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"time"

	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

// TCP is the Backend of a server that listens at an address.
type TCP struct {
	Address string

	// Receive is the receive buffer of a client that connects, in bytes, otherwise 64 KiB. It does
	// not grow, so that little is held for a client that stalls.
	Receive int
}

// tcpConn does without Go's own poller: Wait polls the descriptors.
type tcpConn struct {
	*daemon.Client
	fd int
}

// Connect connects to the server.
func (b *TCP) Connect(string) (Conn, error) {
	c, err := daemon.Connect(b.Address, daemon.ReceiveBuffer(cmp.Or(b.Receive, 64<<10)))
	if err != nil {
		return nil, err
	}
	conn := &tcpConn{Client: c}
	raw, err := c.Conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { conn.fd = int(fd) }) // good until the connection is closed
	}
	return conn, err
}

// Write ignores errors: Read returns them too.
func (c *tcpConn) Write(p []byte) int {
	n, _ := unix.Write(c.fd, p)
	return max(0, n)
}

func (c *tcpConn) Read(p []byte) (int, error) {
	switch n, err := unix.Read(c.fd, p); {
	case err == unix.EAGAIN || err == unix.EINTR:
		return 0, nil
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	default:
		return n, nil
	}
}

func (c *tcpConn) CloseWrite() { unix.Shutdown(c.fd, unix.SHUT_WR) }
func (c *tcpConn) Stall(bool)  {}

// Wait polls the connections.
func (b *TCP) Wait(clients []*Client, patience time.Duration) bool {
	if patience <= 0 {
		return false
	}
	var polled []unix.PollFd
	for _, c := range clients {
		var events int16
		if !c.Stalled {
			events |= unix.POLLIN
		}
		if len(c.Unsaid) > 0 {
			events |= unix.POLLOUT
		}
		if events != 0 && !c.Gone && c.End == nil {
			polled = append(polled, unix.PollFd{Fd: int32(c.Conn.(*tcpConn).fd), Events: events})
		}
	}
	unix.Poll(polled, int(patience.Milliseconds())+1) // an error is like an early return
	return true
}

// Rest has two new clients come, one after the other, and be answered: the answer to the second
// comes from a later turn of the server's loop than the one that read what was sent before.
func (b *TCP) Rest() error {
	for range 2 {
		conn, err := net.DialTimeout("tcp", b.Address, daemon.Patience)
		if err != nil {
			return err
		}
		conn.SetDeadline(time.Now().Add(daemon.Patience))
		io.WriteString(conn, "\n")
		_, err = conn.Read(make([]byte, 64))
		conn.Close()
		if err != nil {
			return fmt.Errorf("a new client is not answered: %w", err)
		}
	}
	return nil
}
