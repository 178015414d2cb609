package protocol_test

import (
	"slices"
	"strings"
	"testing"

	"chatd/protocol"
	"chatd/state"
)

// newDriver makes a machine, and a driver to which everything comes whole.
func newDriver(t *testing.T) *driver {
	t.Helper()
	return &driver{t: t, machine: protocol.NewMachine(16, 1<<20), piece: func(rest int) int { return rest }}
}

// tell has a client say something and returns all that it hears, in one string.
func (d *driver) tell(name, what string) string {
	d.t.Helper()
	c := d.find(name)
	d.say(c, []byte(what))
	return d.hears(name)
}

// hears returns all that a client has heard since it was asked last.
func (d *driver) hears(name string) string {
	c := d.find(name)
	heard := strings.Join(c.heard, "")
	c.heard = nil
	return heard
}

// login logs clients in under their own names.
func (d *driver) login(names ...string) {
	d.t.Helper()
	for _, name := range names {
		if got := d.tell(name, "HELLO-FROM "+name+"\n"); got != "HELLO "+name+"\n" {
			d.t.Fatalf("login of %s: got %q", name, got)
		}
	}
}

// C5: the first line is not of this protocol.
func TestC5NotThisProtocol(t *testing.T) {
	for _, first := range []string{
		"GET / HTTP/1.1\r\n", "SSH-2.0-OpenSSH_9.6\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n",
		"\x00\n", "\xff\xfe\n", "\n",
	} {
		d := newDriver(t)
		if got := d.tell("c", first); got != badRqstHdr || !d.find("c").closed {
			t.Errorf("%q: got %q, closed is %v", first, got, d.find("c").closed)
		}
	}
}

// C6: commands in the body of a web page's request, after the line that closes. Nothing of them is
// carried out.
func TestC6NothingAfterTheClosingAnswer(t *testing.T) {
	const commands = "HELLO-FROM eve\nSEND bob hi\n"
	for first, want := range map[string]string{
		"POST / HTTP/1.1\r\n": badRqstHdr, "HELLO-FROM a,b\n": badRqstBody, "HELLO-FROM bob\n": inUse,
	} {
		d := newDriver(t)
		d.login("bob")
		got := d.tell("eve", first+commands)
		got += d.tell("eve", commands)
		if heard := d.hears("bob"); got != want || heard != "" || d.machine.Users() != 1 {
			t.Errorf("%q and then commands: got %q, bob hears %q, %d users; want %q, nothing, 1 user",
				first, got, heard, d.machine.Users(), want)
		}
		if n, frames := d.machine.Input(d.find("eve").id, []byte(commands)); n != len(commands) || frames != nil {
			t.Errorf("after the last frame Input uses up %d of %d bytes and says %v", n, len(commands), frames)
		}
	}
}

// C7, C9, C10, H6: odd lines of a user. Exactly one answer each, and the user stays, under the old
// name.
func TestC7OddLinesHaveOneAnswerEach(t *testing.T) {
	for want, texts := range map[string][]string{
		badRqstHdr: {
			"", " ", "\t", "\r", "\r\r", " LIST", "list", "\x00", "LIST\t", "LISTEN", "SENDbob hi", "send bob hi", "\xffLIST",
			"SEND-OK", "DELIVERY bob hi", "HELLO alice", "LIST-OK", "BUSY", "IN-USE", "BAD-RQST-HDR", // H6: the server's words
			"HELLO-FROM alice", "HELLO-FROM bob", "HELLO-FROM carol", "HELLO-FROM", "HELLO-FROM ", "HELLO-FROM a,b", // C10
		},
		badRqstBody: {
			"LIST ", "LIST  ", "LIST x", "SEND", "SEND ", "SEND  ", "SEND bob", "SEND bob ", "SEND nobody", "SEND nobody ", // C9
			"SEND a,b hi", "SEND \x01 hi", "SEND \xff hi", "SEND bob, hi",
		},
		badDestUser:           {"SEND nobody hi", "SEND  nobody  ", "SEND Bob hi"},
		sendOK:                {"SEND bob hi", "SEND  bob hi", "SEND bob  ", "SEND bob   ", "SEND bob ,", "SEND bob LIST"},
		"LIST-OK alice,bob\n": {"LIST"},
	} {
		for _, text := range texts {
			for _, end := range []string{"\n", "\r\n"} {
				d := newDriver(t)
				d.login("alice", "bob")
				got, after := d.tell("alice", text+end), d.tell("alice", "LIST\n")
				if got != want || after != "LIST-OK alice,bob\n" {
					t.Errorf("%q: got %q and then, to LIST, %q; want %q and alice,bob", text+end, got, after, want)
				}
			}
		}
	}
}

// B12: Input that is used up only later. A LIST behind a SEND that waits holds back what follows,
// and after the Complete everything goes on.
func TestB12InputWaitsAndGoesOn(t *testing.T) {
	d := newDriver(t)
	d.login("alice", "bob")
	alice, bob := d.find("alice").id, d.find("bob").id
	_, frames := d.machine.Input(alice, []byte("SEND bob hi\n"))
	receipt := frames[0].Receipt
	if n, frames := d.machine.Input(alice, []byte("LIST\nLIST\n")); n != len("LIST\n") || len(frames) > 0 {
		t.Fatalf("LIST behind a SEND that waits: %d bytes used up, %d frames", n, len(frames))
	}
	for range 3 {
		if n, frames := d.machine.Input(alice, []byte("LIST\n")); n != 0 || len(frames) > 0 {
			t.Fatalf("a second LIST behind it: %d bytes used up, %d frames; want to be called again", n, len(frames))
		}
	}
	if n, _ := d.machine.Input(bob, []byte("LIST\n")); n == 0 {
		t.Error("bob waits, to whom nothing is owed")
	}
	if got := texts(d.machine.Complete(receipt, true)); !slices.Equal(got, []string{sendOK, "LIST-OK alice,bob\n"}) {
		t.Errorf("at the Complete: got %q", got)
	}
	if n, frames := d.machine.Input(alice, []byte("LIST\n")); n == 0 || len(frames) != 1 {
		t.Errorf("after the Complete: %d bytes used up, %d frames", n, len(frames))
	}
}

// D8: a client sends to itself, and its own socket is full: DELIVERY, then SEND-OK, then what it
// asked meanwhile.
func TestD8ToOneselfWithAFullQueue(t *testing.T) {
	d := newDriver(t)
	d.login("alice")
	alice := d.find("alice")
	alice.stalled = true
	if got := d.tell("alice", "SEND alice one\nSEND alice two\nLIST\n"); got != "" {
		t.Fatalf("a client that does not read hears %q", got)
	}
	alice.stalled = false
	d.turn()
	want := "DELIVERY alice one\n" + sendOK + "DELIVERY alice two\n" + sendOK + "LIST-OK alice\n"
	if got := d.hears("alice"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// texts are the frames without their addresses.
func texts(frames []protocol.Frame) (got []string) {
	for _, f := range frames {
		got = append(got, string(f.Text))
	}
	return got
}

// state.ID 0 is nobody's: a frame or receipt that names it concerns nobody.
func TestNobody(t *testing.T) {
	m := protocol.NewMachine(1, 100)
	for _, id := range []state.ID{0, state.NewID(0, 1), state.NewID(5000, 3)} {
		if n, frames := m.Input(id, []byte("LIST\n")); n != 5 || frames != nil {
			t.Errorf("Input of %v, whom nobody knows: %d, %v", id, n, frames)
		}
		if frames := m.Complete(protocol.Receipt{Owner: id}, true); frames != nil {
			t.Errorf("Complete for %v, whom nobody knows: %v", id, frames)
		}
		m.Close(id)
	}
}
