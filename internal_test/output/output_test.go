package output_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

// D1: the target's receive buffer is as small as the kernel allows and it reads a few bytes at a
// time, so that writes fall short anywhere. Every line comes whole, once, and in order.
func TestD1ShortWrites(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	target := d.Login(t, "target", daemon.ReceiveBuffer(1))
	sender := d.Login(t, "sender")
	var said, expected strings.Builder
	const messages = 2000
	for i := range messages {
		message := fmt.Sprint(i, strings.Repeat(" x", i*37%400))
		said.WriteString("SEND target " + message + "\n")
		expected.WriteString("DELIVERY sender " + message + "\n")
	}
	go io.WriteString(sender.Conn, said.String())

	heard, piece := make([]byte, 0, expected.Len()), make([]byte, 4096)
	for i := 0; len(heard) < expected.Len(); i++ {
		target.Conn.SetReadDeadline(time.Now().Add(daemon.Patience))
		n, err := target.Lines.Read(piece[:1+i*101%len(piece)])
		if heard = append(heard, piece[:n]...); err != nil {
			t.Fatalf("target heard %d bytes of %d: %v", len(heard), expected.Len(), err)
		}
	}
	if string(heard) != expected.String() {
		t.Fatalf("target did not hear the messages as they were said")
	}
	for range messages {
		sender.Expect("SEND-OK")
	}
	d.CheckInvariants(t, "target", "sender")
}

// D2: the target's socket is full. SEND-OK is not said before the kernel has taken the last byte of
// the DELIVERY (PR12); what the sender asks meanwhile is answered after it, in order; all others go
// on.
func TestD2NoSendOKBeforeTheLastByte(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	witness := d.Login(t, "witness")
	target := d.Login(t, "target", daemon.ReceiveBuffer(1))
	sender := d.Login(t, "sender")
	message := strings.Repeat("m", 1<<20-100)
	delivery := "DELIVERY sender " + message + "\n"
	sender.Line("SEND target "+message, "LIST", "SEND nobody x", "SEND target again")

	read := 0 // by the target
	for piece := make([]byte, 16<<10); sender.IsQuiet() && read < len(delivery); {
		witness.PassTurn()
		if !sender.IsQuiet() {
			break
		}
		n, err := target.Lines.Read(piece[:min(len(piece), len(delivery)-read)])
		if err != nil || string(piece[:n]) != delivery[read:read+n] {
			t.Fatalf("target read %q after %d bytes, expected the message: %v", piece[:n], read, err)
		}
		read += n
	}
	if missing := len(delivery) - read; missing > daemon.KernelKeeps {
		t.Errorf("SEND-OK came when the target had read all but %d bytes, of which the kernel cannot have had more than %d",
			missing, daemon.KernelKeeps)
	}
	target.Expect(strings.TrimSuffix(delivery[read:], "\n"), "DELIVERY sender again")
	sender.Expect("SEND-OK", "LIST-OK witness,target,sender", "BAD-DEST-USER", "SEND-OK")
	d.CheckInvariants(t, "witness", "target", "sender")
}

// D3: the target dies with the DELIVERY half handed over. There is no SEND-OK (PR14): the sender is
// told BAD-DEST-USER and can go on.
func TestD3TargetDiesWithDeliveryHalfSent(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	for _, end := range []func(*daemon.Client){(*daemon.Client).Reset, (*daemon.Client).Close} {
		sender, target, _ := d.StallTarget(t)
		sender.Line("SEND target again", "LIST")
		end(target)
		sender.Expect("BAD-DEST-USER", "BAD-DEST-USER", "LIST-OK sender")
		sender.Leave()
	}
	d.CheckInvariants(t)
}

// D4: the sender dies while its DELIVERY is half handed over. The target gets the whole line all
// the same. The SEND-OK goes to no client, also not to the one that now has the sender's descriptor.
func TestD4SenderDiesWithDeliveryHalfSent(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)

	sender, target, delivery := d.StallTarget(t)
	sender.Reset()
	if daemon.Poller != "select" { // which sees the reset when the reply is due, and has another descriptor for the next
		d.AwaitDescriptors(t, 1)
	}
	next := d.Login(t, "next") // gets the lowest descriptor that is free
	target.Expect(delivery)
	target.PassTurn()
	next.Ask("LIST", "LIST-OK target,next")
	next.Leave()
	target.Leave()

	sender, target, delivery = d.StallTarget(t)
	sender.Close()
	target.Expect(delivery)
	target.Leave()
	d.CheckInvariants(t)
}

// D8: a client sends to itself and does not read until its own socket is full. It gets every
// DELIVERY whole and before its SEND-OK, and nothing hangs.
func TestD8SendsToItself(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	c := d.Login(t, "self", daemon.ReceiveBuffer(64<<10))
	const messages = 1000
	padding := strings.Repeat("x", 500)
	var said strings.Builder
	for i := range messages {
		fmt.Fprintf(&said, "SEND self %d%s\n", i, padding)
	}
	go io.WriteString(c.Conn, said.String())
	d.ExpectIdle(t)

	delivered, confirmed := 0, 0
	for delivered < messages || confirmed < messages {
		switch line := c.Hear(); line {
		case "SEND-OK":
			confirmed++
		case fmt.Sprintf("DELIVERY self %d%s", delivered, padding):
			delivered++
		default:
			t.Fatalf("heard %.40q, expected message %d or SEND-OK", line, delivered)
		}
		if confirmed > delivered {
			t.Fatalf("SEND-OK number %d came before its DELIVERY", confirmed)
		}
	}
	d.CheckInvariants(t, "self")
}

// D16: a thousand small frames are queued for one client in few turns. They leave together, in few
// segments, and not in one write each: TCP_NODELAY would send each of those at once.
func TestD16ManyFramesInOneWrite(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	target, sender := d.Login(t, "target"), d.Login(t, "sender")
	const messages = 1000
	before := segmentsIn(t, target)
	sender.Send(strings.Repeat("SEND target x\n", messages))
	for range messages {
		target.Expect("DELIVERY sender x")
		sender.Expect("SEND-OK")
	}
	if n := segmentsIn(t, target) - before; n > messages/10 {
		t.Errorf("%d messages came in %d segments, expected at most %d", messages, n, messages/10)
	}
	d.CheckInvariants(t, "target", "sender")
}

// segmentsIn is how many segments with data a client has got.
func segmentsIn(t *testing.T, c *daemon.Client) (n int) {
	t.Helper()
	c.Control("TCP_INFO", func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil && info.Data_segs_in == 0 {
			err = errors.New("this kernel does not count segments")
		}
		if err == nil {
			n = int(info.Data_segs_in)
		}
		return err
	})
	return n
}
