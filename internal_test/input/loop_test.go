package internal_test

import (
	"strings"
	"testing"

	"chatd/internal_test/daemon"
)

// manyLists is how many LISTs fillOwnQueue asks for: one segment of input, and far more output than
// the kernel and the server together keep for one client.
const manyLists = 500

// fillOwnQueue logs a client in that asks for more than the server queues for it, and reads
// nothing. When the server has come to rest it has stopped reading from the client, with some of
// the client's requests already read and not carried out. The answer to each is returned.
func fillOwnQueue(t *testing.T, d *daemon.Daemon) (c *daemon.Client, answer string) {
	t.Helper()
	name := strings.Repeat("n", 4000)
	c = d.Login(t, name, daemon.ReceiveBuffer(1))
	c.Send(strings.Repeat("LIST\n", manyLists))
	d.ExpectIdle(t)
	return c, "LIST-OK " + name
}

// stallTarget logs in a target that reads nothing and a sender whose message to it cannot be handed
// over whole: the sender is owed a reply, and the server waits for nothing on its connection.
func stallTarget(t *testing.T, d *daemon.Daemon) (sender, target *daemon.Client, delivery string) {
	t.Helper()
	target = d.Login(t, "target", daemon.ReceiveBuffer(64<<10))
	sender = d.Login(t, "sender")
	message := strings.Repeat("m", 512<<10)
	sender.Line("SEND target " + message)
	d.ExpectIdle(t)
	if !sender.IsQuiet() {
		t.Fatalf("sender heard %q before the target could have taken the message", sender.Hear())
	}
	return sender, target, "DELIVERY sender " + message
}

// B5: a client that is not read from resets its connection. EPOLLERR and EPOLLHUP come without
// having been asked for and would come for ever: they end the connection.
func TestB5ResetWhileNotReadFrom(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)

	c, _ := fillOwnQueue(t, d)
	c.Reset()
	d.CheckInvariants(t)

	skipWith(t, "does not see the end of a client that is not waited for at all", "select")
	sender, target, delivery := stallTarget(t, d)
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

	c, answer := fillOwnQueue(t, d)
	c.HalfClose()
	d.ExpectIdle(t)
	for range manyLists {
		c.Expect(answer)
	}
	c.ExpectEOF()
	d.CheckInvariants(t)

	sender, target, delivery := stallTarget(t, d)
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
	sender, target, delivery := stallTarget(t, d)
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
	c.Line("nonsense")
	c.Expect("BAD-RQST-HDR")
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
	c.Line("nonsense")
	c.Expect("BAD-RQST-HDR")
	c.ExpectEOF()
	d.ExpectIdle(t)
	d.CheckInvariants(t) // waits until the descriptor is closed
}

// B12: requests have been read and kept back because the client was slow, and no more will come on
// its connection. They are carried out when it has caught up.
func TestB12InputKeptBack(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	c, answer := fillOwnQueue(t, d)
	for range manyLists {
		c.Expect(answer)
	}
	c.ExpectNothingBefore("SEND nobody x", "BAD-DEST-USER")
	c.Leave()
	d.CheckInvariants(t)
}
