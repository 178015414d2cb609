package protocol

import (
	"slices"
	"strings"
	"testing"

	"chatd/state"
)

// The texts, pinned: a client compares them byte for byte, so that a change of one is a change of
// the protocol.
func TestTexts(t *testing.T) {
	var got []string
	for reply, text := range texts {
		if text != nil {
			got = append(got, string(text))
		} else if reply := state.Reply(reply); reply != state.Pending && reply != listOK {
			t.Errorf("reply %d has no text", reply)
		}
	}
	want := []string{"BAD-DEST-USER\n", "BAD-RQST-BODY\n", "BAD-RQST-HDR\n", "BUSY\n", "IN-USE\n", "SEND-OK\n"}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("the texts are %q, want %q", got, want)
	}
	for want, got := range map[string][]byte{
		"HELLO alice\n":                    appendHello(nil, []byte("alice")),
		"DELIVERY alice  hi \n":            appendDelivery(nil, []byte("alice"), []byte(" hi ")),
		"before DELIVERY alice \x00\xff\n": appendDelivery([]byte("before "), []byte("alice"), []byte("\x00\xff")),
	} {
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The list is made in one piece of memory, of the right size.
func TestMakeList(t *testing.T) {
	users := state.NewRegistry(10)
	want := "LIST-OK "
	for i, name := range []string{"a", strings.Repeat("b", 1000), strings.Repeat("c", 3000)} {
		users.Add(i, []byte(name))
		want += name
		text := makeList(users)
		if string(text) != want+"\n" {
			t.Errorf("got %.40q, want %.40q", text, want)
		}
		if cap(text) > len(text)+8 {
			t.Errorf("%d bytes are in room for %d", len(text), cap(text))
		}
		want += ","
	}
}

// F3: one long message does not leave a long buffer behind.
func TestF3ScratchIsGivenBack(t *testing.T) {
	m := NewMachine(1, 1<<20)
	id := state.NewID(0, 1)
	m.Open(id)
	m.Input(id, []byte("HELLO-FROM a\n"))
	_, frames := m.Input(id, []byte("SEND a "+strings.Repeat("x", 500_000)+"\n"))
	m.Complete(frames[0].Receipt, true)
	if cap(m.text) > 64<<10 {
		t.Errorf("%d bytes are kept for the text of frames", cap(m.text))
	}
}
