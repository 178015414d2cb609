package protocol_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"chatd/internal_test/conversation"
)

// C8, C18, C16: a name is shown to all users. One that could break a line, a list or a terminal must be
// refused, and so must one that is so long that a LIST of five bytes is answered with megabytes. Every other
// is taken as it is.
func TestC8C18C16Names(t *testing.T) {
	long := strings.Repeat("a", 254)
	bad := []string{
		"", " ", "a b", " a", "a ", ",", "a,b", "a,", long + "aa", long + "ë", strings.Repeat("a", 10_000),
		"\xff", "a\xc3", "\x80", "\xc0\xac", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\r", "a\rb", "a\r\r",
	}
	good := []string{
		"a", "Alice", "ë", "名前", "a.b;c:d'\"", "SEND", "LIST-OK", long + "a", long[1:] + "ë",
		"!", "~", "\u00a0", "\u2027", "\u202f", "\u2065", "\u206a", "\ufffd", "\U0010ffff", // the neighbours of the bad ones
	}
	for _, r := range [][2]rune{{0, '\n' - 1}, {'\n' + 1, 0x1f}, {0x7f, 0x9f}, {0x2028, 0x202e}, {0x2066, 0x2069}} {
		for c := r[0]; c <= r[1]; c++ {
			bad = append(bad, string(c)+"x", "x"+string(c)+"y")
		}
	}
	for i, name := range append(bad, good...) {
		want := badRqstBody
		if i >= len(bad) {
			want = "HELLO " + name + "\n"
		}
		d := newDriver(t, usual)
		if got := d.tell("c", "HELLO-FROM "+name+"\n"); got != want || d.client("c").closed != (i < len(bad)) {
			t.Errorf("%s: got %s", conversation.Quote([]byte(name)), conversation.Quote([]byte(got)))
		}
	}
}

// C16: --max-name is the longest name, whatever it is.
func TestC16LongestName(t *testing.T) {
	for _, most := range []int{1, 2, 20, 4096} {
		limits := usual
		limits.Name = most
		for size, want := range map[int]string{most: "HELLO " + strings.Repeat("x", most) + "\n", most + 1: badRqstBody} {
			if got := newDriver(t, limits).tell("c", "HELLO-FROM "+strings.Repeat("x", size)+"\n"); got != want {
				t.Errorf("limit %d, a name of %d: got %.40q", most, size, got)
			}
		}
	}
}

// C8: names that differ by case, or by how a character is composed, are different names.
func TestC8NamesAreBytes(t *testing.T) {
	d := newDriver(t, usual)
	d.login("alice", "Alice", "ALICE", "\u00eb", "e\u0308")
	if got, want := d.tell("alice", "LIST\n"), "LIST-OK alice,Alice,ALICE,\u00eb,e\u0308\n"; got != want {
		t.Errorf("LIST: got %q, want %q", got, want)
	}
}

// C8, C18: whatever names are accepted, LIST-OK splits back into them.
func FuzzNames(f *testing.F) {
	f.Add([]byte("alice"), []byte("bob"))
	f.Add([]byte("a,b"), []byte("a"))
	f.Add([]byte("a\nLIST-OK b"), []byte("a\r"))
	f.Add([]byte("\xc2\x85"), []byte("\xff\x1b"))
	f.Add([]byte("\u2028"), []byte("\u00a0"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		d := newDriver(t, usual)
		var names []string
		for i, name := range [][]byte{a, b, []byte("last")} {
			line, _, _ := bytes.Cut(name, []byte("\n"))
			if got, ok := strings.CutPrefix(d.tell(string(rune('1'+i)), "HELLO-FROM "+string(line)+"\n"), "HELLO "); ok {
				names = append(names, strings.TrimSuffix(got, "\n"))
			}
		}
		list, ok := strings.CutPrefix(d.tell("3", "LIST\n"), "LIST-OK ")
		if !ok {
			return // a or b is "last"
		}
		if got := strings.Split(strings.TrimSuffix(list, "\n"), ","); !slices.Equal(got, names) {
			t.Errorf("logged in are %q, and LIST-OK says %q", names, got)
		}
	})
}

// C11: a message is relayed byte for byte: a change would corrupt it, and nothing in it may be a command.
func FuzzMessage(f *testing.F) {
	for _, message := range []string{
		"hi", "  two  ", "\x00\xff\x1b[2J\x7f", "SEND-OK", "x\r", "\r", "\u2028", "a\nHELLO-FROM eve\nb",
	} {
		f.Add([]byte(message))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		message, _, _ = bytes.Cut(message, []byte("\n"))
		d := newDriver(t, usual)
		d.login("alice", "bob")
		got := d.tell("alice", "SEND bob "+string(message)+"\n")
		delivered := d.tell("bob", "")
		want, wantDelivered := sendOK, "DELIVERY alice "+string(bytes.TrimSuffix(message, []byte("\r")))+"\n"
		if len(bytes.TrimSuffix(message, []byte("\r"))) == 0 {
			want, wantDelivered = badRqstBody, ""
		}
		if got != want || delivered != wantDelivered {
			t.Errorf("message %q: alice is sent %q, bob %q", message, got, delivered)
		}
	})
}
