package protocol

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"chatd/state"
)

// newLines makes a machine with one client, whose lines are cut and not carried out.
func newLines(maxLine int, user bool) (*Machine, *state.Session) {
	m := NewMachine(1, maxLine)
	id := state.NewID(0, 1)
	m.Open(id)
	s := m.sessions.Find(id)
	s.User = user
	return m, s
}

// lines cuts one piece of input, and what is left of it, until it is used up.
func lines(t *testing.T, m *Machine, s *state.Session, in []byte) (got []string) {
	t.Helper()
	for len(in) > 0 {
		l, n, ended := m.cut(s, in)
		if n < 1 || n > len(in) || ended != (in[n-1] == '\n') {
			t.Fatalf("cut of %d bytes uses up %d, ended is %v", len(in), n, ended)
		}
		in = in[n:]
		if ended {
			got = append(got, show(l.text, l.tooLong))
			m.endLine(s)
		}
	}
	return got
}

func show(text []byte, tooLong bool) string {
	if tooLong {
		return "too long: " + string(text[:headerLen])
	}
	return "line: " + string(text)
}

// splitLines is the reference: the lines of a stream that is known as a whole.
func splitLines(stream []byte, limit int) (want []string) {
	all := bytes.Split(stream, []byte("\n"))
	for _, text := range all[:len(all)-1] {
		text, _ = bytes.CutSuffix(text, []byte("\r"))
		want = append(want, show(text, len(text) > limit))
	}
	return want
}

// C1: any cut gives the same lines, and what is kept of a line is never more than its limit and a
// '\r'.
func FuzzLines(f *testing.F) {
	f.Add([]byte("LIST\r\n\r\n\nSEND bob hi\n"), []byte{1, 2, 3}, true)
	f.Add([]byte("HELLO-FROM a name that is too long\r\n\rLIST\n"), []byte{13}, false)
	f.Add([]byte(strings.Repeat("x", 20)+"\r\r\n"+strings.Repeat("x", 20)+"\r\n"), []byte{20, 1, 1}, true)
	f.Add([]byte(strings.Repeat("x", 21)+"\n"+strings.Repeat("y", 50)+"\n\n"), []byte{40, 9}, true)
	f.Fuzz(func(t *testing.T, stream, cuts []byte, user bool) {
		const limit = 20
		m, s := newLines(limit, user)
		var got []string
		for rest, i := stream, 0; len(rest) > 0; i++ {
			n := len(rest)
			if len(cuts) > 0 {
				n = min(1+int(cuts[i%len(cuts)]), n)
			}
			got = append(got, lines(t, m, s, rest[:n])...)
			rest = rest[n:]
			if a := s.Activity(); a != nil && len(a.Line) > limit+1 {
				t.Fatalf("%d bytes of a line are kept, the limit is %d", len(a.Line), limit)
			}
		}
		if want := splitLines(stream, limit); !reflect.DeepEqual(got, want) {
			t.Errorf("%q\ngot  %q\nwant %q", stream, got, want)
		}
	})
}

// C1, C2: a line of exactly the limit is a line, one byte more is too long; a '\r' before the '\n'
// does not count, and another does. Wherever the line is cut in two.
func TestC2LimitAtEveryCut(t *testing.T) {
	for _, user := range []bool{false, true} {
		limit := maxLineNew
		if user {
			limit++ // more than a stranger's
		}
		for _, c := range []struct {
			over int // bytes above the limit
			end  string
			long bool
		}{
			{-1, "\n", false},
			{0, "\n", false},
			{1, "\n", true},
			{-1, "\r\n", false},
			{0, "\r\n", false},
			{1, "\r\n", true},
			{-1, "\r\r\n", false},
			{0, "\r\r\n", true},
			{1, "\r\r\n", true},
		} {
			in := []byte(strings.Repeat("x", limit+c.over) + c.end)
			want := splitLines(in, limit)
			if long := strings.HasPrefix(want[0], "too long"); long != c.long {
				t.Fatalf("the reference itself is wrong: %d bytes above the limit, ending in %q", c.over, c.end)
			}
			m, s := newLines(limit, user)
			if !user {
				m, s = newLines(1<<20, user) // what users may does not matter
			}
			for at := range len(in) {
				if got := append(lines(t, m, s, in[:at]), lines(t, m, s, in[at:])...); !reflect.DeepEqual(got, want) {
					t.Fatalf("user %v, %d bytes above the limit, ending in %q, cut at %d: got %.40q, want %.40q",
						user, c.over, c.end, at, got, want)
				}
			}
		}
	}
}

// C2: a line without end, gigabytes of it. What is kept grows to the limit and then shrinks to a
// header.
func TestC2LineWithoutEnd(t *testing.T) {
	const limit, piece = 64 << 10, 16 << 10
	m, s := newLines(limit, true)
	in := bytes.Repeat([]byte("x"), piece)
	for range 64 {
		lines(t, m, s, in)
		if a := s.Activity(); len(a.Line) > limit+1 || a.TooLong && cap(a.Line) > 64 {
			t.Fatalf("%d bytes of the line are kept, in room for %d; the limit is %d", len(a.Line), cap(a.Line), limit)
		}
	}
	want := []string{"too long: xxxxxxxxxxx", "line: LIST"}
	if got := lines(t, m, s, []byte("\nLIST\n")); !reflect.DeepEqual(got, want) {
		t.Errorf("after it come %q, want %q", got, want)
	}
	if s.Activity() != nil {
		t.Error("nothing is left of the lines, but the client is still in the middle of something")
	}
}

// F3: what a client was in the middle of is given back as soon as it is idle again.
func TestF3IdleClientsKeepNothing(t *testing.T) {
	m := NewMachine(2, 100)
	id := state.NewID(0, 1)
	m.Open(id)
	for _, in := range []string{
		"HELLO-FROM a\n", "LIST\n", "\n", "\r\n", strings.Repeat("x", 101) + "\n", "SEND nobody hi\n", "SEND a hi\n",
	} {
		for cut := range min(len(in), 20) {
			if cut > 0 {
				m.Input(id, []byte(in[:cut]))
			}
			_, frames := m.Input(id, []byte(in[cut:]))
			if len(frames) > 0 && frames[0].Receipt.Owner == id {
				if m.sessions.Find(id).Activity() == nil {
					t.Error("a reply is owed, and the session does not know")
				}
				m.Complete(frames[0].Receipt, true)
			}
			if a := m.sessions.Find(id).Activity(); a != nil {
				t.Errorf("after %.20q, cut at %d, the session keeps %+v", in, cut, *a)
			}
		}
	}
}
