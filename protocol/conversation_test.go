package protocol_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"chatd/internal_test/conversation"
	"chatd/internal_test/player"
	"chatd/protocol"
)

// Every file of testdata, however its bytes are cut into reads. C1: a command that arrives in pieces, or
// together with others, must be answered as if it came alone.
func TestC1Conversations(t *testing.T) {
	conversation.Each(t, func(t *testing.T, talk *conversation.Conversation) {
		limits := protocol.Limits{Users: talk.Users, Line: talk.MaxLine, Name: usual.Name}
		whole := newDriver(t, limits)
		whole.hold(talk, "whole")
		bytewise := newDriver(t, limits)
		bytewise.piece = func(int) int { return 1 }
		bytewise.hold(talk, "byte by byte")
		bytewise.compare(whole, "byte by byte")
		for seed := range uint64(4) {
			cut, name := newDriver(t, limits), fmt.Sprintf("cut with seed %d", seed)
			cut.cutRandomly(seed)
			cut.hold(talk, name)
			cut.compare(whole, name)
		}
	})
}

// hold has the player take the steps of a conversation.
func (d *driver) hold(talk *conversation.Conversation, way string) {
	d.t.Helper()
	p := player.New(d.t, d)
	p.Note(way, "is", "how what clients write is cut into reads")
	p.Hold(talk)
}

// Connect makes a client for the player.
func (d *driver) Connect(name string) (player.Conn, error) { return d.client(name), nil }

// Wait and Rest have nothing to wait for: each call of the driver runs until nothing more can happen.
func (d *driver) Wait([]*player.Client, time.Duration) bool { return false }
func (d *driver) Rest() error                               { return nil }

// Read reads what a client was sent.
func (c *client) Read(p []byte) (n int, err error) {
	n = copy(p, c.output[c.taken:])
	if c.taken += n; n == 0 && c.closed {
		err = io.EOF
	}
	return n, err
}

// Close is the end of the player.
func (c *client) Close() {}

// compare compares what the same clients were sent in two runs. A client's own replies have an order, and
// the deliveries to it have one; the order of the two together depends on when the server read.
func (d *driver) compare(whole *driver, way string) {
	d.t.Helper()
	for i, c := range d.clients {
		w := whole.clients[i]
		deliveries, replies := c.sorted()
		wantDeliveries, wantReplies := w.sorted()
		if !bytes.Equal(deliveries, wantDeliveries) || !bytes.Equal(replies, wantReplies) || c.closed != w.closed {
			d.t.Errorf("%s: %s is sent other frames than when all comes whole:\n%.300q\n%.300q", way, c.name, c.output, w.output)
		}
	}
}

func (c *client) sorted() (deliveries, replies []byte) {
	for line := range bytes.Lines(c.output) {
		if bytes.HasPrefix(line, []byte("DELIVERY ")) {
			deliveries = append(deliveries, line...)
		} else {
			replies = append(replies, line...)
		}
	}
	return deliveries, replies
}

// C1: any bytes, in any cut. bob is a user; the client may become one.
func FuzzCuts(f *testing.F) {
	f.Add([]byte("HELLO-FROM a\r\nLIST\nSEND bob hi\r\r\nSEND a hi\nSEND bob\n"), []byte{1, 9, 2})
	f.Add([]byte("HELLO-FROM "+string(bytes.Repeat([]byte("x"), 300))+"\nLIST\n"), []byte{200, 80})
	f.Add([]byte("HELLO-FROM a\nSEND bob "+string(bytes.Repeat([]byte("x"), 300))+"\r\nLIST\n"), []byte{255, 7})
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		limits := protocol.Limits{Users: 2, Line: 128, Name: 20}
		whole, cut := newDriver(t, limits), newDriver(t, limits)
		pieces, next := append([]byte{0}, cuts...), 0
		cut.piece = func(rest int) int {
			next++
			return min(1+int(pieces[next%len(pieces)]), rest)
		}
		for _, d := range []*driver{whole, cut} {
			d.login("bob")
			d.client("new").Write(stream)
		}
		cut.compare(whole, "in cuts")
	})
}
