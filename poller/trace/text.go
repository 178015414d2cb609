package trace

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// A text is the format for people: a paragraph for each turn, a line for each event.
type text struct{ colours bool }

func (t text) event(to []byte, e *event) []byte {
	subject := e.label
	switch {
	case e.kind == "turn":
		return append(to, '\n')
	case e.kind == "begin" || e.kind == "end":
		return append(append(to, t.colour(e.kind, e.label)...), '\n')
	case e.kind == "slept":
		subject = short(e.end - e.start)
	case e.on != nil:
		subject = e.on.String()
	}
	return fmt.Appendf(to, "  %s %-15s %s\n", t.colour(e.kind, fmt.Sprintf("%-8s", e.kind)), subject, e.what)
}

// colour marks a word (ECMA-48, 8.3.117).
func (t text) colour(kind, word string) string {
	code := 32 // green: system calls
	switch kind {
	case "begin", "end":
		code = 1 // bold
	case "wait", "slept", "ready":
		code = 34 // blue: the question and its answer
	case "line", "queue", "receipt", "logout":
		code = 33 // yellow: the machine
	}
	if !t.colours {
		return word
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", code, word)
}

// A quoted is the beginning of a client's text, in a form that no terminal obeys.
type quoted []byte

func (q quoted) String() string {
	text := fmt.Sprintf("%.64q", []byte(q))
	if utf8.RuneCount(q) > 64 {
		text += "..."
	}
	return text
}

// short is a time in at most four digits.
func short(d time.Duration) string {
	unit := time.Microsecond
	for d/unit >= 10_000 {
		unit *= 10
	}
	return d.Round(unit).String()
}
