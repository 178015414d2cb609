package protocol_test

import (
	"strings"
	"testing"

	"chatd/protocol"
)

// C5: a client that speaks another protocol must be told so, and closed.
func TestC5NotThisProtocol(t *testing.T) {
	for _, first := range []string{
		"GET / HTTP/1.1\r\n", "SSH-2.0-OpenSSH_9.6\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n",
		"\x00\n", "\xff\xfe\n", "\n",
	} {
		d := newDriver(t, usual)
		if got := d.tell("c", first); got != badRqstHdr || !d.client("c").closed {
			t.Errorf("%q: got %q, closed is %v", first, got, d.client("c").closed)
		}
	}
}

// C6: a web page can make a browser send commands in the body of a request. None that follows an answer
// that closes may be executed.
func TestC6NothingAfterTheClosingAnswer(t *testing.T) {
	const commands = "HELLO-FROM eve\nSEND bob hi\n"
	for first, want := range map[string]string{
		"POST / HTTP/1.1\r\n": badRqstHdr, "HELLO-FROM a,b\n": badRqstBody, "HELLO-FROM bob\n": inUse,
	} {
		d := newDriver(t, usual).login("bob")
		got := d.tell("eve", first+commands) + d.tell("eve", commands)
		if sent := d.tell("bob", ""); got != want || sent != "" || d.machine.Users() != 1 {
			t.Errorf("%q and commands: got %q, bob is sent %q, %d users; want %q, nothing, 1 user",
				first, got, sent, d.machine.Users(), want)
		}
	}
}

// C7, C9, C10, H6: each line of a user must get exactly one answer, and no mistake may cost the user its
// login or its name.
func TestC7OddLinesHaveOneAnswerEach(t *testing.T) {
	longest := strings.Repeat("x", 255)
	for want, lines := range map[string][]string{
		badRqstHdr: {
			"", " ", "\t", "\r", "\r\r", " LIST", "list", "\x00", "LIST\t", "LISTEN", "SENDbob hi", "send bob hi", "\xffLIST",
			"SEND-OK", "DELIVERY bob hi", "HELLO alice", "LIST-OK", "BUSY", "IN-USE", "BAD-RQST-HDR", // H6
			"HELLO-FROM alice", "HELLO-FROM bob", "HELLO-FROM carol", "HELLO-FROM", "HELLO-FROM ", "HELLO-FROM a,b", // C10
		},
		badRqstBody: {
			"LIST ", "LIST  ", "LIST x", "SEND", "SEND ", "SEND  ", "SEND bob", "SEND bob ", "SEND nobody", "SEND nobody ", // C9
			"SEND a,b hi", "SEND \x01 hi", "SEND \xff hi", "SEND bob, hi", "SEND \u0085 hi", "SEND " + longest + "x hi",
		},
		badDestUser:           {"SEND nobody hi", "SEND  nobody  ", "SEND Bob hi", "SEND " + longest + " hi"},
		sendOK:                {"SEND bob hi", "SEND  bob hi", "SEND bob  ", "SEND bob   ", "SEND bob ,", "SEND bob LIST"},
		"LIST-OK alice,bob\n": {"LIST"},
	} {
		for _, line := range lines {
			for _, end := range []string{"\n", "\r\n"} {
				d := newDriver(t, usual).login("alice", "bob")
				got, after := d.tell("alice", line+end), d.tell("alice", "LIST\n")
				if got != want || after != "LIST-OK alice,bob\n" {
					t.Errorf("%q: got %q and then, to LIST, %q; want %q and alice,bob", line+end, got, after, want)
				}
			}
		}
	}
}

// C2: before login a client could otherwise make the server wait for the end of a line for ever. So a line
// that is too long is answered at once, exactly once, whatever follows; on a full server with BUSY (PR15).
func TestC2LoginTooLong(t *testing.T) {
	limits := protocol.Limits{Users: 2, Line: 64, Name: 20}
	login := "HELLO-FROM " + strings.Repeat("x", 20)
	short := protocol.Limits{Users: 2, Line: 24, Name: 255}
	for _, c := range []struct {
		limits         protocol.Limits
		full           bool
		line, at, ends string // the answers to line and to its end
		closed         bool
	}{
		{limits, false, login, "", "HELLO " + login[11:] + "\n", false},
		{limits, false, login + "\r", "", "HELLO " + login[11:] + "\n", false},
		{limits, false, login + "x", badRqstBody, "", true},
		{limits, false, login + "\r\r", badRqstBody, "", true},
		{limits, false, strings.Repeat("x", 31), "", badRqstHdr, true},
		{limits, false, strings.Repeat("x", 32), badRqstHdr, "", true},
		{limits, true, login, "", busy, false},
		{limits, true, login + "x", busy, "", false},
		{limits, true, login + strings.Repeat("x", 5000), busy, "", false},
		{limits, true, "HELLO-FROMx" + login, badRqstHdr, "", true},
		{short, false, login[:24], "", "HELLO " + login[11:24] + "\n", false},
		{short, false, login[:25], badRqstBody, "", true}, // a login is no longer than a line
	} {
		for _, bytewise := range []bool{false, true} {
			d := newDriver(t, c.limits)
			if d.login("a"); c.full {
				d.login("b")
			}
			if bytewise {
				d.piece = func(int) int { return 1 }
			}
			at, ends := d.tell("new", c.line), d.tell("new", "\n")
			if closed := d.client("new").closed; at != c.at || ends != c.ends || closed != c.closed {
				t.Errorf("%q, full %v: got %q, then %q, closed %v", c.line, c.full, at, ends, closed)
			}
			if c.full && !c.closed { // the rest is discarded, and the client may try again
				again := d.tell("new", "HELLO-FROM c\n")
				d.client("b").Reset()
				if last := d.tell("new", "HELLO-FROM c\n"); again != busy || last != "HELLO c\n" {
					t.Errorf("%q: then HELLO-FROM gets %q, and with a free place %q", c.line, again, last)
				}
			}
		}
	}
	if got := string(protocol.BusyReply()); got != busy {
		t.Errorf("BusyReply is %q", got)
	}
}

// C2: a user's line that is too long is answered when it ends, with the one error that its header earns,
// and the line after it is a line again.
func TestC2ErrorOfALineTooLong(t *testing.T) {
	for line, want := range map[string]string{
		"SEND bob ":            badRqstBody,
		"SEND nobody ":         badRqstBody,
		"SEND           ":      badRqstBody,
		"LIST all":             badRqstBody,
		"LIST ":                badRqstBody,
		"HELLO-FROM bob":       badRqstHdr,
		"HELLO-FROM":           badRqstHdr,
		"LISTLISTLIST":         badRqstHdr,
		"SEND\tbob ":           badRqstHdr,
		"                    ": badRqstHdr,
		"list x":               badRqstHdr,
	} {
		for _, piece := range []int{1, 100, 1 << 20} {
			d := newDriver(t, protocol.Limits{Users: 2, Line: 64, Name: 20})
			d.login("alice", "bob")
			d.piece = func(rest int) int { return min(piece, rest) }
			early := d.tell("alice", line+strings.Repeat("x", 65))
			got, after := d.tell("alice", strings.Repeat("x", 5000)+"\n"), d.tell("alice", "LIST\n")
			if early != "" || got != want || after != "LIST-OK alice,bob\n" {
				t.Errorf("%q in pieces of %d: got %q before its end, %q at it, then %q; want %q",
					line, piece, early, got, after, want)
			}
		}
	}
}

// D8: a client sends to itself and does not read: when it does, each DELIVERY must come before its SEND-OK,
// and then what the client asked for meanwhile.
func TestD8ToOneselfWithAFullQueue(t *testing.T) {
	d := newDriver(t, usual).login("alice")
	d.client("alice").Stall(true)
	if got := d.tell("alice", "SEND alice one\nSEND alice two\nLIST\n"); got != "" {
		t.Fatalf("a client that does not read is sent %q", got)
	}
	d.client("alice").Stall(false)
	want := "DELIVERY alice one\nDELIVERY alice two\n" + sendOK + sendOK + "LIST-OK alice\n"
	if got := d.tell("alice", ""); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// PR12: a SEND-OK before its receipt would promise what can still fail. Another client's replies do not
// wait.
func TestSendOKWaitsForItsReceipt(t *testing.T) {
	d := newDriver(t, usual).login("alice", "bob", "carol")
	d.client("bob").Stall(true)
	early, other := d.tell("alice", "SEND bob hi\n"), d.tell("carol", "SEND carol hi\n")
	d.client("bob").Stall(false)
	if got := d.tell("alice", ""); early != "" || got != sendOK || other != "DELIVERY carol hi\n"+sendOK {
		t.Errorf("got %q before bob reads and %q after it; carol gets %q", early, got, other)
	}
}

// D3, D15, PR13, PR14: a DELIVERY that was lost with its target must not be answered SEND-OK, not even if
// another client has the target's name, and its slot, by then. The name is free at once (TR3).
func TestD3D15ATargetEndsAndItsNameIsTaken(t *testing.T) {
	d := newDriver(t, usual).login("alice", "bob", "carol")
	d.client("bob").Stall(true)
	early := d.tell("alice", "SEND bob hi\n")
	d.client("bob").reconnect()
	lost, gone := d.tell("alice", ""), d.tell("carol", "SEND bob hi\n")
	d.login("bob")
	again := d.tell("alice", "SEND bob again\n")
	if early != "" || lost != badDestUser || gone != badDestUser || again != sendOK {
		t.Errorf("got %q, %q, %q, %q", early, lost, gone, again)
	}
	if got := d.tell("bob", ""); got != "DELIVERY alice again\n" {
		t.Errorf("the next bob is sent %q", got)
	}
}

// D4, D15: the sender ends first. Its receipt must do nothing to the next client in its slot, which has its
// name and waits for a receipt of its own.
func TestD4ReceiptOfAClientThatHasGone(t *testing.T) {
	d := newDriver(t, usual).login("alice", "bob", "carol")
	d.client("bob").Stall(true)
	d.tell("alice", "SEND bob one\nSEND bob two\n")
	d.client("alice").reconnect()
	d.login("alice")
	d.client("carol").Stall(true)
	d.tell("alice", "SEND carol three\n")
	d.client("bob").Stall(false)
	early := d.tell("alice", "")
	d.client("carol").Stall(false)
	if got := d.tell("alice", ""); early != "" || got != sendOK {
		t.Errorf("the next client gets %q for what the one before it sent, and %q for its own", early, got)
	}
}

// Promise 2: a client matches replies to its requests by their order, so the order in which receipts are
// completed must not show.
func TestRepliesInTheOrderOfTheRequests(t *testing.T) {
	want := sendOK + badRqstHdr + badDestUser + badRqstBody + sendOK + badDestUser + "LIST-OK alice,bob,dave\n"
	for _, order := range []string{"bcd", "bdc", "cbd", "cdb", "dbc", "dcb"} {
		d := newDriver(t, usual).login("alice", "bob", "carol", "dave")
		targets := map[rune]*client{'b': d.client("bob"), 'c': d.client("carol"), 'd': d.client("dave")}
		for _, c := range targets {
			c.Stall(true)
		}
		early := d.tell("alice", "SEND bob 1\nHELLO-FROM x\nSEND carol 2\nSEND\nSEND dave 3\nSEND nobody 4\nLIST\n")
		got := ""
		for _, name := range order {
			if name == 'b' {
				early += got
			}
			if name == 'c' {
				targets[name].Reset() // the second is lost
			} else {
				targets[name].Stall(false)
			}
			got += d.tell("alice", "")
		}
		if early != "" || got != want {
			t.Errorf("order %s: got %q early, then %q; want %q", order, early, got, want)
		}
	}
}

// B12: a LIST-OK is long. If the requests behind a LIST that waits were executed, one client could
// have many of them wait; if NextLine never allowed them again, the client would wait for ever.
func TestB12InputWaitsAndGoesOn(t *testing.T) {
	d := newDriver(t, usual).login("alice", "bob")
	bob, alice := d.client("bob"), &d.client("alice").session
	bob.Stall(true)
	if early := d.tell("alice", "SEND bob hi\nLIST\nLIST\nLIST x\n"); early != "" || d.client("alice").lines.Len() != 12 {
		t.Errorf("got %q, and %d bytes wait to be executed, want 12", early, d.client("alice").lines.Len())
	}
	if _, ok := d.machine.NextLine(alice); ok {
		t.Error("a LIST waits, and NextLine asks for more")
	}
	if _, ok := d.machine.NextLine(&bob.session); !ok {
		t.Error("bob has to wait, and no reply to bob is pending")
	}
	bob.Stall(false)
	if got, want := d.tell("alice", ""), sendOK+"LIST-OK alice,bob\nLIST-OK alice,bob\n"+badRqstBody; got != want {
		t.Errorf("when the DELIVERY was sent: got %q, want %q", got, want)
	}
}

// D11: thousands of queues may hold one LIST-OK. Its text must be the same memory for all of them, and must
// not change when the list does; the driver checks both.
func TestD11SharedTextNeverChanges(t *testing.T) {
	d := newDriver(t, usual).login("alice", "bob")
	for i, name := range []string{"carol", "dave", "erin"} {
		d.login(name)
		d.tell("alice", "LIST\nSEND bob hi\n")
		d.tell("bob", "LIST\nLIST\n")
		if len(d.shared) != i+1 {
			t.Errorf("after %d different lists there are %d shared texts", i+1, len(d.shared))
		}
	}
}
