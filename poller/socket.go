package poller

import (
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sockets is the part of a Kernel that has to do with one descriptor at a time: the system calls,
// and nothing around them.
type Sockets struct{}

var start = time.Now()

// Accept takes a connection (Kernel). It does not ask for the peer's address, which nobody needs
// until something is logged.
func (Sockets) Accept(listener int) (int, error) {
	fd, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(listener), 0, 0,
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// Read reads from a descriptor (Kernel).
func (Sockets) Read(fd int, p []byte) (int, error) { return transfer(unix.SYS_READ, fd, p) }

// Write writes to a descriptor (Kernel).
func (Sockets) Write(fd int, p []byte) (int, error) { return transfer(unix.SYS_WRITE, fd, p) }

// transfer makes a system call that returns at once, since the descriptor does not block. Go's
// scheduler is not told of it: it would make ready for a long absence, and on a busy machine take
// the processor away.
func transfer(call uintptr, fd int, p []byte) (int, error) {
	n, _, errno := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
		uintptr(len(p)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// Unsent asks for the length of the send queue (Kernel, tcp(7)).
func (Sockets) Unsent(fd int) int {
	n, _ := unix.IoctlGetInt(fd, unix.SIOCOUTQ) // an error is for the next write to report
	return n
}

// Shutdown shuts the write side (Kernel).
func (Sockets) Shutdown(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) }

// Close closes a descriptor (Kernel).
func (Sockets) Close(fd int) error { return unix.Close(fd) }

// Reserve opens what takes least (Kernel).
func (Sockets) Reserve() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC) }

// Now reads the monotonic clock (Kernel).
func (Sockets) Now() time.Duration { return time.Since(start) }

// Peer asks for the address of the other end (Kernel).
func (Sockets) Peer(fd int) string {
	address, err := unix.Getpeername(fd)
	if err != nil {
		return ""
	}
	return addrPort(address).String()
}

// addrPort is the address of a socket as Go's own type, which knows how to print itself.
func addrPort(address unix.Sockaddr) netip.AddrPort {
	switch a := address.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}
