package main

import (
	"context"
	"log/slog"
	"time"

	"chatd/protocol"
)

// A logHandler is the log of the loop, as far as the rules need it.
type logHandler struct {
	warnings int             // of this turn
	ever     bool            // there was one in an earlier turn
	warnedAt time.Duration   // the last one
	reason   protocol.Reason // for which the next descriptor is closed
}

func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h *logHandler) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h *logHandler) WithGroup(string) slog.Handler            { return h }

func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	switch r.Level {
	case slog.LevelWarn:
		h.warnings++
	case slog.LevelDebug:
		r.Attrs(func(a slog.Attr) bool {
			reason, ok := a.Value.Any().(protocol.Reason)
			if ok {
				h.reason = reason
			}
			return !ok
		})
	}
	return nil
}
