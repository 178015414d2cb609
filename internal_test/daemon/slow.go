package daemon

import (
	"strings"
	"testing"
)

// KernelKeeps is the most that the server's kernel and the client's together hold for a client that
// does not read, in bytes. The server asks for a send buffer of 64 KiB; the kernel takes twice
// that, and accounts roughly.
const KernelKeeps = 300 << 10

// Filler is a message of about 4 KB.
var Filler = strings.Repeat("f", 4000)

// ManyLists is how many LISTs FillOwnQueue sends: less than one read of input, and far more output
// than the kernel and the server together hold for one client.
const ManyLists = 3000

// FillOwnQueue logs in a client that asks for more than the server queues for it, and does not
// read. When FillOwnQueue returns, the server has stopped reading from the client, with some of the
// client's requests already read and not executed. The answer to each is returned.
func (d *Daemon) FillOwnQueue(t testing.TB) (c *Client, answer string) {
	t.Helper()
	name := strings.Repeat("n", 250)
	c = d.Login(t, name, ReceiveBuffer(16<<10))
	c.Send(strings.Repeat("LIST\n", ManyLists))
	d.ExpectIdle(t)
	return c, "LIST-OK " + name
}

// StallTarget logs in a target that does not read and a sender whose message to it cannot be sent
// whole: the sender has a pending reply, and the server waits for nothing on its connection.
func (d *Daemon) StallTarget(t testing.TB) (sender, target *Client, delivery string) {
	t.Helper()
	target = d.Login(t, "target", ReceiveBuffer(64<<10))
	sender = d.Login(t, "sender")
	message := strings.Repeat("m", 512<<10)
	sender.Line("SEND target " + message)
	d.ExpectIdle(t)
	if !sender.IsQuiet() {
		t.Fatalf("sender heard %q before the target could have taken the message", sender.Hear())
	}
	return sender, target, "DELIVERY sender " + message
}

// FillTarget has sender send messages to a target that does not read until one gets no answer. It
// returns how many got one.
func (d *Daemon) FillTarget(t testing.TB, sender *Client, target string) (taken int) {
	t.Helper()
	witness := d.Login(t, "witness")
	defer witness.Leave()
	for {
		sender.Line("SEND " + target + " " + Filler)
		for range 10 { // the receiving kernel may still be making room
			witness.PassTurn()
		}
		if sender.IsQuiet() {
			return taken
		}
		sender.Expect("SEND-OK")
		taken++
		if taken*len(Filler) > 100*KernelKeeps {
			t.Fatalf("%d messages were said to be sent to a target that does not read", taken)
		}
	}
}

// StallAlone logs in a client whose message to itself is more than the kernel takes, and which does
// not read.
func (d *Daemon) StallAlone(t testing.TB) *Client {
	t.Helper()
	c := d.Login(t, "stalled", ReceiveBuffer(1))
	c.Line("SEND stalled " + strings.Repeat("x", 512<<10))
	return c
}

// ProvokeSendTimeout has the daemon, whose send timeout should be short, close a client that does
// not read.
func (d *Daemon) ProvokeSendTimeout(t testing.TB) {
	t.Helper()
	witness := d.Login(t, "witness")
	d.StallAlone(t)
	witness.AwaitList("witness")
	witness.Leave()
}

// ExpectRejected connects a client whose first line gets an answer that closes.
func (d *Daemon) ExpectRejected(t testing.TB, line, answer string) {
	t.Helper()
	c := d.Dial(t)
	c.Line(line)
	c.ExpectClosing(answer)
}
