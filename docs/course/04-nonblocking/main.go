// Program 4 asks all descriptors in turn, with calls that do not block.
package main

import (
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
	fmt.Println("Server is on")
	for {
		accept(listener)
		for _, c := range clients {
			c.read()
		}
		clients = slices.DeleteFunc(clients, func(c *client) bool { return c.closed })
	}
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
}

var (
	clients []*client
	users   = make(map[string]*client) // those that are logged in
	names   []string                   // of the users, in the order of their logins
)

// accept takes a connection, if a client has connected.
func accept(listener int) {
	fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK)
	if err == unix.EAGAIN { // not now
		return
	}
	check(err) // Shortcut: if no descriptor is left, the program ends (see 10).
	clients = append(clients, &client{fd: fd})
}

// read executes what the client has sent, if there is anything.
// Shortcut: one read is taken for one line. TCP does not promise that; program 5 cuts lines.
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
	c.execute(strings.TrimSuffix(strings.TrimSuffix(string(input[:n]), "\n"), "\r"))
}

// send gives the line to the kernel.
// Shortcut: if the kernel has no room for all of it, the rest is lost. Program 7 keeps the rest.
// Shortcut: an error is ignored, because the next read reports it too.
func (c *client) send(line string) { unix.Write(c.fd, []byte(line+"\n")) }

func (c *client) close() {
	unix.Close(c.fd)
	c.closed = true
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
	c.close()
}

var nameForm = regexp.MustCompile(`^[^ ,\p{Cc}\x{2028}-\x{202E}\x{2066}-\x{2069}]{1,255}$`)

func isName(name string) bool { return utf8.ValidString(name) && nameForm.MatchString(name) }
