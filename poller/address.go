package poller

import (
	"log/slog"
	"net/netip"

	"chatd/protocol"
)

// An address is an IPv6 address, or an IPv4 address in IPv6's form. Of a client's IPv6 address it is the
// first 64 bits: a host has all the addresses that begin with them.
type address [16]byte

// addressOf is the address of a peer. ok is false if the peer has none, as at a UNIX-domain socket.
func addressOf(peer string) (a address, ok bool) {
	from, err := netip.ParseAddrPort(peer)
	if err != nil {
		return a, false
	}
	ip := from.Addr().Unmap()
	if ip.Is6() {
		prefix, _ := ip.Prefix(64)
		ip = prefix.Addr()
	}
	return ip.As16(), true
}

// countAddress counts a new connection for its address. ok is false if the address has MaxPerAddress already. A
// connection keeps no trace of that: uncountAddress asks the kernel for the address again, which knows it until the
// descriptor is closed.
func (l *Loop) countAddress(fd int) (ok bool) {
	if l.MaxPerAddress == 0 {
		return true
	}
	a, limited := addressOf(l.Kernel.Peer(fd))
	if !limited {
		return true
	}
	if l.addresses[a] == l.MaxPerAddress {
		return false
	}
	l.addresses[a]++
	return true
}

// uncountAddress is called before the descriptor of a connection is closed that countAddress has counted.
func (l *Loop) uncountAddress(fd int) {
	if l.MaxPerAddress == 0 {
		return
	}
	if a, limited := addressOf(l.Kernel.Peer(fd)); limited {
		if l.addresses[a]--; l.addresses[a] == 0 {
			delete(l.addresses, a)
		}
	}
}

// rejectAddress tells a client that there are too many of its address, and closes its connection.
func (l *Loop) rejectAddress(c *conn) {
	fd := c.ID.Slot()
	l.busy++
	l.warnLimited("too many clients of one address", slog.Any("peer", peer{l.Kernel, fd}),
		slog.Int("max_per_address", l.MaxPerAddress))
	l.queue(c, []protocol.Frame{{To: fd, Text: l.BusyReply, Last: AddressLimit}})
}
