package trace

import (
	"fmt"
	"strings"
	"time"
)

// A text is a trace for people: a paragraph for each turn, a line for each call.
type text struct{}

func (text) first(to []byte) []byte { return to }

func (text) begin(to []byte, t *turn) []byte {
	if t.number == 0 {
		return append(to, "before the first turn\n"...)
	}
	to = fmt.Appendf(to, "\nturn %d   slept %v, ", t.number, short(t.slept))
	if t.signals > 0 {
		to = fmt.Appendf(to, "signals: %d, ", t.signals)
	}
	switch {
	case t.err != nil:
		return fmt.Appendf(to, "failed: %v\n", t.err)
	case len(t.ready) == 0:
		return append(to, "nobody is ready: something is to be done by now\n"...)
	}
	return fmt.Appendf(to, "ready: %s\n", strings.Join(t.ready, ", "))
}

// short is a time with three digits or four.
func short(d time.Duration) time.Duration {
	unit := time.Nanosecond
	for d/unit >= 10_000 {
		unit *= 10
	}
	return d.Round(unit)
}

func (text) tell(to []byte, e *event) []byte {
	to = fmt.Appendf(to, "  %-6s %-15s ", e.call, e.who)
	return append(e.appendStory(to), '\n')
}

func (text) know(to []byte, _ *party) []byte { return to }

func (text) count(to []byte, _ time.Duration, _, _ int) []byte { return to }

func (text) finish(to []byte, _ time.Duration) []byte { return to }

func (text) last(to []byte, _ time.Duration, why string, _ bool) []byte {
	return fmt.Appendf(to, "\n%s\n", why)
}
