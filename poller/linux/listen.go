package linux

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	backlog    = 4096     // connections that wait to be accepted, if net.core.somaxconn allows
	sendBuffer = 64 << 10 // bytes for each connection; the kernel doubles it for its bookkeeping

	// The kernel ends a connection whose peer has vanished, so the loop needs no timer for that. After
	// a time of silence (--keepalive) it sends a probe every 10 s, and ends the connection when three are
	// not answered. While something is unacknowledged there are no probes, and the user timeout without
	// progress ends it. That must not be less than the silence and the probes together, or one lost probe
	// would end an idle client (tcp(7)).
	keepaliveInterval = 10 * time.Second
	keepaliveCount    = 3 // probes

	// userTimeout is the user timeout without keepalive.
	userTimeout = 90 * time.Second
)

// MaxKeepalive is the longest silence that the kernel takes (TCP_KEEPIDLE).
const MaxKeepalive = 32767 * time.Second

// A Listener is a listening socket.
type Listener struct {
	FD      int
	Address string // HOST:PORT, or unix:PATH
}

// ListenAll makes a listener for each of the hosts: for an address, for each address of a name, or for
// unix:PATH. Port 0 asks for any free one, which is then that of all. An address of a name that this
// machine lacks is left out if the name has another one.
func ListenAll(hosts []string, port int, keepalive time.Duration) (all []Listener, err error) {
	defer func() {
		if err != nil {
			for _, listener := range all {
				unix.Close(listener.FD)
			}
			all = nil
		}
	}()
	for _, host := range hosts {
		if path, ok := strings.CutPrefix(host, unixPrefix); ok {
			fd, err := listenUnix(path)
			if err != nil {
				return all, fmt.Errorf("%s: %w", host, err)
			}
			all = append(all, Listener{fd, host})
			continue
		}
		ips, err := resolve(host)
		if err != nil {
			return all, err
		}
		before := len(all)
		for _, ip := range ips {
			var fd int
			var address netip.AddrPort
			if fd, address, err = Listen(ip, port, keepalive); err == nil {
				all, port = append(all, Listener{fd, address.String()}), int(address.Port())
			} else if !errors.Is(err, unix.EADDRNOTAVAIL) && !errors.Is(err, unix.EAFNOSUPPORT) {
				return all, err
			}
		}
		if len(all) == before {
			return all, err
		}
	}
	return all, nil
}

// Listen makes a listening socket that does not block, and returns its descriptor and its address; port
// 0 asks for any free one. Options that every connection needs are set here once, since connections
// inherit them.
//
// The wildcard address :: accepts IPv4 as well. keepalive is how long a connection may be silent before
// the kernel asks whether its peer is there, in whole seconds; 0: the kernel does not ask.
func Listen(ip netip.Addr, port int, keepalive time.Duration) (fd int, address netip.AddrPort, err error) {
	family, socketAddress, err := sockaddr(ip, port)
	if err != nil {
		return -1, netip.AddrPort{}, err
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return -1, netip.AddrPort{}, os.NewSyscallError("socket", err)
	}
	if address, err = bind(fd, socketAddress, append(options(family), connectionOptions(keepalive)...)); err != nil {
		unix.Close(fd)
		return -1, netip.AddrPort{}, fmt.Errorf("%s: %w", net.JoinHostPort(ip.String(), strconv.Itoa(port)), err)
	}
	return fd, address, nil
}

func bind(fd int, address unix.Sockaddr, options []option) (netip.AddrPort, error) {
	if err := setOptions(fd, options); err != nil {
		return netip.AddrPort{}, err
	}
	if err := unix.Bind(fd, address); err != nil {
		return netip.AddrPort{}, os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return netip.AddrPort{}, os.NewSyscallError("listen", err)
	}
	return boundTo(fd)
}

// boundTo is the address of a bound socket.
func boundTo(fd int) (netip.AddrPort, error) {
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, os.NewSyscallError("getsockname", err)
	}
	return addrPort(bound), nil
}

type option struct{ level, name, value int }

// connectionOptions are what each connection inherits from the listener.
func connectionOptions(keepalive time.Duration) []option {
	options := []option{
		{unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer},
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1}, // a turn writes once to each client: there is nothing to wait for
	}
	if keepalive == 0 {
		return append(options,
			option{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 0}, // a service manager may have set it
			option{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds())})
	}
	return append(options,
		option{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		option{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(keepalive.Seconds())},
		option{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(keepaliveInterval.Seconds())},
		option{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepaliveCount},
		option{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int((keepalive + keepaliveCount*keepaliveInterval).Milliseconds())})
}

// options are those of the listener itself, which must be set before bind(2).
func options(family int) []option {
	// With SO_REUSEADDR a server can start again at once; two servers on one port stay impossible.
	own := []option{{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1}}
	if family == unix.AF_INET6 {
		own = append(own, option{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0})
	}
	return own
}

func setOptions(fd int, options []option) error {
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return nil
}

// resolve returns the addresses of a host, first those of IPv4.
func resolve(host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(context.Background(), "ip", host)
	if err != nil {
		return nil, err
	}
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	slices.SortFunc(ips, netip.Addr.Compare) // IPv4 is less than IPv6
	return slices.Compact(ips), nil
}

// sockaddr is the address in the form that bind(2) takes. A link-local address needs its interface.
func sockaddr(ip netip.Addr, port int) (family int, address unix.Sockaddr, err error) {
	if ip.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Addr: ip.As4(), Port: port}, nil
	}
	a := &unix.SockaddrInet6{Addr: ip.As16(), Port: port}
	if zone := ip.Zone(); zone != "" {
		device, err := net.InterfaceByName(zone)
		if err != nil {
			return 0, nil, fmt.Errorf("%s: %w", zone, err)
		}
		a.ZoneId = uint32(device.Index)
	}
	return unix.AF_INET6, a, nil
}

// Adopt prepares a listening socket of TCP or of the UNIX domain that another process has opened, as
// ListenAll would. Connections that were in the backlog before lack the options that the others inherit.
func Adopt(fd int, keepalive time.Duration) (Listener, error) {
	if !isListener(fd) {
		return Listener{}, fmt.Errorf("descriptor %d is not a listening stream socket", fd)
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		return Listener{}, os.NewSyscallError("fcntl", err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return Listener{}, os.NewSyscallError("getsockname", err)
	}
	if a, ok := bound.(*unix.SockaddrUnix); ok {
		return Listener{fd, unixPrefix + a.Name}, setOptions(fd, unixOptions)
	}
	return Listener{fd, addrPort(bound).String()}, setOptions(fd, connectionOptions(keepalive))
}

// isListener reports whether a descriptor is a socket of TCP or of the UNIX domain that listens.
func isListener(fd int) bool {
	option := func(name int) int {
		value, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, name)
		if err != nil {
			return -1
		}
		return value
	}
	switch option(unix.SO_DOMAIN) {
	case unix.AF_UNIX:
	case unix.AF_INET, unix.AF_INET6:
		if option(unix.SO_PROTOCOL) != unix.IPPROTO_TCP {
			return false
		}
	default:
		return false
	}
	return option(unix.SO_TYPE) == unix.SOCK_STREAM && option(unix.SO_ACCEPTCONN) == 1
}

// addrPort is the address of a socket in Go's own type.
func addrPort(address unix.Sockaddr) netip.AddrPort {
	switch a := address.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}
