// Program 7 keeps what the kernel does not take, and waits until there is room for it.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

func init() { runtime.LockOSThread() } // main stays on the thread that strace shows

func main() {
	listener := listen()
	var err error
	epoll, err = unix.EpollCreate1(0)
	check(err)
	watch(listener)
	fmt.Println("Server is on")
	for {
		for _, e := range wait() {
			if int(e.Fd) == listener {
				accept(listener)
				continue
			}
			c := clients[int(e.Fd)]
			if e.Events&unix.EPOLLOUT != 0 {
				c.scheduleWrite()
			}
			if e.Events&^unix.EPOLLOUT != 0 { // there is input, or the connection has failed
				c.read()
			}
		}
		write()
	}
}

var (
	epoll  int // descriptor of the set, which is in the kernel
	events [64]unix.EpollEvent
)

// watch puts a descriptor into the set. The kernel takes it out when it is closed.
func watch(fd int) {
	check(unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}))
}

// wait sleeps until at least one descriptor of the set is ready, and returns those that are.
func wait() []unix.EpollEvent {
	n, err := unix.EpollWait(epoll, events[:], -1)
	if err == unix.EINTR { // a signal came first
		return nil
	}
	check(err)
	return events[:n]
}

func listen() int {
	address := flag.String("address", "127.0.0.1", "IPv4 address to listen on")
	port := flag.Int("port", 5378, "port to listen on")
	flag.Parse()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	check(err)
	check(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	check(unix.Bind(fd, &unix.SockaddrInet4{Port: *port, Addr: netip.MustParseAddr(*address).As4()}))
	check(unix.Listen(fd, 4096))
	return fd
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

type client struct {
	fd     int
	name   string // empty: not logged in
	closed bool
	input  []byte // that has been read and not executed: it has no line end yet

	out          []byte // the out queue: what the kernel has not taken yet
	writePending bool   // in pendingWrites
	registered   uint32 // the interest that the kernel was told last
}

var (
	clients = make(map[int]*client)    // by descriptor
	users   = make(map[string]*client) // those that are logged in
	names   []string                   // of the users, in the order of their logins

	pendingWrites []*client // to be written in this turn
)

// accept takes a connection, if a client has connected.
func accept(listener int) {
	fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK)
	if err == unix.EAGAIN { // not now
		return
	}
	check(err) // Shortcut: if no descriptor is left, the program ends (see 10).
	clients[fd] = &client{fd: fd, registered: unix.EPOLLIN}
	watch(fd)
}

// read executes what the client has sent, if there is anything.
// Shortcut: a line without end takes memory without end (see 9).
func (c *client) read() {
	input := make([]byte, 16<<10)
	n, err := unix.Read(c.fd, input)
	if err == unix.EAGAIN { // not now
		return
	}
	if err != nil || n == 0 { // 0 is the end of input
		c.close()
		return
	}
	c.input = append(c.input, input[:n]...)
	for !c.closed {
		line, rest, found := bytes.Cut(c.input, []byte("\n"))
		if !found {
			break
		}
		c.input = rest
		c.execute(strings.TrimSuffix(string(line), "\r"))
	}
}

// send appends the line to the out queue. Nothing is written yet.
func (c *client) send(line string) {
	c.out = append(c.out, line+"\n"...)
	c.scheduleWrite()
}

func (c *client) scheduleWrite() {
	if !c.writePending {
		c.writePending = true
		pendingWrites = append(pendingWrites, c)
	}
}

// write writes each queue that grew and each client that is writable again, once in a turn.
func write() {
	for _, c := range pendingWrites {
		c.write()
	}
	pendingWrites = nil
}

// write offers the queue to the kernel and keeps what the kernel does not take.
// Shortcut: an error is ignored, because the next read reports it too.
func (c *client) write() {
	c.writePending = false
	if c.closed {
		return
	}
	if n, err := unix.Write(c.fd, c.out); err == nil {
		c.out = c.out[n:]
	}
	c.updateInterest()
}

// interest is what the kernel is asked to wait for.
func (c *client) interest() uint32 {
	if len(c.out) > 0 {
		return unix.EPOLLIN | unix.EPOLLOUT
	}
	return unix.EPOLLIN // a client with an empty queue is writable at all times: do not ask
}

func (c *client) updateInterest() {
	if wanted := c.interest(); wanted != c.registered {
		check(unix.EpollCtl(epoll, unix.EPOLL_CTL_MOD, c.fd, &unix.EpollEvent{Events: wanted, Fd: int32(c.fd)}))
		c.registered = wanted
	}
}

// close closes the connection. Shortcut: what is still in the out queue is lost (see 10).
func (c *client) close() {
	unix.Close(c.fd)
	c.closed = true
	delete(clients, c.fd)
	delete(users, c.name)
	names = slices.DeleteFunc(names, func(name string) bool { return name == c.name })
}

// execute executes one line: the table of answers in docs/protocol.md.
func (c *client) execute(line string) {
	header, body, hasBody := strings.Cut(line, " ")
	to, message, _ := strings.Cut(strings.TrimLeft(body, " "), " ")
	switch {
	case c.name == "" && header != "HELLO-FROM":
		c.refuse("BAD-RQST-HDR")
	case c.name == "" && !isName(body):
		c.refuse("BAD-RQST-BODY")
	case c.name == "" && users[body] != nil:
		c.refuse("IN-USE")
	case c.name == "":
		c.name = body
		users[body] = c
		names = append(names, body)
		c.send("HELLO " + c.name)
	case header == "LIST" && !hasBody:
		c.send("LIST-OK " + strings.Join(names, ","))
	case header == "LIST", header == "SEND" && (!isName(to) || message == ""):
		c.send("BAD-RQST-BODY")
	case header == "SEND" && users[to] == nil:
		c.send("BAD-DEST-USER")
	case header == "SEND":
		users[to].send("DELIVERY " + c.name + " " + message)
		c.send("SEND-OK")
	default:
		c.send("BAD-RQST-HDR")
	}
}

func (c *client) refuse(line string) {
	c.send(line)
	c.write()
	c.close()
}

var nameForm = regexp.MustCompile(`^[^ ,\p{Cc}\x{2028}-\x{202E}\x{2066}-\x{2069}]{1,255}$`)

func isName(name string) bool { return utf8.ValidString(name) && nameForm.MatchString(name) }
