// Package service is what a server needs around its loop to run as a service: a log that never blocks,
// the protocol of a service manager (sd_notify(3), socket activation), and a file of figures. Nothing in
// it can make the loop wait.
package service

import (
	"context"
	"fmt"
	"log/slog"

	"chatd/poller"
)

// A Reporter passes on what the loop reports: to the log, to the service manager and to the stats file.
type Reporter struct {
	Log       *slog.Logger
	LogWriter *LogWriter // behind Log
	Notifier  *Notifier  // nil: none
	StatsFile *StatsFile // nil: none
}

// Report is a poller.Config.Report.
func (r *Reporter) Report(o poller.Occasion, s poller.Stats) {
	f := r.figures(s)
	status := fmt.Sprintf("STATUS=%d users, %d connections, %d turns", s.Users, s.Connections, s.Turns)
	switch o {
	case poller.Ready:
		r.StatsFile.Write(f)
		r.Notifier.Notify("READY=1", status)
	case poller.Alive:
		r.Notifier.Notify("WATCHDOG=1", status)
	case poller.Changed:
		r.StatsFile.Write(f)
	case poller.Requested:
		r.log("figures", f)
	case poller.Stopping:
		r.Notifier.Notify("STOPPING=1", status)
	case poller.Stopped:
		r.log("stopped", f)
		r.StatsFile.Write(f)
		r.StatsFile.Close()
	}
}

// log writes the figures to the log, in one line.
func (r *Reporter) log(message string, f figures) {
	var attrs, closed []slog.Attr
	for _, n := range f.numbers {
		if n.key != "" {
			attrs = append(attrs, slog.Uint64(n.key, n.value))
		}
	}
	for _, c := range f.closed {
		closed = append(closed, slog.Int(string(c.Reason), c.Count))
	}
	attrs = append(attrs, slog.Attr{Key: "closed", Value: slog.GroupValue(closed...)})
	r.Log.LogAttrs(context.Background(), slog.LevelInfo, message, attrs...)
}
