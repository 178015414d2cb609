package protocol_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"chatd/protocol"
)

// Few users, short lines, few slots: so that everything meets everything soon.
const stepSlots = 5

var stepLimits = protocol.Limits{Users: 3, Line: 64, Name: 20}

// phrases are what clients write, besides random bytes.
var phrases = []string{
	"HELLO-FROM a\n", "HELLO-FROM b\n", "HELLO-FROM c\n", "HELLO-FROM a\r\n", "HELLO-FROM \xc3\xab\n",
	"HELLO-FROM", "HELLO-FROM a,b\n", "HELLO-FROM " + strings.Repeat("x", stepLimits.Name), "HELLO-FROM a\u0085\n",
	"LIST\n", "LIST\n", "LIST\nLIST\n", "LIST x\n", "\n", "\r\n", "list\n", "SEND-OK\n",
	"SEND a hi\n", "SEND a hi\n", "SEND b hi\n", "SEND b  two  \n", "SEND c hi\n", "SEND  \xc3\xab hi\r\n",
	"SEND a", " hi\n", "SEND a \n", "SEND nobody hi\n", "SEND a,b hi\n", "x\n", "\r", "\r\r\n",
	"SEND a " + strings.Repeat("y", stepLimits.Line-7), "HELLO-FROM " + strings.Repeat("x", stepLimits.Line),
}

// step takes the next step. Two bytes say which, so that a fuzzer can change one without all others.
func (d *driver) step(op, arg byte) {
	c := d.client(string(rune('0' + op>>4%stepSlots)))
	if c.closed {
		c.reconnect()
	}
	phrase := []byte(phrases[int(arg)%len(phrases)])
	switch op % 8 {
	case 0, 1, 2:
		c.Write(phrase)
	case 3:
		d.piece = func(rest int) int { return min(1+int(arg)%7, rest) }
		c.Write(phrase)
		d.piece = func(rest int) int { return rest }
	case 4:
		c.Write([]byte{arg})
	case 5, 6:
		c.Stall(arg%2 == 0)
	case 7:
		switch arg % 8 {
		case 0:
			c.reconnect()
		case 1:
			c.CloseWrite()
		}
	}
}

// walk takes the steps that the bytes stand for. In the end, without the model's help: each line has had
// one reply.
func walk(t *testing.T, steps []byte, seed uint64) {
	d := newDriver(t, stepLimits)
	whole := d.piece
	d.cutRandomly(seed)
	d.piece = whole // the steps cut
	for ; len(steps) >= 2; steps = steps[2:] {
		d.step(steps[0], steps[1])
	}
	for _, c := range d.clients {
		c.Stall(false)
	}
	for _, c := range d.clients {
		if c.executed != c.replies && !c.closed || c.session.Pending() && !c.last {
			t.Errorf("seed %d, %s: %d lines, %d replies", seed, c.name, c.executed, c.replies)
		}
	}
	if got := d.machine.Users(); got != len(d.model.Users) {
		t.Errorf("seed %d: %d users, want %d", seed, got, len(d.model.Users))
	}
}

// H7: many clients write right and wrong lines in any order, and receipts are completed in any order. Each
// client must be sent what the model says.
func TestH7RandomSteps(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 7))
		steps := make([]byte, 1000)
		for i := range steps {
			steps[i] = byte(rng.Uint32())
		}
		walk(t, steps, seed)
	}
}

// H7: the same with steps that a fuzzer chooses: no panic, and nothing but what the model says.
func FuzzMachine(f *testing.F) {
	f.Add([]byte("\x00\x00\x10\x01\x00\x13\x10\x09"))                         // a SEND, and the target's LIST
	f.Add([]byte("\x00\x00\x05\x00\x00\x11\x00\x11\x00\x0b\x05\x01"))         // to itself twice, then LIST twice
	f.Add([]byte("\x00\x00\x10\x01\x20\x02\x30\x00\x07\x00\x30\x00"))         // the server is full, one leaves
	f.Add([]byte("\x00\x00\x10\x01\x15\x00\x00\x13\x07\x00\x00\x00\x15\x01")) // another takes the sender's slot
	f.Add([]byte("\x03\x1f\x03\x09\x03\x0f\x00\x20\x04\x0a\x00\x07\x04x"))    // long lines in pieces
	f.Fuzz(func(t *testing.T, steps []byte) { walk(t, steps[:min(len(steps), 4096)], uint64(len(steps))) })
}

// C7, C8: one line of any bytes, from a user and from a client that is not logged in.
func FuzzRequest(f *testing.F) {
	for _, line := range []string{
		"HELLO-FROM alice", "HELLO-FROM", "HELLO-FROM ", "HELLO-FROM b,c", "HELLO-FROM \xff", "HELLO-FROM ë",
		"LIST", "LIST ", "LIST x", "SEND b hi", "SEND  b  hi ", "SEND b", "SEND b ", "SEND b  ", "SEND   ",
		"SEND a,b hi", "SEND b \x00\xff", "", " ", " LIST", "list", "SEND-OK", "DELIVERY a b", "SEND\tb hi", "SEND \u2028 hi",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		d := newDriver(t, stepLimits).login("a", "b")
		d.tell("a", line+"\n")
		d.tell("new", line+"\n")
	})
}
