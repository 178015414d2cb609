package memkernel_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatd/poller"
	"chatd/poller/memkernel"
	"chatd/state"
)

// A server is a kernel and the calls that a server makes, each of which must succeed.
type server struct {
	*memkernel.Kernel
	t *testing.T
}

func newServer(t *testing.T, options memkernel.Options) *server {
	s := &server{memkernel.New(options), t}
	s.must(s.Add(state.NewID(memkernel.Listener, 0), poller.Readable))
	s.must(s.Add(state.NewID(memkernel.Wake, 0), poller.Readable))
	return s
}

func (s *server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// connect makes a connection that the server has accepted and registered.
func (s *server) connect() *memkernel.Socket {
	s.t.Helper()
	c := s.Connect()
	fd, err := s.Accept(memkernel.Listener)
	s.must(err)
	s.must(s.Add(state.NewID(fd, 1), poller.Readable))
	return c
}

func (s *server) write(c *memkernel.Socket, text string) {
	s.t.Helper()
	_, err := s.Write(c.FD, []byte(text))
	s.must(err)
}

// wait takes at most so many events and expects these: descriptors with r, w and e for what is ready.
func (s *server) wait(most int, want string) {
	s.t.Helper()
	events := make([]poller.Event, most)
	n, err := s.Wait(events, 0)
	var got []string
	for _, e := range events[:n] {
		text := fmt.Sprint(e.ID.Slot())
		for i, letter := range []string{"r", "w", "e"} {
			if e.Ready&(1<<i) != 0 {
				text += letter
			}
		}
		got = append(got, text)
	}
	if text := strings.Join(got, " "); err != nil || text != want {
		s.t.Fatalf("Wait reports %q, %v; expected %q", text, err, want)
	}
}

func write(t *testing.T, c *memkernel.Socket, text string) {
	t.Helper()
	if n, err := io.WriteString(c, text); n != len(text) {
		t.Fatalf("the client writes %d bytes, %v; expected %d", n, err, len(text))
	}
}

// reads expects what a client can read and then the error: nil is the end of file.
func reads(t *testing.T, c *memkernel.Socket, want string, end error) {
	t.Helper()
	text, err := io.ReadAll(c)
	if string(text) != want || err != end {
		t.Fatalf("the client reads %q, then %v; expected %q, then %v", text, err, want, end)
	}
}

func read(k *memkernel.Kernel, fd int) string {
	p := make([]byte, 100)
	n, err := k.Read(fd, p)
	if err != nil {
		return err.Error()
	}
	return string(p[:n])
}

func TestTheLowestFreeDescriptorIsNext(t *testing.T) {
	s := newServer(t, memkernel.Options{Limit: 8})
	a, b, c := s.connect(), s.connect(), s.connect()
	if a.FD != 5 || b.FD != 6 || c.FD != 7 {
		t.Fatalf("descriptors %d, %d, %d; expected 5, 6, 7", a.FD, b.FD, c.FD)
	}
	if _, err := s.Accept(memkernel.Listener); err != syscall.EMFILE {
		t.Errorf("with no descriptor and no client Accept fails with %v, expected EMFILE", err)
	}
	s.Close(b.FD)
	s.Close(a.FD)
	if fd, _ := s.Reserve(); fd != 5 {
		t.Errorf("the reserve is %d, expected 5", fd)
	}
	if _, err := s.Accept(memkernel.Listener); err != syscall.EAGAIN {
		t.Errorf("with no client Accept fails with %v, expected EAGAIN", err)
	}
	s.FirstFree, s.Limit = 1000, 0
	if d := s.connect(); d.FD != 1000 {
		t.Errorf("the descriptor is %d, expected 1000", d.FD)
	}
	s.FirstFree = 0
	if d := s.connect(); d.FD != 6 {
		t.Errorf("the descriptor is %d, expected 6", d.FD)
	}
	if err := s.Shutdown(99); err != syscall.EBADF {
		t.Errorf("Shutdown of a descriptor that is not open: %v, expected EBADF", err)
	}
}

func TestReadinessIsLevelTriggered(t *testing.T) {
	for method, ended := range map[string]string{"epoll": "5e", "poll": "5e", "select": ""} {
		s := newServer(t, memkernel.Options{Method: method})
		early := s.Connect()
		s.wait(9, "3r")
		s.Signal(1, 2)
		early.Abort()
		s.wait(9, "4r")
		s.wait(9, "4r")
		if got := []byte(read(s.Kernel, memkernel.Wake)); got[0] != 1 && got[7] != 1 {
			t.Errorf("Wake reads %v", got)
		}
		c := s.connect()
		s.wait(9, "")
		write(t, c, "x")
		s.wait(9, "5r")
		s.must(s.Modify(c.ID, poller.Readable|poller.Writable))
		s.wait(9, "5rw")
		s.must(s.Modify(c.ID, 0))
		s.wait(9, "")
		c.CloseWrite()
		s.wait(9, "") // B6: silenced by interest 0
		c.Reset()
		s.wait(9, ended) // and this is not
		s.Close(c.FD)
		s.wait(9, "")
	}
}

// What was reported goes behind what did not fit; a hook that leaves something out does the same.
func TestEachReadySocketHasItsTurn(t *testing.T) {
	for method, order := range map[string][4]string{
		"":       {"7r 6r", "5r 7r", "6r", "5r 7r 6r"},
		"poll":   {"5r 6r", "7r 5r", "6r", "7r 5r 6r"},
		"select": {"5r 6r", "7r 5r", "6r", "7r 5r 6r"},
	} {
		s := newServer(t, memkernel.Options{Method: method})
		a, b, c := s.connect(), s.connect(), s.connect()
		for _, from := range []*memkernel.Socket{c, b, a} {
			write(t, from, "x")
		}
		s.wait(2, order[0])
		s.wait(2, order[1])
		s.Before = func(c *memkernel.Call) {
			if c.Name == "report" {
				c.Events = c.Events[:1]
			}
		}
		s.wait(3, order[2])
		s.Before = nil
		s.wait(3, order[3])
	}
}

func TestBuffersAreBounded(t *testing.T) {
	s := newServer(t, memkernel.Options{Buffers: memkernel.Buffers{Receive: 4, Send: 6, Client: 2}, ManualNetwork: true})
	c := s.connect()
	if n, err := io.WriteString(c, "abcdef"); n != 4 || err != nil {
		t.Fatalf("the client writes %d bytes, %v; expected 4", n, err)
	}
	if _, err := c.Write([]byte("e")); err != syscall.EAGAIN {
		t.Fatalf("into a full buffer the client writes: %v, expected EAGAIN", err)
	}
	if got := read(s.Kernel, c.FD); got != "abcd" {
		t.Fatalf("the server reads %q", got)
	}
	s.must(s.Modify(c.ID, poller.Writable))
	s.write(c, "12345")
	s.wait(9, "") // one byte of six is free
	c.Deliver(1)
	s.wait(9, "5w") // a third
	if n, _ := s.Write(c.FD, []byte("678")); n != 2 || s.Unacknowledged(c.FD) != 6 {
		t.Fatalf("%d bytes taken, %d unsent; expected 2 and 6", n, s.Unacknowledged(c.FD))
	}
	if _, err := s.Write(c.FD, []byte("8")); err != syscall.EAGAIN {
		t.Fatalf("into a full buffer the server writes: %v, expected EAGAIN", err)
	}
	if n := c.Deliver(9); n != 1 || string(c.Arrived) != "12" {
		t.Fatalf("%d bytes delivered, %q arrived; expected 1, 12", n, c.Arrived)
	}
	reads(t, c, "12", syscall.EAGAIN)
	c.SetBuffers(memkernel.Buffers{Receive: 4, Send: 6, Client: 9})
	c.Deliver(9)
	s.must(s.Shutdown(c.FD))
	reads(t, c, "34567", nil)
}

// ends expects what the server finds: the events of the wait, then what it reads, call by call.
func (s *server) ends(c *memkernel.Socket, events string, want ...string) {
	s.t.Helper()
	s.wait(9, events)
	for _, text := range want {
		if got := read(s.Kernel, c.FD); got != text {
			s.t.Fatalf("the server reads %q, expected %q", got, text)
		}
	}
}

const closed = "connection reset by peer"

func TestTheClientEnds(t *testing.T) {
	s := newServer(t, memkernel.Options{})
	a, b, c, d := s.connect(), s.connect(), s.connect(), s.connect()
	write(t, a, "last")
	a.CloseWrite()
	s.ends(a, "5r", "last", "", "")
	s.write(a, "answer")
	s.must(s.Shutdown(a.FD))
	reads(t, a, "answer", nil)
	s.wait(9, "5re") // shut on both sides
	s.Close(a.FD)

	write(t, b, "last")
	b.Reset()
	s.ends(b, "6re", "last", closed, "") // what came before the reset is there; the reset is told once
	if _, err := s.Write(b.FD, []byte("x")); err != syscall.EPIPE {
		t.Errorf("after a reset Write fails with %v, expected EPIPE", err)
	}
	if s.Shutdown(b.FD) != syscall.ENOTCONN || s.Peer(b.FD) == "" || s.Peer(c.FD) == "" {
		t.Errorf("after a reset the peer is %q", s.Peer(b.FD))
	}
	s.Close(b.FD)

	s.write(c, "unread")
	c.Close()
	s.ends(c, "7re", closed)
	s.Close(c.FD)

	d.Close()
	s.ends(d, "8r", "")
	s.write(d, "x") // there is no client for it
	s.wait(9, "8re")
	if _, err := s.Write(d.FD, []byte("x")); err != syscall.EPIPE {
		t.Errorf("Write fails with %v, expected EPIPE", err)
	}
}

// G18: after the server's close, what is in the send buffer still leaves, as long as the client says
// nothing. If it does, its data has no reader: the reset destroys all that is unsent.
func TestG18DataAfterCloseDestroysTheSendBuffer(t *testing.T) {
	for _, speaks := range []bool{false, true} {
		s := newServer(t, memkernel.Options{ManualNetwork: true})
		c := s.connect()
		s.write(c, "abcdef")
		c.Deliver(2)
		s.must(s.Close(c.FD))
		if !speaks {
			c.Deliver(9)
			reads(t, c, "abcdef", nil)
			continue
		}
		write(t, c, "LIST\n")
		c.Deliver(9)
		reads(t, c, "ab", syscall.ECONNRESET)
	}
}

// D13: close(2) with input unread is a reset, which destroys what has not left.
func TestCloseWithUnreadInputIsAReset(t *testing.T) {
	s := newServer(t, memkernel.Options{ManualNetwork: true})
	c := s.connect()
	s.write(c, "BAD-RQST-HDR\n")
	write(t, c, "more")
	s.must(s.Close(c.FD))
	reads(t, c, "", syscall.ECONNRESET)
	if _, err := c.Write([]byte("x")); err != syscall.ECONNRESET {
		t.Errorf("the client writes: %v, expected ECONNRESET", err)
	}
}

func TestTheBacklog(t *testing.T) {
	s := newServer(t, memkernel.Options{})
	early, reset, aborted, late := s.Connect(), s.Connect(), s.Connect(), s.Connect()
	write(t, early, "hello")
	reset.Reset()
	aborted.Abort()
	s.Accept(memkernel.Listener)
	s.Accept(memkernel.Listener)
	if early.FD != 5 || reset.FD != 6 || aborted.FD != -1 || late.FD != -1 {
		t.Fatalf("descriptors %d, %d, %d, %d", early.FD, reset.FD, aborted.FD, late.FD)
	}
	if a, b := read(s.Kernel, 5), read(s.Kernel, 6); a != "hello" || b != closed {
		t.Errorf("the first two read %q and %q", a, b)
	}
	s.must(s.Close(memkernel.Listener))
	for _, c := range []*memkernel.Socket{aborted, late, s.Connect()} {
		reads(t, c, "", syscall.ECONNRESET)
	}
}

// E2, E3: the server's kernel gives up a client that has vanished, 90 s after it vanished or after the
// first byte that it has not acknowledged.
func TestE2E3AVanishedClient(t *testing.T) {
	s := newServer(t, memkernel.Options{})
	c, d := s.connect(), s.connect()
	c.Vanish()
	d.Vanish()
	s.Advance(time.Minute)
	s.write(d, "x")
	if _, err := c.Write([]byte("x")); err != syscall.EAGAIN || c.Finished() {
		t.Errorf("a client that has vanished writes: %v", err)
	}
	s.Advance(29 * time.Second)
	s.wait(9, "")
	events := make([]poller.Event, 9)
	if n, _ := s.Wait(events, poller.Forever); n != 1 || s.Now() != 90*time.Second {
		t.Fatalf("%d events at %v, expected 1 at 90s", n, s.Now())
	}
	s.ends(c, "5re", syscall.ETIMEDOUT.Error())
	s.Advance(time.Minute - 1)
	s.wait(9, "5re")
	s.Advance(1)
	s.wait(9, "5re 6re")
	reads(t, d, "", syscall.EAGAIN)
}

func TestTheClockAndIdle(t *testing.T) {
	s := newServer(t, memkernel.Options{})
	wait := func(timeout, slept, now time.Duration, want int) {
		t.Helper()
		n, err := s.Wait(make([]poller.Event, 9), timeout)
		if n != want || err != nil || s.Slept() != slept || s.Now() != now {
			t.Fatalf("Wait(%v): %d events, %v; slept %v, now %v; expected %d, %v, %v", timeout, n, err, s.Slept(), s.Now(), want, slept, now)
		}
	}
	wait(time.Second, time.Second, time.Second, 0)
	wait(poller.Forever, poller.Forever, time.Second, 0)
	s.Idle = func(until time.Duration) bool {
		if until == memkernel.Never {
			return false
		}
		s.Advance((until - s.Now() + 1) / 2)
		if s.Now() > 10*time.Second {
			s.Connect()
		}
		return true
	}
	wait(poller.Forever, poller.Forever, time.Second, 0)
	wait(9*time.Second, 9*time.Second, 10*time.Second, 0)
	wait(8*time.Second, 0, 14*time.Second, 1)
}

// The hook decides how calls end, and the record shows it as strace(1) would.
func TestTheHookAndTheRecord(t *testing.T) {
	s := newServer(t, memkernel.Options{})
	c := s.connect()
	write(t, c, "hello")
	s.Record = true
	var answer func(c *memkernel.Call)
	s.Before = func(c *memkernel.Call) { answer(c) }
	answer = func(c *memkernel.Call) {
		switch c.Name {
		case "read", "write":
			c.Data = c.Data[:2]
		case "report":
			c.Events = append(c.Events, poller.Event{ID: state.NewID(9, 1), Ready: poller.Writable})
		}
	}
	s.wait(9, "5r 9w")
	read(s.Kernel, c.FD)
	s.write(c, "abc")
	answer = func(c *memkernel.Call) { c.Err = syscall.EINTR }
	s.Wait(nil, time.Second)
	s.Accept(memkernel.Listener)
	s.Close(c.FD)
	answer = func(*memkernel.Call) {}
	s.Read(99, nil)
	s.Unacknowledged(c.FD)
	s.Reserve()
	want := []string{
		"epoll_wait([5: IN 9: OUT], 0s) = 2", `read(5, "he") = 2`, `write(5, "ab") = 2`,
		"epoll_wait([], 1s) = -1 (interrupted system call)", "accept4(3) = -1 (interrupted system call)",
		"close(5) = -1 (interrupted system call)", `read(99, "") = -1 (bad file descriptor)`,
		"ioctl(-1, SIOCOUTQ) = -1 (bad file descriptor)", `eventfd2(0, EFD_CLOEXEC) = 5`,
	}
	var got []string
	for _, c := range s.Calls {
		got = append(got, c.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("the record:\n%s\nexpected:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A kernel that is in use allocates nothing, so that what a benchmark counts is the loop's.
func TestAWarmKernelAllocatesNothing(t *testing.T) {
	s := newServer(t, memkernel.Options{})
	c := s.connect()
	p, events := make([]byte, 100), make([]poller.Event, 9)
	n := testing.AllocsPerRun(100, func() {
		c.Write(p)
		s.Wait(events, 0)
		s.Read(c.FD, p)
		s.Write(c.FD, p)
		s.Modify(c.ID, poller.Readable)
		c.Read(p)
	})
	if n != 0 {
		t.Errorf("%v allocations, expected none", n)
	}
}
