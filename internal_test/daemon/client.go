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
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A Client is one connection to a server of the chat protocol. It sends what it is told to send,
// right or wrong, and compares what it receives: a difference ends the test.
type Client struct {
	Conn  *net.TCPConn
	Lines *bufio.Reader // reads from Conn, which nothing else may do

	t    testing.TB
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

// From makes the connection come from an address of the loopback network, 127.0.0.0/8. Each address
// has its own ports, so that thousands of connections find one.
func From(ip string) Option {
	return func(dialer *net.Dialer) { dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(ip)} }
}

// Connect connects to a server without a test: no method that could fail one may be called.
func Connect(address string, options ...Option) (*Client, error) {
	dialer := net.Dialer{Timeout: Patience}
	for _, option := range options {
		option(&dialer)
	}
	conn, err := dialer.DialContext(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	return &Client{Conn: conn.(*net.TCPConn), Lines: bufio.NewReader(conn)}, nil
}

// Dial connects to a server. The connection is closed when the test ends.
func Dial(t testing.TB, address string, options ...Option) *Client {
	t.Helper()
	c, err := Connect(address, options...)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	c.t = t
	t.Cleanup(c.Close)
	return c
}

// Dial connects to the daemon.
func (d *Daemon) Dial(t testing.TB, options ...Option) *Client {
	t.Helper()
	return Dial(t, d.Address, options...)
}

// Login connects to the daemon and logs in.
func (d *Daemon) Login(t testing.TB, name string, options ...Option) *Client {
	t.Helper()
	c := d.Dial(t, options...)
	c.Login(name)
	return c
}

// Login logs in and expects to succeed.
func (c *Client) Login(name string) {
	c.t.Helper()
	c.Ask("HELLO-FROM "+name, "HELLO "+name)
}

// Ask sends a line and expects its answers to be the very next lines that come.
func (c *Client) Ask(line string, answers ...string) {
	c.t.Helper()
	c.Line(line)
	c.Expect(answers...)
}

// Line sends lines.
func (c *Client) Line(lines ...string) {
	c.t.Helper()
	c.Send(strings.Join(lines, "\n") + "\n")
}

// Send sends bytes as they are, in one write unless the kernel takes only a part.
func (c *Client) Send(text string) {
	c.t.Helper()
	c.said = text
	c.Conn.SetWriteDeadline(time.Now().Add(Patience))
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Fatalf("%s said %s: %v", c, shorten(text), err)
	}
}

// SendUrgent sends one byte as TCP urgent data (MSG_OOB).
func (c *Client) SendUrgent(b byte) {
	c.t.Helper()
	c.Control("urgent byte", func(fd int) error { return unix.Sendto(fd, []byte{b}, unix.MSG_OOB, nil) })
}

// Hear reads the next line, without its end.
func (c *Client) Hear() string {
	c.t.Helper()
	c.Conn.SetReadDeadline(time.Now().Add(Patience))
	line, err := c.Lines.ReadString('\n')
	if err != nil {
		c.t.Fatalf("%s said %s and heard %s: %v", c, shorten(c.said), shorten(line), err)
	}
	return line[:len(line)-1]
}

// Expect reads the next lines and compares.
func (c *Client) Expect(lines ...string) {
	c.t.Helper()
	for _, expected := range lines {
		if line := c.Hear(); line != expected {
			c.t.Fatalf("%s said %s and heard %s, expected %s", c, shorten(c.said), shorten(line), shorten(expected))
		}
	}
}

// ExpectClosing expects lines, then the orderly end of the connection, and closes it.
func (c *Client) ExpectClosing(lines ...string) {
	c.t.Helper()
	c.Expect(lines...)
	c.ExpectEOF()
	c.Close()
}

// ExpectEOF expects the orderly end of the server's output, and nothing before it.
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

// IsQuiet reports whether nothing has arrived that was not read: no byte, no end.
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

// HalfClose ends the client's output. The client goes on reading.
func (c *Client) HalfClose() {
	c.t.Helper()
	if err := c.Conn.CloseWrite(); err != nil {
		c.t.Fatalf("%s: shutdown: %v", c, err)
	}
}

// Close closes the connection. If input is unread, the kernel sends a reset.
func (c *Client) Close() { c.Conn.Close() }

// Reset ends the connection with a reset.
func (c *Client) Reset() {
	c.Conn.SetLinger(0)
	c.Conn.Close()
}

// Leave ends the output and waits until the server has closed: the user is logged out then.
func (c *Client) Leave() {
	c.t.Helper()
	c.HalfClose()
	c.ExpectClosing()
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

// AwaitList asks for the list until it is what is expected.
func (c *Client) AwaitList(names ...string) {
	c.t.Helper()
	expected := "LIST-OK " + strings.Join(names, ",")
	Await(c.t, expected, func() bool {
		c.Line("LIST")
		return c.Hear() == expected
	})
}

// PassTurn returns when the server has dealt with all that clients sent before: the answer to the
// second line comes from a later turn of its loop than the one that read the first.
func (c *Client) PassTurn() {
	for range 2 {
		c.Ask("LIST x", "BAD-RQST-BODY")
	}
}
