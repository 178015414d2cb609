package poller_test

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"chatd/poller"
	"chatd/poller/linux"
	"chatd/protocol"
	"chatd/state"

	"golang.org/x/sys/unix"
)

// guard is how long a test waits for what must happen, before it says that it did not.
const guard = 10 * time.Second

// A tcpLoop is a loop with the real protocol over a real kernel, with a listener on loopback.
type tcpLoop struct {
	*poller.Loop
	kernel  *observed
	wake    linux.Wake
	address string
}

// observed is a real kernel of which a test sees what the loop has registered, and whose waits end
// after a moment when a test wants to look between turns.
type observed struct {
	poller.Kernel
	atMost   time.Duration // 0: no limit
	events   int           // that have been reported
	interest map[int]poller.Readiness
}

func (k *observed) Wait(events []poller.Event, timeout time.Duration) (int, error) {
	if k.atMost > 0 && (timeout < 0 || timeout > k.atMost) {
		timeout = k.atMost
	}
	n, err := k.Kernel.Wait(events, timeout)
	k.events += n
	return n, err
}

func (k *observed) Add(id state.ID, interest poller.Readiness) error {
	k.interest[id.Slot()] = interest
	return k.Kernel.Add(id, interest)
}

func (k *observed) Modify(id state.ID, interest poller.Readiness) error {
	k.interest[id.Slot()] = interest
	return k.Kernel.Modify(id, interest)
}

// withEachTCP runs a test with each of the real kernels. The test turns the loop.
func withEachTCP(t *testing.T, test func(t *testing.T, name string, l *tcpLoop)) {
	for _, name := range []string{"select", "poll", "epoll"} {
		t.Run(name, func(t *testing.T) {
			l := newTCPLoop(t, name)
			l.kernel.atMost = time.Millisecond
			t.Cleanup(func() {
				l.wake.Stop()
				l.wake.Stop()
				if err := l.Run(); err != nil { // closes all that is idle
					t.Errorf("Run: %v", err)
				}
			})
			test(t, name, l)
		})
	}
}

func newTCPLoop(t *testing.T, name string) *tcpLoop {
	t.Helper()
	kernel, err := linux.New(name)
	if err != nil {
		t.Fatalf("NewKernel: %v", err)
	}
	wake, err := linux.NewWake()
	if err != nil {
		t.Fatalf("NewWake: %v", err)
	}
	t.Cleanup(func() { unix.Close(wake.Descriptor()) })
	listener, address, err := linux.Listen(netip.MustParseAddr("127.0.0.1"), 0, time.Minute)
	if err != nil {
		t.Fatalf("Listen: %v", err)
	}
	k := &observed{Kernel: kernel, interest: map[int]poller.Readiness{}}
	l, err := poller.NewLoop(poller.Config{
		Kernel: k, Machine: protocol.NewMachine(protocol.Limits{Users: 100, Line: 4 << 20, Name: 255}), Listeners: []int{listener}, Wake: wake.Descriptor(),
		SendTimeout: sendTimeout, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatalf("NewLoop: %v", err)
	}
	return &tcpLoop{l, k, wake, address.String()}
}

// A loop on a thread of its own serves clients over TCP, and a wake ends it.
func TestARealLoopServesUntilItIsStopped(t *testing.T) {
	for _, name := range []string{"select", "poll", "epoll"} {
		t.Run(name, func(t *testing.T) {
			l := newTCPLoop(t, name)
			done := make(chan error)
			go func() { done <- l.Run() }()
			var clients []net.Conn
			for i := range 10 {
				c, err := net.Dial("tcp", l.address)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				c.SetDeadline(time.Now().Add(guard))
				clients = append(clients, c)
				user, message := string(rune('a'+i)), strings.Repeat("hello", 1000)
				io.WriteString(c, "HELLO-FROM "+user+"\nSEND "+user+" "+message+"\n")
				want := "HELLO " + user + "\nDELIVERY " + user + " " + message + "\nSEND-OK\n"
				got := make([]byte, len(want))
				if n, err := io.ReadFull(c, got); string(got) != want {
					t.Fatalf("heard %s (%v), expected %s", brief(string(got[:n])), err, brief(want))
				}
			}
			if err := l.wake.Stop(); err != nil {
				t.Fatalf("Stop: %v", err)
			}
			for _, c := range clients {
				if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
					t.Errorf("at the stop a client heard %d bytes and %v, expected the end", len(rest), err)
				}
			}
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("Run: %v", err)
				}
			case <-time.After(guard):
				t.Fatalf("after %v the loop still runs", guard)
			}
			if c, err := net.Dial("tcp", l.address); err == nil {
				c.Close()
				t.Error("the listener is still open")
			}
		})
	}
}

// until turns the loop until something is so.
func (l *tcpLoop) until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for began := time.Now(); !so(); {
		if err := l.Turn(); err != nil {
			t.Fatalf("Turn: %v", err)
		}
		if time.Since(began) > guard {
			t.Fatalf("after %v still not: %s", guard, what)
		}
	}
}

// idles waits until the loop is at rest: a run of turns that no event ended.
func (l *tcpLoop) idles(t *testing.T) {
	t.Helper()
	quiet, events := 0, l.kernel.events
	l.until(t, "twenty turns without an event", func() bool {
		if quiet++; l.kernel.events != events {
			quiet, events = 0, l.kernel.events
		}
		return quiet > 20
	})
}

// A tcpClient is a TCP client that is served by the loop that it knows.
type tcpClient struct {
	*net.TCPConn
	l    *tcpLoop
	fd   int    // the server's descriptor of it
	text []byte // heard
	end  error  // io.EOF, or how else the connection ended
}

// dial connects.
func (l *tcpLoop) dial(t *testing.T) *tcpClient {
	t.Helper()
	conn, err := net.Dial("tcp", l.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &tcpClient{TCPConn: conn.(*net.TCPConn), l: l}
	count := l.Connections()
	l.until(t, "accepted", func() bool { return l.Connections() > count })
	for fd := range l.kernel.interest {
		if l.kernel.Peer(fd) == conn.LocalAddr().String() {
			c.fd = fd
		}
	}
	return c
}

// login connects and logs in.
func (l *tcpLoop) login(t *testing.T, name string) *tcpClient {
	t.Helper()
	c := l.dial(t)
	c.say(t, "HELLO-FROM "+name+"\n")
	c.hears(t, "HELLO "+name+"\n")
	return c
}

func (c *tcpClient) say(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// saying says more than fits into the buffers on the way, until something is so.
func (c *tcpClient) saying(t *testing.T, text, what string, so func() bool) {
	t.Helper()
	done := make(chan struct{})
	go func() { // the client blocks until the loop reads
		defer close(done)
		io.WriteString(c, text)
	}()
	c.l.until(t, what, so)
	<-done
}

// listen takes in what has come, without waiting.
func (c *tcpClient) listen() {
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
func (c *tcpClient) hears(t *testing.T, want string) {
	t.Helper()
	c.l.until(t, "heard "+brief(want), func() bool {
		c.listen()
		return len(c.text) >= len(want) || c.end != nil
	})
	if got := string(c.text); got != want {
		t.Fatalf("heard %s (%v), expected %s", brief(got), c.end, brief(want))
	}
	c.text = nil
}

// ends turns the loop until the client's connection has ended, in an orderly way.
func (c *tcpClient) ends(t *testing.T) {
	t.Helper()
	c.l.until(t, "the end", func() bool {
		c.listen()
		return c.end != nil
	})
	if c.end != io.EOF || len(c.text) > 0 {
		t.Fatalf("the connection ended with %v after %s, expected the end of file", c.end, brief(string(c.text)))
	}
}

// comes waits until the server's kernel has something of the client's connection.
func (c *tcpClient) comes(t *testing.T, events int16) {
	t.Helper()
	for {
		fds := []unix.PollFd{{Fd: int32(c.fd), Events: events}}
		n, err := unix.Poll(fds, int(guard.Milliseconds()))
		if err == unix.EINTR {
			continue
		}
		if n != 1 || fds[0].Revents&events == 0 {
			t.Fatalf("after %v descriptor %d has not become %x (%v)", guard, c.fd, events, err)
		}
		return
	}
}

// D13: a client sends a line that closes with much more behind it. It reads the answer and then the
// end of file, never a reset.
func TestD13TheLastAnswerArrivesOverTCP(t *testing.T) {
	withEachTCP(t, func(t *testing.T, _ string, l *tcpLoop) {
		c := l.dial(t)
		c.say(t, "GET / HTTP/1.1\n"+strings.Repeat("SEND b x\n", 5000)) // 45 KB: less than the lingering reads
		c.hears(t, "BAD-RQST-HDR\n")
		c.ends(t)
		c.Close()
		l.until(t, "closed", func() bool { return l.Connections() == 0 })
	})
}

// D1, D2, B7: a delivery that is larger than all buffers on its way arrives whole, its SEND-OK not
// before, and afterwards the loop is at rest.
func TestD1ALargeDeliveryOverTCP(t *testing.T) {
	withEachTCP(t, func(t *testing.T, _ string, l *tcpLoop) {
		a, b := l.login(t, "a"), l.login(t, "b")
		message := strings.Repeat("0123456789abcdef", 200_000) // 3.2 MB
		a.saying(t, "SEND b "+message+"\nLIST\n", "something queued for b", func() bool {
			return l.kernel.interest[b.fd]&writable != 0
		})
		if a.listen(); len(a.text) > 0 {
			t.Errorf("the sender heard %q before its delivery had left", a.text)
		}
		b.hears(t, "DELIVERY a "+message+"\n")
		a.hears(t, "SEND-OK\nLIST-OK a,b\n")
		l.idles(t)
	})
}

// stalled makes two users: the first has a pending reply, because the second does not read. It does not
// wait for the first one's reply.
func stalled(t *testing.T, l *tcpLoop) (sender, target *tcpClient) {
	t.Helper()
	sender, target = l.login(t, "sender"), l.login(t, "target")
	if err := target.SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	sender.saying(t, "SEND target "+strings.Repeat("x", 2<<20)+"\n", "the sender paused", func() bool {
		return l.kernel.interest[sender.fd] == 0
	})
	return sender, target
}

// B5: a client that is not waited for resets. That is reported unasked, and ends it. select cannot
// do that: it sees nothing of the reset, and is not woken either. When the target goes too, the
// pending reply falls due, and the client is found to have gone.
func TestB5AResetWhilePausedOverTCP(t *testing.T) {
	withEachTCP(t, func(t *testing.T, name string, l *tcpLoop) {
		sender, target := stalled(t, l)
		l.idles(t)
		sender.SetLinger(0)
		sender.Close()
		if name != "select" {
			l.until(t, "the sender gone", func() bool { return l.Connections() == 1 })
			l.idles(t)
			return
		}
		sender.comes(t, unix.POLLERR)
		l.idles(t)
		if l.Connections() != 2 {
			t.Errorf("%d clients are here, expected both", l.Connections())
		}
		target.SetLinger(0)
		target.Close()
		l.until(t, "both gone", func() bool { return l.Connections() == 0 })
	})
}

// B6: a client that is not waited for half-closes. The loop is not woken for that. When the target
// has gone, the client has its answer and then the end.
func TestB6AHalfCloseWhilePausedOverTCP(t *testing.T) {
	withEachTCP(t, func(t *testing.T, _ string, l *tcpLoop) {
		sender, target := stalled(t, l)
		sender.CloseWrite()
		sender.comes(t, unix.POLLRDHUP) // it has come to the server's side
		l.idles(t)
		target.SetLinger(0)
		target.Close()
		sender.hears(t, "BAD-DEST-USER\n")
		sender.ends(t)
		l.until(t, "both gone", func() bool { return l.Connections() == 0 })
	})
}
