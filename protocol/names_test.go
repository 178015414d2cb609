package protocol_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// C8: names, each refused or taken as it is.
func TestC8Names(t *testing.T) {
	for name, good := range map[string]bool{
		"a": true, "Alice": true, "ë": true, "名前": true, "a.b;c:d'\"": true, "SEND": true, "LIST-OK": true,
		strings.Repeat("a", 4085): true, strings.Repeat("a", 4086): false, strings.Repeat("a", 10_000): false,
		"": false, " ": false, "a b": false, " a": false, "a ": false, ",": false, "a,b": false, "a,": false,
		"a\x00": false, "\x1b[31m": false, "a\tb": false, "a\rb": false, "a\r\r": false, "a\x7f": false, "\x1f": false,
		"\xff": false, "a\xc3": false, "\x80": false, "\xc0\xac": false, "\xed\xa0\x80": false, "\xf4\x90\x80\x80": false,
	} {
		d := newDriver(t)
		want := badRqstBody
		if good {
			want = "HELLO " + name + "\n"
		}
		if got := d.tell("c", "HELLO-FROM "+name+"\n"); got != want || d.find("c").closed == good {
			t.Errorf("%.20q: got %.40q, want %.40q", name, got, want)
		}
	}
}

// C8: equal but for case, or but for how a character is composed, is not equal.
func TestC8NamesAreBytes(t *testing.T) {
	d := newDriver(t)
	d.login("alice", "Alice", "ALICE", "\u00eb", "e\u0308")
	if got, want := d.tell("alice", "LIST\n"), "LIST-OK alice,Alice,ALICE,\u00eb,e\u0308\n"; got != want {
		t.Errorf("LIST: got %q, want %q", got, want)
	}
}

// C8: a name that is accepted can never break a LIST-OK, which splits back into the same names.
func FuzzNames(f *testing.F) {
	f.Add([]byte("alice"), []byte("bob"))
	f.Add([]byte("a,b"), []byte("a"))
	f.Add([]byte("a\nLIST-OK b"), []byte("a\r"))
	f.Add([]byte("\xc2\x85"), []byte("\xff\x1b"))
	f.Add([]byte("\u2028"), []byte("\u00a0"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		d := newDriver(t)
		var names []string
		for i, name := range [][]byte{a, b, []byte("last")} {
			client := string(rune('1' + i))
			line, _, _ := bytes.Cut(name, []byte("\n"))
			if got, ok := strings.CutPrefix(d.tell(client, "HELLO-FROM "+string(line)+"\n"), "HELLO "); ok {
				names = append(names, strings.TrimSuffix(got, "\n"))
			}
		}
		list, ok := strings.CutPrefix(d.tell("3", "LIST\n"), "LIST-OK ")
		if !ok {
			return // somebody else is called "last"
		}
		if got := strings.Split(strings.TrimSuffix(list, "\n"), ","); !slices.Equal(got, names) {
			t.Errorf("logged in are %q, and LIST says %q", names, got)
		}
		if i := strings.IndexFunc(list, func(r rune) bool { return r < ' ' || r == 0x7F }); i != len(list)-1 {
			t.Errorf("a control byte in the list: %q", list)
		}
	})
}

// C11: a message is passed on as it is, one line as one line, and nothing in it is taken for
// anything else.
func FuzzMessage(f *testing.F) {
	for _, message := range []string{
		"hi", "  two  ", "\x00\xff\x1b[2J\x7f", "SEND-OK", "x\r", "\r", "\u2028", "a\nHELLO-FROM eve\nb",
	} {
		f.Add([]byte(message))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		message, _, _ = bytes.Cut(message, []byte("\n"))
		d := newDriver(t)
		d.login("alice", "bob")
		got := d.tell("alice", "SEND bob "+string(message)+"\n")
		heard := d.hears("bob")
		wantGot, wantHeard := sendOK, "DELIVERY alice "+string(bytes.TrimSuffix(message, []byte("\r")))+"\n"
		if len(bytes.TrimSuffix(message, []byte("\r"))) == 0 {
			wantGot, wantHeard = badRqstBody, ""
		}
		if got != wantGot || heard != wantHeard {
			t.Errorf("message %q: alice hears %q, bob %q", message, got, heard)
		}
	})
}
