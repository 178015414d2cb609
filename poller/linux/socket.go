package linux

import (
	"encoding/binary"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sockets is the part of a Kernel that concerns one descriptor at a time: the system calls, and nothing
// around them.
type Sockets struct{}

var start = time.Now()

// Accept takes a connection (poller.Kernel). It does not ask for the peer's address: Peer does, when a
// line is logged.
func (Sockets) Accept(listener int) (int, error) {
	fd, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(listener), 0, 0,
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// Read reads from a descriptor (poller.Kernel).
func (Sockets) Read(fd int, p []byte) (int, error) { return transfer(unix.SYS_READ, fd, p) }

// Write writes to a descriptor (poller.Kernel).
func (Sockets) Write(fd int, p []byte) (int, error) { return transfer(unix.SYS_WRITE, fd, p) }

// transfer makes a system call that returns at once, since the descriptor does not block. Go's scheduler
// is not told of it: it would prepare for a long absence, and on a busy machine give the processor away.
func transfer(call uintptr, fd int, p []byte) (int, error) {
	n, _, errno := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
		uintptr(len(p)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// Unacknowledged asks for the length of the send queue (poller.Kernel, tcp(7)).
func (Sockets) Unacknowledged(fd int) int {
	n, _ := unix.IoctlGetInt(fd, unix.SIOCOUTQ) // the next write reports an error
	return n
}

// Shutdown shuts the write side (poller.Kernel).
func (Sockets) Shutdown(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) }

// Close closes a descriptor (poller.Kernel).
func (Sockets) Close(fd int) error { return unix.Close(fd) }

// Reserve opens what takes least (poller.Kernel).
func (Sockets) Reserve() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC) }

// Now reads the monotonic clock (poller.Kernel).
func (Sockets) Now() time.Duration { return time.Since(start) }

// Peer asks for the address of the other end (poller.Kernel). It uses SO_PEERNAME, which still knows it
// after a reset, where getpeername(2) fails with ENOTCONN. The option fails with EINVAL if there is room
// for more than the address has.
func (Sockets) Peer(fd int) string {
	var a6 unix.RawSockaddrInet6
	if peerName(fd, unsafe.Pointer(&a6), unsafe.Sizeof(a6)) && a6.Family == unix.AF_INET6 {
		return netip.AddrPortFrom(netip.AddrFrom16(a6.Addr).Unmap(), ntohs(a6.Port)).String()
	}
	var a4 unix.RawSockaddrInet4
	if peerName(fd, unsafe.Pointer(&a4), unsafe.Sizeof(a4)) && a4.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4(a4.Addr), ntohs(a4.Port)).String()
	}
	return ""
}

func peerName(fd int, address unsafe.Pointer, size uintptr) bool {
	length := uint32(size)
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERNAME,
		uintptr(address), uintptr(unsafe.Pointer(&length)), 0)
	return errno == 0
}

// ntohs turns a port from network byte order, which is big-endian, into a number (byteorder(3)).
func ntohs(port uint16) uint16 {
	return binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, port))
}
