package protocol

import (
	"bytes"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"chatd/state"
)

// next returns the lines that can be cut now.
func (b *LineBuffer) next(limit Limit) (lines []string) {
	for line, ok := b.Next(limit); ok; line, ok = b.Next(limit) {
		lines = append(lines, show(string(line.Text), line.TooLong))
	}
	return lines
}

// feed is one read: its buffer is used again after it.
func (b *LineBuffer) feed(in []byte, limit Limit) []string {
	in = bytes.Clone(in)
	b.Feed(in)
	lines := b.next(limit)
	b.Keep()
	copy(in, bytes.Repeat([]byte{'\n'}, len(in)))
	return lines
}

func show(text string, tooLong bool) string {
	if tooLong {
		return "too long: " + text[:headerLen]
	}
	return "line: " + text
}

// split is the reference: the lines that a client is answered when the server has all of stream.
func split(stream string, limit Limit) (lines []string) {
	all := strings.Split(stream, "\n")
	for i, text := range all {
		text = strings.TrimSuffix(text, "\r")
		tooLong := len(text) > limit.Bytes
		if i < len(all)-1 || tooLong && limit.AtOnce {
			lines = append(lines, show(text, tooLong))
		}
	}
	return lines
}

// C1, C2: a cut must change no line, a line that is too long must be returned neither earlier nor later
// than it has to be, and no more of a line may be stored than its limit and a '\r'.
func FuzzLines(f *testing.F) {
	f.Add("LIST\r\n\r\n\nSEND bob hi\n", []byte{1, 2, 3}, true)
	f.Add("HELLO-FROM a name that is too long\r\n\rLIST\n", []byte{13}, false)
	f.Add(strings.Repeat("x", 20)+"\r\r\n"+strings.Repeat("x", 20)+"\r\n", []byte{20, 1, 1}, true)
	f.Add(strings.Repeat("x", 21)+"\n"+strings.Repeat("y", 50)+"\n\n", []byte{40, 9}, true)
	f.Add(strings.Repeat("x", 20)+"\r\r", []byte{20, 1, 1}, false)
	f.Fuzz(func(t *testing.T, stream string, cuts []byte, atOnce bool) {
		limit := Limit{Bytes: 20, AtOnce: atOnce}
		var b LineBuffer
		var got []string
		for at, i := 0, 0; at < len(stream); i++ {
			n := len(stream) - at
			if len(cuts) > 0 {
				n = min(1+int(cuts[i%len(cuts)]), n)
			}
			got = append(got, b.feed([]byte(stream[at:at+n]), limit)...)
			at += n
			if want := split(stream[:at], limit); !slices.Equal(got, want) {
				t.Fatalf("%q\ngot  %q\nwant %q", stream[:at], got, want)
			}
			if b.Len() > limit.Bytes+1 || b.searched != b.Len() || b.Empty() && b.Capacity() > maxIdleMemory {
				t.Fatalf("%d bytes are kept, %d of them searched, in %d", b.Len(), b.searched, b.Capacity())
			}
		}
		if len(stream) > 0 && strings.HasSuffix(stream, "\n") != b.Empty() {
			t.Errorf("Empty is %v after %q", b.Empty(), stream)
		}
	})
}

// C2: a line of exactly the limit is a line, one byte more is too long. A '\r' right before the '\n' does
// not count, any other does. Wherever the line is cut in two.
func TestC2LimitAtEveryCut(t *testing.T) {
	for _, limit := range []Limit{{12, true}, {20, false}, {300, true}} {
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
			text := strings.Repeat("x", limit.Bytes+c.over) + strings.TrimSuffix(strings.TrimSuffix(c.end, "\n"), "\r")
			want := []string{show(text, c.long), "line: LIST"}
			in := strings.Repeat("x", limit.Bytes+c.over) + c.end + "LIST\n"
			for at := range len(in) {
				var b LineBuffer
				got := append(b.feed([]byte(in[:at]), limit), b.feed([]byte(in[at:]), limit)...)
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("%+v, %d bytes above it, ending in %q, cut at %d: got %.40q, want %.40q",
						limit, c.over, c.end, at, got, want)
				}
			}
		}
	}
}

// C2: a line without end must not fill the memory: what is stored of it grows to the limit and then
// shrinks to a header.
func TestC2LineWithoutEnd(t *testing.T) {
	const piece = 16 << 10
	limit := Limit{Bytes: 64 << 10}
	var b LineBuffer
	for i := range 64 {
		b.feed(bytes.Repeat([]byte("x"), piece), limit)
		if b.Len() > limit.Bytes+1 || b.Capacity() > 2*(limit.Bytes+piece) || i*piece > limit.Bytes && b.Capacity() > 64 {
			t.Fatalf("after %d bytes %d of the line are stored, in %d", (i+1)*piece, b.Len(), b.Capacity())
		}
	}
	if b.Empty() {
		t.Error("the buffer is empty in the middle of a line: the next bytes would begin a new one")
	}
	want := []string{"too long: xxxxxxxxxxx", "line: LIST"}
	if got := b.feed([]byte("\nLIST\n"), limit); !reflect.DeepEqual(got, want) || !b.Empty() || b.Capacity() > 0 {
		t.Errorf("then come %q, want %q; %d bytes are held", got, want, b.Capacity())
	}
}

// F3, C3: thousands of clients that have sent one long line must not keep its memory. Short lines keep
// theirs, so that the next one costs no allocation.
func TestF3MemoryOfALongLineIsGivenBack(t *testing.T) {
	for _, c := range []struct {
		size, most int
		keeps      bool
	}{{10, 64, true}, {maxIdleMemory / 2, maxIdleMemory, true}, {1 << 20, 0, false}} {
		for name, end := range map[string]func(b *LineBuffer){
			"its end":  func(b *LineBuffer) { b.feed([]byte("\n"), Limit{Bytes: 1 << 20}) },
			"Discard":  func(b *LineBuffer) { b.Discard() },
			"too long": func(b *LineBuffer) { b.feed([]byte("xx\n"), Limit{Bytes: c.size}) },
		} {
			var b LineBuffer
			b.feed(bytes.Repeat([]byte("x"), c.size), Limit{Bytes: 1 << 20})
			if end(&b); !b.Empty() || b.Len() != 0 || b.Capacity() > c.most || c.keeps != (b.Capacity() > 0) {
				t.Errorf("a line of %d bytes, then %s: %d bytes stay in %d", c.size, name, b.Len(), b.Capacity())
			}
		}
	}
}

// F10: Capacity is what the memory bound adds up. If a client can make a LineBuffer hold more than that,
// the bound does not hold: here, by a long line whose end comes alone, or in one read with the beginning of
// the next.
func TestF10CapacityIsTheMemoryThatIsHeld(t *testing.T) {
	const clients, long = 8, 1 << 20
	short := slices.Repeat([]string{strings.Repeat("x", 1000) + "\nL"}, 260)
	for name, after := range map[string][]string{
		"its end":              {"\n"},
		"a piece":              {"\nLI"},
		"two pieces":           {"\nLI", "S"},
		"short lines":          short,
		"short lines, and end": append(short[:len(short):len(short)], "\n"),
	} {
		buffers := make([]LineBuffer, clients)
		before := heap()
		counted := 0
		for i := range buffers {
			b := &buffers[i]
			b.feed(bytes.Repeat([]byte("x"), long), Limit{Bytes: long})
			for _, piece := range after {
				b.feed([]byte(piece), Limit{Bytes: long})
			}
			counted += b.Capacity()
		}
		if held := heap() - before; held > counted+clients*1024 {
			t.Errorf("a long line, then %s: %d buffers hold %d KiB and count %d KiB", name, clients, held>>10, counted>>10)
		}
		runtime.KeepAlive(buffers)
	}
}

// heap is the memory in use, in bytes.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// A client that sends without a pause has the beginning of a line at the end of every read. Memory that is
// allocated for each such read makes the garbage collector run for as long as the client sends.
func TestNoAllocationForAStreamOfLines(t *testing.T) {
	var b LineBuffer
	in := bytes.Repeat([]byte("SEND bob hi and how are you\n"), 100)
	in = in[5 : len(in)-5]
	if n := testing.AllocsPerRun(100, func() {
		b.Feed(in)
		for _, ok := b.Next(Limit{Bytes: 1000}); ok; _, ok = b.Next(Limit{Bytes: 1000}) {
		}
		b.Keep()
	}); n != 0 {
		t.Errorf("%v allocations a read, want none", n)
	}
}

// F3: one long message must not leave a long buffer behind.
func TestF3ScratchIsGivenBack(t *testing.T) {
	m := NewMachine(Limits{Users: 1, Line: 1 << 20, Name: 255})
	s := &state.Session{ID: state.NewID(0, 1)}
	m.Line(s, Line{Text: []byte("HELLO-FROM a")})
	m.Line(s, Line{Text: []byte("SEND a " + strings.Repeat("x", 500_000))})
	m.Complete(s, 0, true)
	if cap(m.text) > maxScratch {
		t.Errorf("%d bytes are kept for the text of frames", cap(m.text))
	}
}
