package linux

import (
	"testing"

	"golang.org/x/sys/unix"
)

// The log said nothing of a client that had reset its connection: getpeername(2) fails then.
func TestPeerIsKnownAfterAReset(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		if host == "::1" {
			needIPv6(t)
		}
		listener, address := listen(t, host, 0)
		family, sockaddr, err := sockaddr(address.Addr(), int(address.Port()))
		if err != nil {
			t.Fatal(err)
		}
		client, err := unix.Socket(family, unix.SOCK_STREAM, 0)
		if err == nil {
			err = unix.Connect(client, sockaddr)
		}
		if err != nil {
			t.Fatal(err)
		}
		fd := accept(t, listener)
		local, _ := unix.Getsockname(client)
		want := addrPort(local).String()
		if got := (Sockets{}).Peer(fd); got != want {
			t.Errorf("the peer is %q, expected %q", got, want)
		}
		unix.SetsockoptLinger(client, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		unix.Close(client)
		wait(t, fd, unix.POLLIN)
		if _, err := (Sockets{}).Read(fd, make([]byte, 1)); err != unix.ECONNRESET {
			t.Fatalf("after a reset, read: %v", err)
		}
		if got := (Sockets{}).Peer(fd); got != want {
			t.Errorf("after a reset the peer is %q, expected %q", got, want)
		}
	}
}
