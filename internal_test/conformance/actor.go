package main

import (
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// An actor is one client of a case. It never waits: what it says is written when the kernel takes
// it, and it hears what has come, unless it stalls.
type actor struct {
	name     string
	conn     *net.TCPConn
	fd       int
	unsaid   []byte // what is still to be written
	heard    []byte // what no step has told yet
	end      error  // io.EOF, or what else ended the connection
	stalled  bool   // does not read
	closing  bool   // half-closes when all is said
	finished bool   // has half-closed
	gone     bool   // as far as the case is concerned
}

// connect makes a connection whose receive buffer does not grow, so that a client that stalls holds
// little.
func connect(address string, receive int, patience time.Duration) (*actor, error) {
	dialer := net.Dialer{Timeout: patience, Control: func(_, _ string, raw syscall.RawConn) error {
		var result error
		err := raw.Control(func(fd uintptr) {
			result = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, receive)
		})
		if err != nil {
			return err
		}
		return result
	}}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	a := &actor{conn: conn.(*net.TCPConn)}
	raw, err := a.conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { a.fd = int(fd) }) // good until conn is closed
	}
	return a, err
}

// close closes the connection.
func (a *actor) close() {
	a.conn.Close()
	a.gone = true
}

// reset ends the connection with a reset.
func (a *actor) reset() {
	a.conn.SetLinger(0)
	a.close()
}

// write ignores what goes wrong: it shows when the actor is to hear something.
func (a *actor) write() (moved bool) {
	if len(a.unsaid) > 0 {
		if n, _ := unix.Write(a.fd, a.unsaid); n > 0 {
			a.unsaid = a.unsaid[n:]
			moved = true
		}
	}
	if a.closing && !a.finished && len(a.unsaid) == 0 {
		unix.Shutdown(a.fd, unix.SHUT_WR)
		a.finished, moved = true, true
	}
	return moved
}

func (a *actor) read(buffer []byte) (moved bool) {
	for a.end == nil {
		n, err := unix.Read(a.fd, buffer)
		switch {
		case n > 0:
			a.heard = append(a.heard, buffer[:n]...)
			moved = true
		case err == unix.EAGAIN:
			return moved
		case err == nil:
			a.end = io.EOF
		case err != unix.EINTR:
			a.end = err
		}
	}
	return true
}

// wish is what poll(2) is to wait for. An actor for whom there is nothing to wait is left out.
func (a *actor) wish() unix.PollFd {
	p := unix.PollFd{Fd: -1}
	if a.gone || a.end != nil {
		return p
	}
	if !a.stalled {
		p.Fd, p.Events = int32(a.fd), unix.POLLIN
	}
	if len(a.unsaid) > 0 {
		p.Fd, p.Events = int32(a.fd), p.Events|unix.POLLOUT
	}
	return p
}

// sameLine compares two lines. The rules give the names of LIST-OK no order.
func sameLine(got, want string, ordered bool) bool {
	if names, ok := strings.CutPrefix(want, "LIST-OK "); ok && !ordered {
		heard, isList := strings.CutPrefix(got, "LIST-OK ")
		return isList && slices.Equal(sortedNames(heard), sortedNames(names))
	}
	return got == want
}

func sortedNames(line string) []string {
	names := strings.Split(strings.TrimSuffix(line, "\n"), ",")
	slices.Sort(names)
	return names
}
