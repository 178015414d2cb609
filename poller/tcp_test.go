package poller

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"chatd/protocol"

	"golang.org/x/sys/unix"
)

// newChat is a real loop with the real protocol. The test turns it.
func newChat(t *testing.T, k Kernel) *realLoop {
	t.Helper()
	r := newRealLoop(t, k, protocol.NewMachine(100, 4<<20))
	r.kernel.atMost = time.Millisecond
	t.Cleanup(func() {
		r.wake.Stop()
		r.wake.Stop()
		if err := r.Run(); err != nil { // closes all that is idle
			t.Errorf("Run: %v", err)
		}
	})
	return r
}

// until turns the loop until something is so.
func (r *realLoop) until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for began := time.Now(); !so(); {
		if err := r.Turn(); err != nil {
			t.Fatalf("Turn: %v", err)
		}
		if time.Since(began) > guard {
			t.Fatalf("after %v still not: %s", guard, what)
		}
	}
}

// A client is a TCP client that is served by the loop that it knows.
type client struct {
	*net.TCPConn
	r    *realLoop
	fd   int    // the server's descriptor of it
	text []byte // heard
	end  error  // io.EOF, or how else the connection ended
}

// dial connects, and logs in.
func (r *realLoop) dial(t *testing.T, name string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &client{TCPConn: conn.(*net.TCPConn), r: r}
	count := r.count
	r.until(t, "accepted", func() bool { return r.count > count })
	r.slots.Each(func(fd int, s *slot) {
		if s.inUse() && r.kernel.Peer(fd) == conn.LocalAddr().String() {
			c.fd = fd
		}
	})
	c.say(t, "HELLO-FROM "+name+"\n")
	c.hears(t, "HELLO "+name+"\n")
	return c
}

func (c *client) say(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// listen takes in what has come, without waiting.
func (c *client) listen() {
	buffer := make([]byte, 64<<10)
	raw, err := c.SyscallConn()
	if err != nil {
		c.end = err
		return
	}
	raw.Read(func(fd uintptr) bool {
		n, err := unix.Read(int(fd), buffer)
		switch {
		case n > 0:
			c.text = append(c.text, buffer[:n]...)
		case n == 0:
			c.end = io.EOF
		case err != unix.EAGAIN && err != unix.EINTR:
			c.end = err
		}
		return true
	})
}

// hears turns the loop until the client has heard a text, which must be all that it hears.
func (c *client) hears(t *testing.T, want string) {
	t.Helper()
	c.r.until(t, "heard "+brief(want), func() bool {
		c.listen()
		return len(c.text) >= len(want) || c.end != nil
	})
	if got := string(c.text); got != want {
		t.Fatalf("heard %s (%v), expected %s", brief(got), c.end, brief(want))
	}
	c.text = nil
}

// ends turns the loop until the client's connection has ended, in an orderly way.
func (c *client) ends(t *testing.T) {
	t.Helper()
	c.r.until(t, "the end", func() bool {
		c.listen()
		return c.end != nil
	})
	if c.end != io.EOF || len(c.text) > 0 {
		t.Fatalf("the connection ended with %v after %s, expected the end of file", c.end, brief(string(c.text)))
	}
}

// idles waits until the loop is at rest: a run of turns that no event ended.
func (r *realLoop) idles(t *testing.T) {
	t.Helper()
	quiet, events := 0, r.kernel.events
	r.until(t, "twenty turns without an event", func() bool {
		if quiet++; r.kernel.events != events {
			quiet, events = 0, r.kernel.events
		}
		return quiet > 20
	})
}

// D13: a client sends a line that closes with much more behind it. It reads the answer and then the
// end of file, never a reset.
func TestD13LastWordsArriveOverTCP(t *testing.T) {
	withEach(t, func(t *testing.T, k Kernel) {
		r := newChat(t, k)
		conn, err := net.Dial("tcp", r.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c := &client{TCPConn: conn.(*net.TCPConn), r: r}
		c.say(t, "GET / HTTP/1.1\n"+strings.Repeat("SEND b x\n", 5000)) // 45 KB: less than lingerBytes
		c.hears(t, "BAD-RQST-HDR\n")
		c.ends(t)
		c.Close()
		r.until(t, "closed", func() bool { return r.count == 0 })
	})
}

// D1, D2, B7: a delivery that is larger than all buffers on its way arrives whole, its SEND-OK not
// before, and afterwards the loop is at rest.
func TestD1ALargeDeliveryOverTCP(t *testing.T) {
	withEach(t, func(t *testing.T, k Kernel) {
		r := newChat(t, k)
		a, b := r.dial(t, "a"), r.dial(t, "b")
		message := strings.Repeat("0123456789abcdef", 200_000) // 3.2 MB
		done := make(chan struct{})
		go func() { // more than fits: a blocks until the loop reads
			defer close(done)
			io.WriteString(a, "SEND b "+message+"\nLIST\n")
		}()
		r.until(t, "something queued for b", func() bool {
			c := r.slots.Find(b.fd).conn
			return c != nil && c.writeBlocked
		})
		<-done
		if a.listen(); len(a.text) > 0 {
			t.Errorf("the sender heard %q before its delivery had left", a.text)
		}
		b.hears(t, "DELIVERY a "+message+"\n")
		a.hears(t, "SEND-OK\nLIST-OK a,b\n")
		r.idles(t)
	})
}

// stalled makes two users of whom the first waits for its delivery to the second, who does not
// read. The first is not waited for.
func stalled(t *testing.T, r *realLoop) (sender, target *client) {
	t.Helper()
	sender, target = r.dial(t, "sender"), r.dial(t, "target")
	if err := target.SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	said := make(chan struct{})
	go func() { // more than fits: the sender blocks until the loop reads
		defer close(said)
		io.WriteString(sender, "SEND target "+strings.Repeat("x", 2<<20)+"\n")
	}()
	r.until(t, "sender paused", func() bool {
		c := r.slots.Find(sender.fd).conn
		return c != nil && c.pendingReplies > 0 && c.registered == 0
	})
	<-said
	return sender, target
}

// B5: a client that is not waited for resets. That is reported unasked, and ends it.
func TestB5AResetWhilePausedOverTCP(t *testing.T) {
	withEach(t, func(t *testing.T, k Kernel) {
		if _, ok := k.(*Select); ok {
			t.Skip("select has no set for the end of a connection: see TestSelectSeesAResetWhenTheReplyIsDue")
		}
		r := newChat(t, k)
		sender, _ := stalled(t, r)
		r.idles(t)
		sender.SetLinger(0)
		sender.Close()
		r.until(t, "the sender gone", func() bool { return r.count == 1 })
		r.idles(t)
	})
}

// B6: a client that is not waited for half-closes. The loop is not woken for that. When the target
// has gone, the client has its answer and then the end.
func TestB6AHalfCloseWhilePausedOverTCP(t *testing.T) {
	withEach(t, func(t *testing.T, k Kernel) {
		r := newChat(t, k)
		sender, target := stalled(t, r)
		sender.CloseWrite()
		wait(t, sender.fd, unix.POLLRDHUP) // it has come to the server's side
		r.idles(t)
		target.SetLinger(0)
		target.Close()
		sender.hears(t, "BAD-DEST-USER\n")
		sender.ends(t)
		r.until(t, "both gone", func() bool { return r.count == 0 })
	})
}
