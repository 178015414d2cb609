package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A client is one connection of the swarm.
type client struct {
	fd     int // -1: not connected
	number int // among all clients, which is also its place in swarm.clients
	kind   kind
	index  int // among those of its kind
	name   string

	in     []byte // the beginning of a line that has not ended
	out    []byte // what the kernel has not taken yet
	waits  bool   // for room to write
	logged bool
}

// A kind is what a client is there for. It is the first letter of its name.
type kind byte

const (
	sender          kind = 's'
	recipient       kind = 'r'
	asker           kind = 'a' // asks for the list
	visitor         kind = 'v' // comes and goes
	idler           kind = 'i' // logs in and is silent from then on
	unauthenticated kind = 'x' // never logs in
	attacker        kind = 'z' // is there to disturb the others
)

// nameDigits is how many digits follow the letter. All names are equally long, so that the sender
// of a DELIVERY can be read from a fixed place.
const nameDigits = 6

func clientName(k kind, index int) string { return fmt.Sprintf("%c%0*d", k, nameDigits, index) }

// add makes clients of one kind, which are not connected yet.
func (s *swarm) add(k kind, n int) []*client {
	first := len(s.clients)
	for i := range n {
		s.clients = append(s.clients, &client{fd: -1, number: first + i, kind: k, index: i, name: clientName(k, i)})
	}
	return s.clients[first:]
}

// sourceAddresses is over how many addresses the clients are spread, from 127.0.0.2 on. One address
// has room for 28,232 connections to the same server, by the default of ip_local_port_range.
const sourceAddresses = 250

// connect begins to connect a client. It does not wait for the server: what is said meanwhile
// leaves when the connection is there.
func (s *swarm) connect(c *client) error {
	fd, err := unix.Socket(s.family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	c.fd, c.in, c.out, c.waits, c.logged = fd, c.in[:0], c.out[:0], false, false
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if s.loopback {
		// The port is chosen at connect(2), when it is known to whom: ip(7).
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
		source := unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(2 + c.number%sourceAddresses)}}
		if s.oneAddress {
			source.Addr[3] = 2
		}
		if err := unix.Bind(fd, &source); err != nil {
			return os.NewSyscallError("bind", err)
		}
	}
	if err := unix.Connect(fd, s.server); err != nil && err != unix.EINPROGRESS {
		return os.NewSyscallError("connect", err)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.number)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &event))
}

// flush writes what a client has to say, as far as the kernel takes it; the rest waits for room.
func (s *swarm) flush(c *client) {
	if c.fd < 0 {
		return
	}
	for len(c.out) > 0 {
		n, err := unix.Write(c.fd, c.out)
		if err == unix.EINTR {
			continue
		}
		if err == unix.EAGAIN {
			break
		}
		if err != nil {
			s.drop(c)
			s.fail(fmt.Errorf("%s: %w", c.name, os.NewSyscallError("write", err)))
			return
		}
		c.out = c.out[:copy(c.out, c.out[n:])]
	}
	if wanted := len(c.out) > 0; wanted != c.waits {
		c.waits = wanted
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.number)}
		if wanted {
			event.Events |= unix.EPOLLOUT
		}
		if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_MOD, c.fd, &event); err != nil {
			s.fail(os.NewSyscallError("epoll_ctl", err))
		}
	}
}

// drop closes a client's descriptor.
func (s *swarm) drop(c *client) {
	unix.Close(c.fd)
	c.fd = -1
}

// halfClose says that a client will say no more, and still listens.
func (s *swarm) halfClose(c *client) {
	if err := unix.Shutdown(c.fd, unix.SHUT_WR); err != nil {
		s.fail(fmt.Errorf("%s: %w", c.name, os.NewSyscallError("shutdown", err)))
	}
}
