package protocol

import (
	"bytes"

	"chatd/state"
)

// A line is the bytes before '\n', less one '\r' right before it. Of a line that is too long, text
// is the beginning: headerLen bytes at least.
type line struct {
	text    []byte
	tooLong bool
}

const (
	// maxLineNew is the longest line of a client that has not logged in, in bytes without the line
	// end. It bounds what a stranger can make the server keep, and the length of names.
	maxLineNew = 4 << 10

	// headerLen is how much of a line that is too long is kept, in bytes: the longest header with
	// the space behind it.
	headerLen = len("HELLO-FROM ")
)

// cut takes one line off the front of in, which may be any piece of what the client says: n is how
// many bytes belong to the line, whether or not its end is among them. The beginning of a line that
// has not ended stays in the session, up to the limit, so that in any cut the lines are the same.
// The line is good until endLine, which must follow.
func (m *Machine) cut(s *state.Session, in []byte) (l line, n int, ended bool) {
	end := bytes.IndexByte(in, '\n')
	ended = end >= 0
	n = end + 1
	if !ended {
		end, n = len(in), len(in)
	}
	if a := s.Activity(); ended && (a == nil || len(a.Line) == 0) { // the whole line is here
		return m.limit(s, in[:end]), n, true
	}

	a := m.sessions.Busy(s)
	if !a.TooLong {
		a.Line = append(a.Line, in[:end]...)
		if l = m.limit(s, a.Line); l.tooLong {
			a.Line, a.TooLong = append([]byte(nil), l.text...), true // the rest is not kept
		}
		return l, n, ended
	}
	return line{text: a.Line, tooLong: true}, n, ended
}

// limit takes the '\r' off a line and measures it. While the end has not come a '\r' may still turn
// out to belong to it, so it is not counted then either.
func (m *Machine) limit(s *state.Session, text []byte) line {
	limit := m.maxLine
	if !s.User {
		limit = min(limit, maxLineNew)
	}
	text = bytes.TrimSuffix(text, carriageReturn)
	if len(text) > limit {
		return line{text: text[:min(len(text), headerLen)], tooLong: true}
	}
	return line{text: text}
}

var carriageReturn = []byte("\r")

// endLine forgets a line that has been carried out.
func (m *Machine) endLine(s *state.Session) {
	if a := s.Activity(); a != nil {
		a.DropLine()
		m.sessions.Rest(s)
	}
}
