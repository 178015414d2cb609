package protocol

import "bytes"

// A Line is the bytes before '\n', without a '\r' right before it. Of a line that is longer than its
// limit, Text is the beginning, which has the header and the space behind it.
type Line struct {
	Text    []byte
	TooLong bool
}

// A Limit is how long a line may be.
type Limit struct {
	Bytes  int  // without the line end
	AtOnce bool // a line that is too long is returned as soon as that is known, not when it ends
}

// headerLen is how much of a line that is too long is kept, in bytes: the longest header and a space.
const headerLen = len("HELLO-FROM ")

// A LineBuffer cuts the stream of bytes from one client into lines. The lines are the same however
// the stream is cut into reads (PR1).
//
// Feed gives it what was read, Next returns one line after the other, and Keep copies what is left
// before the caller uses its read buffer again. So a line that lies whole in what was read is never
// copied, and between two reads a LineBuffer that has nothing left holds no memory of importance.
//
// A line that is too long is not stored: only its header is, and the rest is discarded as it comes.
type LineBuffer struct {
	rest     []byte // input that Next has not returned: the end of memory, or of what was fed
	memory   []byte // holds rest, unless it is borrowed
	borrowed bool   // rest is part of what was fed
	searched int    // rest[:searched] has no '\n'

	header     []byte // of the line that is being discarded and still has to be returned
	discarding bool   // rest begins in the middle of a line that is too long
}

// maxIdleMemory is how much memory an empty LineBuffer keeps, in bytes.
const maxIdleMemory = 16 << 10

// Feed appends input. It is valid until Keep or Discard.
func (b *LineBuffer) Feed(in []byte) {
	if len(b.rest) == 0 {
		b.rest, b.borrowed = in, true
		return
	}
	if len(b.rest) < len(b.memory) { // use the space in front of rest again
		b.memory = b.memory[:copy(b.memory, b.rest)]
	}
	b.memory = append(b.memory, in...)
	b.rest = b.memory
}

// Next returns the next line, valid until the next call of Feed or Keep; ok is false if its end has not
// come.
func (b *LineBuffer) Next(limit Limit) (line Line, ok bool) {
	end := bytes.IndexByte(b.rest[b.searched:], '\n')
	if end < 0 {
		return b.unfinished(limit)
	}
	text := b.rest[:b.searched+end]
	b.rest, b.searched = b.rest[b.searched+end+1:], 0
	if b.discarding {
		line = Line{Text: b.header, TooLong: true}
		ok = b.header != nil
		b.header, b.discarding = nil, false
		if !ok { // it has been returned before it ended
			return b.Next(limit)
		}
		return line, true
	}
	text = bytes.TrimSuffix(text, carriageReturn)
	if len(text) > limit.Bytes {
		return Line{Text: text[:min(len(text), headerLen)], TooLong: true}, true
	}
	return Line{Text: text}, true
}

// unfinished looks at a line whose end has not come. A '\r' at its end may belong to the line end, so
// it does not count yet.
func (b *LineBuffer) unfinished(limit Limit) (line Line, ok bool) {
	b.searched = len(b.rest)
	if !b.discarding && len(bytes.TrimSuffix(b.rest, carriageReturn)) > limit.Bytes {
		header := bytes.Clone(b.rest[:headerLen])
		b.discarding = true
		if limit.AtOnce {
			line, ok = Line{Text: header, TooLong: true}, true
		} else {
			b.header = header
		}
	}
	if b.discarding {
		b.rest, b.searched = nil, 0
	}
	return line, ok
}

var carriageReturn = []byte("\r")

// Keep copies what Next has not returned, so that the caller may use again what it has fed. With little
// left, the memory of a long line is given back.
func (b *LineBuffer) Keep() {
	switch {
	case len(b.rest) == 0:
		b.rest, b.memory, b.borrowed = nil, b.memory[:0], false
		if cap(b.memory) > maxIdleMemory {
			b.memory = nil
		}
	case b.borrowed:
		b.memory = append(b.memory[:0], b.rest...)
		b.rest, b.borrowed = b.memory, false
	case cap(b.memory) > maxIdleMemory && len(b.rest) < cap(b.memory)/4:
		b.memory = bytes.Clone(b.rest)
		b.rest = b.memory
	}
}

// Discard forgets all input.
func (b *LineBuffer) Discard() {
	*b = LineBuffer{memory: b.memory[:0]}
	b.Keep()
}

// Empty reports whether there is nothing that the next Feed would continue.
func (b *LineBuffer) Empty() bool { return len(b.rest) == 0 && !b.discarding }

// Len is how many bytes Next has not looked at or not returned.
func (b *LineBuffer) Len() int { return len(b.rest) }

// Capacity is the memory that the buffer holds, in bytes.
func (b *LineBuffer) Capacity() int { return cap(b.memory) + cap(b.header) }
