package main

import (
	"errors"
	"net"
	"os"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bareMessages is how many messages each call is measured with.
const bareMessages = 10_000

// bareMessage measures the four system calls of one message, in nanoseconds each: the median of
// many. One thread plays all: the sender's write, then the four calls of a server, then what the
// two clients read. So no thread sleeps or is woken: it is the least that the calls can cost.
// A server that has to be woken for each message costs more, and the difference is not its own.
func bareMessage() (ns [4]float64, err error) {
	var samples [4][]time.Duration
	b, err := newBare()
	if err != nil {
		return ns, err
	}
	defer b.close()
	for range bareMessages {
		took, err := b.message()
		if err != nil {
			return ns, err
		}
		for i, d := range took {
			samples[i] = append(samples[i], d)
		}
	}
	clock := clockCost()
	for i := range samples {
		slices.Sort(samples[i])
		ns[i] = float64(max(0, samples[i][bareMessages/2]-clock))
	}
	return ns, nil
}

// clockCost is the median of what it takes to ask for the time.
func clockCost() time.Duration {
	samples := make([]time.Duration, bareMessages)
	for i := range samples {
		begin := now()
		samples[i] = now() - begin
	}
	slices.Sort(samples)
	return samples[bareMessages/2]
}

// A bare holds two connections on loopback, and both ends of each.
type bare struct {
	conns [2][2]int // sender and recipient; client's end and server's end
	epoll int
	in    [64]byte
}

func newBare() (*bare, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	b := &bare{epoll: epoll}
	for i := range b.conns {
		if b.conns[i], err = connection(); err != nil {
			return nil, err
		}
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(b.conns[i][1])}
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, b.conns[i][1], &event); err != nil {
			return nil, os.NewSyscallError("epoll_ctl", err)
		}
	}
	return b, nil
}

func (b *bare) close() {
	for _, ends := range b.conns {
		unix.Close(ends[0])
		unix.Close(ends[1])
	}
	unix.Close(b.epoll)
}

var (
	bareRequest  = []byte("SEND r000000 00000000........................\n")
	bareDelivery = []byte("DELIVERY s000000 00000000........................\n")
	bareReply    = []byte("SEND-OK\n")
	errShort     = errors.New("a system call took or gave less than a message")
)

// message plays one message and says how long the wait, the read and the two writes took.
func (b *bare) message() (took [4]time.Duration, err error) {
	sender, recipient := b.conns[0], b.conns[1]
	var event unix.EpollEvent
	if call(unix.SYS_WRITE, sender[0], bareRequest) != len(bareRequest) {
		return took, errShort
	}
	times := [5]time.Duration{now()}
	n, _, _ := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(b.epoll), uintptr(unsafe.Pointer(&event)), 1, ^uintptr(0), 0, 0)
	times[1] = now()
	read := call(unix.SYS_READ, sender[1], b.in[:])
	times[2] = now()
	delivered := call(unix.SYS_WRITE, recipient[1], bareDelivery)
	times[3] = now()
	replied := call(unix.SYS_WRITE, sender[1], bareReply)
	times[4] = now()
	if n != 1 || read != len(bareRequest) || delivered != len(bareDelivery) || replied != len(bareReply) ||
		call(unix.SYS_READ, recipient[0], b.in[:]) != delivered || call(unix.SYS_READ, sender[0], b.in[:]) != replied {
		return took, errShort
	}
	for i := range took {
		took[i] = times[i+1] - times[i]
	}
	return took, nil
}

// call is read or write, without a word to Go's scheduler. Nothing here ever has to wait.
func call(number uintptr, fd int, p []byte) int {
	n, _, errno := unix.RawSyscall(number, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	if errno != 0 {
		return -1
	}
	return int(n)
}

// connection connects to itself and returns the client's end and the server's.
func connection() (ends [2]int, err error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return ends, err
	}
	defer listener.Close()
	client, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		return ends, err
	}
	defer client.Close()
	server, err := listener.Accept()
	if err != nil {
		return ends, err
	}
	defer server.Close()
	for i, conn := range []net.Conn{client, server} {
		raw, err := conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			return ends, err
		}
		var dupErr error
		if err := raw.Control(func(fd uintptr) { ends[i], dupErr = unix.Dup(int(fd)) }); err != nil || dupErr != nil {
			return ends, errors.Join(err, dupErr)
		}
	}
	return ends, nil
}
