package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Client is one connection to a server of the chat protocol. It says what it is told to say,
// right or wrong, and judges what it hears: what it does not expect ends the test.
type Client struct {
	Conn  *net.TCPConn
	Lines *bufio.Reader // what comes from the server; nobody else may read from Conn

	t    T
	said string // last, for messages
}

// An Option changes a connection before it is made.
type Option func(*net.Dialer)

// ReceiveBuffer makes the client's receive buffer small, so that the server's kernel must keep what
// the client does not read. The kernel has a least size and doubles what is asked for (socket(7)).
func ReceiveBuffer(bytes int) Option {
	return func(dialer *net.Dialer) {
		dialer.Control = func(_, _ string, raw syscall.RawConn) error {
			return control(raw, func(fd int) error {
				return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bytes)
			})
		}
	}
}

// From makes the connection come from an address of the loopback network, 127.0.0.0/8. Each has
// ports of its own, so thousands of connections find one.
func From(ip string) Option {
	return func(dialer *net.Dialer) { dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(ip)} }
}

// Dial connects to a server. The connection is closed when the caller's test ends.
func Dial(t T, address string, options ...Option) *Client {
	t.Helper()
	dialer := net.Dialer{Timeout: Patience}
	for _, option := range options {
		option(&dialer)
	}
	conn, err := dialer.DialContext(context.Background(), "tcp", address)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	c := &Client{Conn: conn.(*net.TCPConn), Lines: bufio.NewReader(conn), t: t}
	t.Cleanup(func() { c.Conn.Close() })
	return c
}

// Dial connects to the daemon.
func (d *Daemon) Dial(t T, options ...Option) *Client {
	t.Helper()
	return Dial(t, d.Address, options...)
}

// Login connects to the daemon and logs in.
func (d *Daemon) Login(t T, name string, options ...Option) *Client {
	t.Helper()
	c := d.Dial(t, options...)
	c.Login(name)
	return c
}

// Login logs in and expects to succeed.
func (c *Client) Login(name string) {
	c.t.Helper()
	c.Line("HELLO-FROM " + name)
	c.Expect("HELLO " + name)
}

// Line says lines.
func (c *Client) Line(lines ...string) {
	c.t.Helper()
	c.Send(strings.Join(lines, "\n") + "\n")
}

// Send says bytes as they are, in one write unless they are too many for that.
func (c *Client) Send(text string) {
	c.t.Helper()
	c.said = text
	c.Conn.SetWriteDeadline(time.Now().Add(Patience))
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Fatalf("%s said %s: %v", c, shorten(text), err)
	}
}

// SendUrgent says one byte as TCP urgent data (MSG_OOB).
func (c *Client) SendUrgent(b byte) {
	c.t.Helper()
	c.Control("urgent byte", func(fd int) error { return unix.Sendto(fd, []byte{b}, unix.MSG_OOB, nil) })
}

// Hear returns the next line, without its end.
func (c *Client) Hear() string {
	c.t.Helper()
	c.Conn.SetReadDeadline(time.Now().Add(Patience))
	line, err := c.Lines.ReadString('\n')
	if err != nil {
		c.t.Fatalf("%s said %s and heard %s: %v", c, shorten(c.said), shorten(line), err)
	}
	return line[:len(line)-1]
}

// Expect hears the next lines and compares.
func (c *Client) Expect(lines ...string) {
	c.t.Helper()
	for _, expected := range lines {
		if line := c.Hear(); line != expected {
			c.t.Fatalf("%s said %s and heard %s, expected %s", c, shorten(c.said), shorten(line), shorten(expected))
		}
	}
}

// ExpectNothingBefore says a line and expects its answer to be the very next thing that comes.
func (c *Client) ExpectNothingBefore(line, answer string) {
	c.t.Helper()
	c.Line(line)
	c.Expect(answer)
}

// ExpectEOF expects the orderly end of what the server says, and nothing before it.
func (c *Client) ExpectEOF() {
	c.t.Helper()
	c.Conn.SetReadDeadline(time.Now().Add(Patience))
	if b, err := c.Lines.ReadByte(); err == nil {
		c.Lines.UnreadByte()
		c.t.Fatalf("%s said %s and heard %s, expected the end", c, shorten(c.said), shorten(c.Hear()))
	} else if !errors.Is(err, io.EOF) {
		c.t.Fatalf("%s said %s: %v, byte %d; expected an orderly end", c, shorten(c.said), err, b)
	}
}

// IsQuiet reports whether nothing that has not been heard has arrived so far: no byte, no end.
func (c *Client) IsQuiet() bool {
	c.t.Helper()
	quiet := c.Lines.Buffered() == 0
	c.Control("peek", func(fd int) error {
		_, _, err := unix.Recvfrom(fd, make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		quiet = quiet && err == unix.EAGAIN
		return nil
	})
	return quiet
}

// HalfClose says no more and goes on listening.
func (c *Client) HalfClose() {
	c.t.Helper()
	if err := c.Conn.CloseWrite(); err != nil {
		c.t.Fatalf("%s: shutdown: %v", c, err)
	}
}

// Close closes the connection. If something unread has arrived, the kernel makes a reset of it.
func (c *Client) Close() { c.Conn.Close() }

// Reset ends the connection with a reset.
func (c *Client) Reset() {
	c.Conn.SetLinger(0)
	c.Conn.Close()
}

// Leave says goodbye and waits until the server has said its own: the user is gone then.
func (c *Client) Leave() {
	c.t.Helper()
	c.HalfClose()
	c.ExpectEOF()
	c.Close()
}

// String names the client in messages.
func (c *Client) String() string { return "client " + c.Conn.LocalAddr().String() }

// Control calls a function with the client's descriptor.
func (c *Client) Control(what string, do func(fd int) error) {
	c.t.Helper()
	raw, err := c.Conn.SyscallConn()
	if err == nil {
		err = control(raw, do)
	}
	if err != nil {
		c.t.Fatalf("%s: %s: %v", c, what, err)
	}
}

func control(raw syscall.RawConn, do func(fd int) error) error {
	var result error
	if err := raw.Control(func(fd uintptr) { result = do(int(fd)) }); err != nil {
		return err
	}
	return result
}

// shorten quotes a text for a message.
func shorten(text string) string {
	const most = 80 // bytes
	if len(text) <= most {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprintf("%q... (%d bytes)", text[:most], len(text))
}
