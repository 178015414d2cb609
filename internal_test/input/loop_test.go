package input_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

// B5: a client that is not read from resets its connection. EPOLLERR and EPOLLHUP come without
// having been asked for and would come for ever: they end the connection.
func TestB5ResetWhileNotReadFrom(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)

	c, _ := d.FillOwnQueue(t)
	c.Reset()
	d.CheckInvariants(t)

	daemon.SkipWith(t, "does not see the end of a client that is not waited for at all", "select")
	sender, target, delivery := d.StallTarget(t)
	sender.Reset()
	d.AwaitDescriptors(t, 1)
	d.ExpectIdle(t)
	target.Expect(delivery)
	d.CheckInvariants(t, "target")
}

// B6: a client that is not read from half-closes. Level-triggered epoll would report that for ever
// if it were asked for; it is seen when reading begins again, and every request is answered before.
func TestB6HalfCloseWhileNotReadFrom(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)

	c, answer := d.FillOwnQueue(t)
	c.HalfClose()
	d.ExpectIdle(t)
	for range daemon.ManyLists {
		c.Expect(answer)
	}
	c.ExpectEOF()
	d.CheckInvariants(t)

	sender, target, delivery := d.StallTarget(t)
	sender.HalfClose()
	d.ExpectIdle(t)
	target.Expect(delivery)
	sender.Expect("SEND-OK")
	sender.ExpectEOF()
	d.CheckInvariants(t, "target")
}

// B7: a client has been slow and has caught up. Its connection is always writable then, so that
// waiting for that any longer would turn the loop without end.
func TestB7CaughtUp(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	sender, target, delivery := d.StallTarget(t)
	target.Expect(delivery)
	sender.Expect("SEND-OK")
	d.ExpectIdle(t)
	d.CheckInvariants(t, "target", "sender")
}

// B8: after an answer that closes, the client ends its input too but keeps its descriptor. With
// both directions shut EPOLLHUP comes for ever: the connection is closed as soon as the end of
// input is read.
func TestB8BothDirectionsShut(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	c := d.Dial(t)
	c.Ask("nonsense", "BAD-RQST-HDR")
	c.ExpectEOF()
	c.HalfClose()
	d.ExpectIdle(t)
	d.CheckInvariants(t)
}

// B8: after an answer that closes, the client says nothing more and never ends its input. The
// server waits without turning, and closes when its patience is over.
func TestB8ClientNeverCloses(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	c := d.Dial(t)
	c.Ask("nonsense", "BAD-RQST-HDR")
	c.ExpectEOF()
	d.ExpectIdle(t)
	d.CheckInvariants(t) // waits until the descriptor is closed
}

// B12: requests have been read and kept back because the client was slow, and no more will come on
// its connection. They are carried out when it has caught up.
func TestB12InputKeptBack(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	c, answer := d.FillOwnQueue(t)
	for range daemon.ManyLists {
		c.Expect(answer)
	}
	c.Ask("SEND nobody x", "BAD-DEST-USER")
	c.Leave()
	d.CheckInvariants(t)
}

// B10: five hundred clients are ready in every turn, which is more than the loop takes from the
// kernel at a time, and each has said more than is read at a time. Each is served, and a new client
// too.
func TestB10MoreReadyThanATurnTakes(t *testing.T) {
	t.Parallel()
	const each = 100 // messages
	d := daemon.Start(t)
	users := d.LoginAll(t, daemon.Crowd(t, 500))
	message := strings.Repeat("x", 200)
	d.Signal(t, syscall.SIGSTOP)
	for i, c := range users {
		c.Send(strings.Repeat(fmt.Sprintf("SEND u%d %s\n", (i+1)%len(users), message), each))
	}
	late := d.Dial(t)
	late.Line("HELLO-FROM late")
	d.Signal(t, syscall.SIGCONT)
	late.Expect("HELLO late")
	for i, c := range users {
		heard := make(map[string]int)
		for range 2 * each {
			heard[c.Hear()]++
		}
		delivery := fmt.Sprintf("DELIVERY u%d %s", (i+len(users)-1)%len(users), message)
		if heard["SEND-OK"] != each || heard[delivery] != each {
			t.Fatalf("u%d heard %v, expected SEND-OK and %s, %d of each", i, heard, delivery, each)
		}
		c.Close()
	}
	d.CheckInvariants(t, "late")
}

// B11: a client floods the server with small commands, a megabyte at a time, and reads every
// answer, so that nothing slows it down. Two users talk to each other all the while.
func TestB11FloodOfSmallCommands(t *testing.T) {
	t.Parallel()
	const exchanges = 300
	d := daemon.Start(t)
	p := d.LoginPair(t)
	flooder := d.Login(t, "flooder")
	flooder.Conn.SetDeadline(time.Time{})
	flood := strings.Repeat("LIST\n", 1<<20/len("LIST\n"))
	go func() {
		for {
			if _, err := io.WriteString(flooder.Conn, flood); err != nil {
				return
			}
		}
	}()
	var answers atomic.Int64
	go func() {
		for buffer := make([]byte, 256<<10); ; {
			n, err := flooder.Lines.Read(buffer)
			if answers.Add(int64(bytes.Count(buffer[:n], []byte("\n")))); err != nil {
				return
			}
		}
	}()
	daemon.Await(t, "the flood has begun", func() bool { return answers.Load() > 0 })
	p.Talk(exchanges)
	before := answers.Load()
	daemon.Await(t, "the flood is still on", func() bool { return answers.Load() > before })
	if before < exchanges {
		t.Errorf("%d answers to the flood during %d messages: that was none", before, exchanges)
	}
	flooder.Reset()
	p.Ada.AwaitList("ada", "bob")
	d.CheckInvariants(t, "ada", "bob")
}
