package main

import (
	"context"
	"log/slog"
	"time"
)

// A journal is the log as far as it matters: how many warnings there are.
type journal struct {
	warnings     int           // in this turn
	complaints   int           // other than of send timeouts, in all
	complainedAt time.Duration // the last time
}

func (j *journal) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (j *journal) WithAttrs([]slog.Attr) slog.Handler               { return j }
func (j *journal) WithGroup(string) slog.Handler                    { return j }

func (j *journal) Handle(context.Context, slog.Record) error {
	j.warnings++
	return nil
}
