package play

import (
	"context"
	"log/slog"
	"runtime"
	"slices"
	"strings"

	"chatd/poller"
	"chatd/poller/memkernel"
)

// ready reports whether a wait would find something.
func (r *Run) ready() bool {
	return slices.ContainsFunc(r.Kernel.Sockets, func(s *memkernel.Socket) bool {
		return s != nil && r.Due(s) != 0
	}) || r.Kernel.Now() >= r.Until
}

// Due is what a wait would report of a socket (select reports nothing unasked).
func (r *Run) Due(s *memkernel.Socket) poller.Readiness {
	asked := s.Interest
	if r.Method != "select" && s.ID != 0 {
		asked |= poller.Ended
	}
	return s.Readiness() & asked
}

// count counts what a wait looks at: the kernel the entries that it was told of, or only those on the
// ready list; and the loop again what the call returned.
func (r *Run) count(reported int) {
	r.Last = Count{reported, reported}
	for fd, s := range r.Kernel.Sockets {
		if s != nil && s.ID != 0 && r.Method == "poll" {
			r.Last.Kernel++
		} else if s != nil && s.ID != 0 && r.Method == "select" {
			r.Last.Kernel = fd + 1
		}
	}
	switch r.Method {
	case "poll":
		r.Last.Kernel -= reported
		r.Last.Loop = r.Last.Kernel
	case "select":
		r.Last.Loop = r.Last.Kernel
	}
	if !r.quiet {
		r.Examined.Kernel += r.Last.Kernel
		r.Examined.Loop += r.Last.Loop
	}
}

// A Frame is one function of the loop that is being executed.
type Frame struct {
	Func, File string
	Line       int
}

// Stack is the way from the loop's turn to the pending call, the innermost function first.
func (r *Run) Stack() (stack []Frame) {
	frames := runtime.CallersFrames(r.pcs)
	for {
		f, more := frames.Next()
		if name, ok := strings.CutPrefix(f.Function, "chatd/poller."); ok {
			_, file, _ := strings.Cut(f.File, "/poller/")
			stack = append(stack, Frame{strings.NewReplacer("(*", "", ")", "").Replace(name), "poller/" + file, f.Line})
		}
		if !more {
			return stack
		}
	}
}

// A handler puts the loop's warnings into the log of the page.
type handler struct{ run *Run }

func (h handler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (h handler) WithAttrs([]slog.Attr) slog.Handler           { return h }
func (h handler) WithGroup(string) slog.Handler                { return h }

func (h handler) Handle(_ context.Context, record slog.Record) error {
	text := record.Message
	record.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	h.run.Log = append(h.run.Log, Entry{Text: "stderr: " + text, Turn: h.run.Turns})
	return nil
}
