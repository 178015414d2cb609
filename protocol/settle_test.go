package protocol_test

import (
	"slices"
	"testing"

	"chatd/protocol"
	"chatd/state"
)

// A bare is a machine without a loop, spoken to directly, so that a test decides when each receipt
// comes back.
type bare struct {
	t testing.TB
	*protocol.Machine
}

func newBare(t testing.TB, names ...string) bare {
	t.Helper()
	b := bare{t, protocol.NewMachine(16, 1<<20)}
	for slot, name := range names {
		b.login(state.NewID(slot, 1), name)
	}
	return b
}

func (b bare) login(id state.ID, name string) {
	b.t.Helper()
	b.Open(id)
	if got := texts(b.input(id, "HELLO-FROM "+name)); !slices.Equal(got, []string{"HELLO " + name + "\n"}) {
		b.t.Fatalf("login of %s: got %q", name, got)
	}
}

// input carries out one line, and returns copies of the frames.
func (b bare) input(id state.ID, line string) []protocol.Frame {
	b.t.Helper()
	n, frames := b.Input(id, []byte(line+"\n"))
	if n != len(line)+1 {
		b.t.Fatalf("%q: %d bytes are used up, want %d", line, n, len(line)+1)
	}
	for i := range frames {
		frames[i].Text = slices.Clone(frames[i].Text)
	}
	return slices.Clone(frames)
}

// send has a user send a message that must be delivered, and returns the receipt.
func (b bare) send(from state.ID, line string) protocol.Receipt {
	b.t.Helper()
	frames := b.input(from, line)
	if len(frames) != 1 || frames[0].Receipt.Owner != from {
		b.t.Fatalf("%q: got the frames %v, want one DELIVERY with a receipt of the sender's", line, frames)
	}
	return frames[0].Receipt
}

var (
	alice = state.NewID(0, 1)
	bob   = state.NewID(1, 1)
	carol = state.NewID(2, 1)
)

// PR11, PR12: the DELIVERY goes to the target alone, and SEND-OK waits for its receipt.
func TestSendOKWaitsForItsReceipt(t *testing.T) {
	b := newBare(t, "alice", "bob")
	frames := b.input(alice, "SEND bob hi")
	if len(frames) != 1 || frames[0].To != bob || string(frames[0].Text) != "DELIVERY alice hi\n" {
		t.Fatalf("SEND: got %v, want one DELIVERY to bob", frames)
	}
	if got := texts(b.input(bob, "LIST")); !slices.Equal(got, []string{"LIST-OK alice,bob\n"}) {
		t.Errorf("meanwhile LIST of bob: got %q", got)
	}
	settled := b.Complete(frames[0].Receipt, true)
	if len(settled) != 1 || settled[0].To != alice || string(settled[0].Text) != sendOK {
		t.Errorf("Complete: got %v, want SEND-OK to alice", settled)
	}
}

// PR13, PR14: a DELIVERY that was not sent is no SEND-OK.
func TestD3NotSent(t *testing.T) {
	b := newBare(t, "alice", "bob")
	receipt := b.send(alice, "SEND bob hi")
	b.Close(bob)
	if got := texts(b.Complete(receipt, false)); !slices.Equal(got, []string{badDestUser}) {
		t.Errorf("Complete of what was not sent: got %q", got)
	}
	if got := texts(b.input(alice, "SEND bob hi")); !slices.Equal(got, []string{badDestUser}) {
		t.Errorf("SEND to one who has gone: got %q", got)
	}
}

// Promise 2: whatever the order in which the receipts come back, the answers come in the order of
// the requests.
func TestAnswersInTheOrderOfTheRequests(t *testing.T) {
	want := []string{sendOK, badRqstHdr, badDestUser, badRqstBody, sendOK, badDestUser, "LIST-OK alice,bob,carol\n"}
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		b := newBare(t, "alice", "bob", "carol")
		var receipts []protocol.Receipt
		var early []string
		for _, line := range []string{
			"SEND bob 1", "HELLO-FROM x", "SEND carol 2", "SEND", "SEND alice 3", "SEND nobody 4", "LIST",
		} {
			for _, f := range b.input(alice, line) {
				if f.Receipt == (protocol.Receipt{}) {
					early = append(early, string(f.Text))
				} else {
					receipts = append(receipts, f.Receipt)
				}
			}
		}
		if early != nil || len(receipts) != 3 {
			t.Fatalf("before any receipt came back: %q and %d receipts", early, len(receipts))
		}
		var got []string
		for i, r := range order {
			got = append(got, texts(b.Complete(receipts[r], r != 1))...) // the second is not sent
			if i < 2 && slices.Contains(order[i+1:], 0) && got != nil {
				t.Errorf("order %v: %q is said before the first request is answered", order, got)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("order %v: got %q, want %q", order, got, want)
		}
	}
}

// D4, D15: the sender goes before its receipt comes back. Nothing is said, not even to the next
// client on the same descriptor, who has the same name.
func TestD4ReceiptOfOneWhoHasGone(t *testing.T) {
	b := newBare(t, "alice", "bob")
	for generation := uint32(1); generation < 8; generation += 2 {
		old := state.NewID(alice.Slot(), generation)
		receipt := b.send(old, "SEND bob hi")
		late := b.send(old, "SEND bob hi")
		b.Close(old)
		if frames := b.Complete(receipt, true); len(frames) > 0 {
			t.Errorf("nobody has the descriptor: got %q", texts(frames))
		}
		next := state.NewID(alice.Slot(), generation+2)
		b.login(next, "alice")
		own := b.send(next, "SEND bob hi")
		if frames := b.Complete(late, false); len(frames) > 0 {
			t.Errorf("somebody else has the descriptor: got %q", texts(frames))
		}
		if got := b.Complete(own, true); !slices.Equal(texts(got), []string{sendOK}) || got[0].To != next {
			t.Errorf("the receipt of one who is here: got %v, want SEND-OK to %v", got, next)
		}
	}
}

// D15, TR3: a name is free as soon as its holder is gone, and deliveries go to its next holder.
func TestD15NameComesToSomebodyElse(t *testing.T) {
	b := newBare(t, "alice", "bob")
	receipt := b.send(alice, "SEND bob hi")
	b.Close(bob)
	b.login(carol, "bob")
	if frames := b.input(alice, "SEND bob again"); len(frames) != 1 || frames[0].To != carol {
		t.Errorf("SEND to the name: got %v, want a DELIVERY to %v", frames, carol)
	}
	if got := texts(b.Complete(receipt, false)); !slices.Equal(got, []string{badDestUser}) {
		t.Errorf("the message to the one who has gone: got %q", got)
	}
}

// Shared text may be kept instead of copied: it never changes, whatever comes after it.
func TestD11SharedTextNeverChanges(t *testing.T) {
	b := newBare(t, "alice")
	kept := make(map[string][]byte)
	for slot, name := range []string{"bob", "carol", "dave"} {
		_, frames := b.Input(alice, []byte("LIST\n"))
		if frames[0].Shared == nil {
			t.Fatal("LIST-OK is not shared")
		}
		kept[string(frames[0].Text)] = frames[0].Text
		b.login(state.NewID(1+slot, 1), name)
		b.Complete(b.send(alice, "SEND "+name+" hi"), true)
	}
	b.Close(alice)
	for want, got := range kept {
		if string(got) != want {
			t.Errorf("%q has become %q", want, got)
		}
	}
	if len(kept) != 3 {
		t.Errorf("there were %d lists, want 3", len(kept))
	}
}
