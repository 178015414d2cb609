package linux

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listen makes a listener that is closed with the test.
func listen(t *testing.T, host string, port int) (fd int, address netip.AddrPort) {
	t.Helper()
	all, err := ListenAll([]string{host}, port, time.Minute)
	if err != nil {
		t.Fatalf("ListenAll(%q, %d): %v", host, port, err)
	}
	for _, listener := range all {
		t.Cleanup(func() { unix.Close(listener.FD) })
	}
	return all[0].FD, netip.MustParseAddrPort(all[0].Address)
}

var loopback = netip.MustParseAddr("127.0.0.1")

func needIPv6(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("there is no ::1 here: ", err)
	}
	l.Close()
}

// A13: the addresses that can be listened on. Port 0 takes a free port and tells it, and a client
// that connects to what was told is accepted.
func TestA13ListenOn(t *testing.T) {
	for _, test := range []struct {
		host string
		ip   string // what is told
		dial string // whom a client asks
		ipv6 bool
	}{
		{"127.0.0.1", "127.0.0.1", "127.0.0.1", false},
		{"127.0.0.2", "127.0.0.2", "127.0.0.2", false},
		{"localhost", "127.0.0.1", "127.0.0.1", false},
		{"0.0.0.0", "0.0.0.0", "127.0.0.1", false},
		{"::1", "::1", "::1", true},
		{"::", "::", "::1", true},
		{"::", "::", "127.0.0.1", true}, // the wildcard takes IPv4 as well
		{"::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1", true},
	} {
		t.Run(test.host+" from "+test.dial, func(t *testing.T) {
			if test.ipv6 {
				needIPv6(t)
			}
			fd, address := listen(t, test.host, 0)
			if address.Addr().String() != test.ip || address.Port() == 0 {
				t.Errorf("the address is told as %v, expected %s and the port", address, test.ip)
			}
			client, err := net.Dial("tcp", netip.AddrPortFrom(netip.MustParseAddr(test.dial), address.Port()).String())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			unix.Close(accept(t, fd))
		})
	}
}

// A13: several addresses have one port, a name has one listener for each of its addresses, and a path is a
// socket of the UNIX domain, which replaces the file of one that no process has.
func TestA13ListenOnSeveral(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	for range 2 {
		all, err := ListenAll([]string{"127.0.0.1", "127.0.0.2", "unix:" + path}, 0, time.Minute)
		if err != nil || len(all) != 3 {
			t.Fatalf("the listeners are %v (%v), expected 3", all, err)
		}
		first, second := netip.MustParseAddrPort(all[0].Address), netip.MustParseAddrPort(all[1].Address)
		if first.Addr() == second.Addr() || first.Port() != second.Port() || all[2].Address != "unix:"+path {
			t.Errorf("the listeners are %v", all)
		}
		if again, err := ListenAll([]string{"unix:" + path}, 0, 0); !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("a second listener of the path: %v, %v; expected %v", again, err, unix.EADDRINUSE)
		}
		client, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		fd := accept(t, all[2].FD)
		if peer := (Sockets{}).Peer(fd); peer != "" {
			t.Errorf("the peer is %q, expected none", peer)
		}
		unix.Close(fd)
		client.Close()
		for _, listener := range all {
			unix.Close(listener.FD) // and the file stays
		}
	}
	os.Remove(path)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := ListenAll([]string{"unix:" + path}, 0, 0); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("a file that is no socket is replaced: %v, %v", all, err)
	}
	ips, err := resolve("localhost")
	if err != nil {
		t.Fatal(err)
	}
	want := 1
	for _, ip := range ips {
		if ip == netip.IPv6Loopback() {
			if probe, err := net.Listen("tcp6", "[::1]:0"); err == nil {
				probe.Close()
				want = 2
			}
		}
	}
	all, err := ListenAll([]string{"localhost"}, 0, time.Minute)
	if err != nil || len(all) != want {
		t.Errorf("localhost has %v and the listeners %v (%v), expected %d", ips, all, err, want)
	}
	for _, listener := range all {
		unix.Close(listener.FD)
	}
}

// A13: what the system refuses is an error that names the address and the system call.
func TestA13ListenRefused(t *testing.T) {
	before := sockets(t)
	for _, test := range []struct {
		host string
		port int
		want []string
	}{
		{"127.0.0.1", 0, []string{"127.0.0.1:", "bind", "in use"}},
		{"unix:/nowhere/socket", 0, []string{"unix:/nowhere/socket: bind: no such file"}},
		{"unix:" + strings.Repeat("x", 200), 0, []string{"invalid argument"}},
		{"192.0.2.1", 0, []string{"192.0.2.1:", "bind", "cannot assign"}},
		{"no such host", 0, []string{"no such host"}},
		{"", 0, []string{"no such host"}},
		{"fe80::1%nowhere", 0, []string{"nowhere"}},
	} {
		all, err := ListenAll([]string{"127.0.0.1", test.host}, test.port, time.Minute) // the first one is closed again
		if err == nil || all != nil {
			t.Errorf("ListenAll(%q, %d): %v, %v", test.host, test.port, all, err)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("Listen(%q, %d): %v; expected it to tell %q", test.host, test.port, err, want)
			}
		}
	}
	if now := sockets(t); now != before {
		t.Errorf("%d sockets were open before and are %d now: what was refused must be closed", before, now)
	}
}

// sockets is how many sockets the process has.
func sockets(t *testing.T) (n int) {
	t.Helper()
	all, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if to, err := os.Readlink(path); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// accept takes the connection that waits at a listener.
func accept(t *testing.T, listener int) (fd int) {
	t.Helper()
	wait(t, listener, unix.POLLIN)
	fd, err := Sockets{}.Accept(listener)
	if err != nil {
		t.Fatalf("Accept: %v", err)
	}
	return fd
}

// wait waits until a descriptor is ready.
func wait(t *testing.T, fd int, events int16) {
	t.Helper()
	ready := []unix.PollFd{{Fd: int32(fd), Events: events}}
	for {
		n, err := unix.Poll(ready, int(guard.Milliseconds()))
		switch {
		case err == unix.EINTR:
		case err != nil:
			t.Fatalf("poll: %v", err)
		case n == 0:
			t.Fatalf("after %v descriptor %d is still not ready (%#x)", guard, fd, events)
		default:
			return
		}
	}
}

// D12, E2, E3: what every connection needs is set on the listener, and accept(2) hands it on: a
// send buffer that bounds what the kernel holds for a client that does not read, and keepalive, which
// ends the connection of a peer that has vanished, not before the user timeout.
func TestD12E2AnAcceptedSocketInheritsItsOptions(t *testing.T) {
	listener, address := listen(t, "127.0.0.1", 0)
	client, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	fd := accept(t, listener)
	defer unix.Close(fd)
	for _, o := range []struct {
		name        string
		level, code int
		want        int
	}{
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{"SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, 2 * 64 << 10}, // the kernel doubles it (socket(7))
		{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 60},
		{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 10},
		{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3},
		{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 90_000},
	} {
		if got, err := unix.GetsockoptInt(fd, o.level, o.code); err != nil || got != o.want {
			t.Errorf("%s is %d (%v), expected %d", o.name, got, err, o.want)
		}
	}
	if flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); flags&unix.O_NONBLOCK == 0 {
		t.Error("the accepted socket blocks")
	}
	for _, fd := range []int{fd, listener} {
		if flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d would be inherited by a child", fd)
		}
	}
	if peer := (Sockets{}).Peer(fd); peer != client.LocalAddr().String() {
		t.Errorf("the peer is told as %q, expected %q", peer, client.LocalAddr())
	}
	if _, err := (Sockets{}).Accept(listener); err != unix.EAGAIN {
		t.Errorf("accept with an empty backlog: %v, expected %v at once", err, unix.EAGAIN)
	}
}

// E9: --keepalive says how often the kernel asks whether an idle client is there, or that it does not. The
// user timeout follows, so that one probe may be lost.
func TestE9Keepalive(t *testing.T) {
	for _, test := range []struct {
		keepalive                     time.Duration
		on, idle, interval, count, ms int
	}{
		{10 * time.Minute, 1, 600, 10, 3, 630_000},
		{MaxKeepalive, 1, 32767, 10, 3, 32_797_000},
		{time.Second, 1, 1, 10, 3, 31_000},
		{0, 0, 0, 0, 0, 90_000},
	} {
		listener, address, err := Listen(loopback, 0, test.keepalive)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(listener)
		client, err := net.Dial("tcp", address.String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		fd := accept(t, listener)
		defer unix.Close(fd)
		expect := func(level, name, want int) {
			t.Helper()
			if got, err := unix.GetsockoptInt(fd, level, name); err != nil || got != want {
				t.Errorf("keepalive %v: option %d is %d (%v), expected %d", test.keepalive, name, got, err, want)
			}
		}
		expect(unix.SOL_SOCKET, unix.SO_KEEPALIVE, test.on)
		expect(unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, test.ms)
		if test.on == 1 {
			expect(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, test.idle)
			expect(unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, test.interval)
			expect(unix.IPPROTO_TCP, unix.TCP_KEEPCNT, test.count)
		}
	}
}

// A14: two servers on one port would each get a part of the clients. The second is refused, also
// while the first has the port by SO_REUSEADDR.
func TestA14ASecondServerOnThePortIsRefused(t *testing.T) {
	fd, address := listen(t, "127.0.0.1", 0)
	if _, _, err := Listen(loopback, int(address.Port()), time.Minute); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("the second Listen: %v, expected %v", err, unix.EADDRINUSE)
	}
	if shared, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT); err != nil || shared != 0 {
		t.Errorf("SO_REUSEPORT is %d (%v), expected 0", shared, err)
	}
}

// A14: a server starts again at once on the port of connections that its predecessor closed first,
// so that they are in TIME_WAIT.
func TestA14AServerStartsAgainAtOnce(t *testing.T) {
	listener, address, err := Listen(loopback, 0, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	fd := accept(t, listener)
	unix.Close(fd) // the server first
	if n, err := client.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Fatalf("the client read %d bytes (%v), expected the end", n, err)
	}
	client.Close()
	unix.Close(listener)
	listen(t, "127.0.0.1", int(address.Port()))
}

// G11: a listener that was passed becomes like one that Listen made: it does not block, is closed
// at exec, and its connections inherit the same options.
func TestG11AdoptedListener(t *testing.T) {
	for network, host := range map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"} {
		var config net.ListenConfig
		config.SetMultipathTCP(false) // has not all options
		listener, err := config.Listen(context.Background(), network, host)
		if err != nil {
			t.Logf("no %s here: %v", network, err)
			continue
		}
		defer listener.Close()
		file, err := listener.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		fd := int(file.Fd()) // which makes it block
		unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0)
		address, err := Adopt(fd, time.Minute)
		if err != nil || address.Address != listener.Addr().String() {
			t.Fatalf("adopt: %v, %v; expected %v", address, err, listener.Addr())
		}
		flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		ownFlags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if flags&unix.O_NONBLOCK == 0 || ownFlags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%s: flags %#o and %#o, expected O_NONBLOCK and FD_CLOEXEC", network, flags, ownFlags)
		}
		for _, o := range connectionOptions(time.Minute) {
			got, err := unix.GetsockoptInt(fd, o.level, o.name)
			if o.name == unix.SO_SNDBUF {
				got /= 2 // the kernel doubles it (socket(7))
			}
			if err != nil || got != o.value {
				t.Errorf("%s: option %d of level %d is %d (%v), expected %d", network, o.name, o.level, got, err, o.value)
			}
		}
	}
}
