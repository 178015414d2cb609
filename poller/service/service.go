// Package service is what a server needs around its loop to run as a service: a log that never blocks,
// the protocol of a service manager (sd_notify(3), socket activation), and a file of figures. The loop waits
// for none of them, except for a log whose descriptor cannot be opened again (NewLogWriter).
package service

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"chatd/poller"
)

// A Reporter passes on what the loop reports: to the log, to the service manager and to the stats file.
type Reporter struct {
	Log       *slog.Logger
	LogWriter *LogWriter // behind Log
	Notifier  *Notifier  // nil: none
	StatsFile *StatsFile // nil: none
	Sockets   []string   // paths to remove when the loop begins to stop
	MaxUsers  int
	MaxBuffer int // bytes

	// The longest turn since the last report to each.
	inLog, inFile, inStatus time.Duration
}

// Report is a poller.Config.Report.
func (r *Reporter) Report(o poller.Occasion, s poller.Stats) {
	for _, longest := range []*time.Duration{&r.inLog, &r.inFile, &r.inStatus} {
		*longest = max(*longest, s.LongestTurn)
	}
	switch o {
	case poller.Ready:
		r.write(s)
		r.notify("READY=1", s)
	case poller.Alive:
		r.notify("WATCHDOG=1", s)
	case poller.Changed:
		r.write(s)
	case poller.Requested:
		r.log("figures", s)
	case poller.Stopping:
		for _, path := range r.Sockets {
			os.Remove(path) // before the listeners close: a successor makes its own from then on
		}
		r.notify("STOPPING=1", s)
	case poller.Stopped:
		r.log("stopped", s)
		r.write(s)
		r.StatsFile.Close()
	}
}

// notify tells the service manager a state, and the figures as text for people.
func (r *Reporter) notify(state string, s poller.Stats) {
	r.Notifier.Notify(state, fmt.Sprintf(
		"STATUS=%d users, %d connections, %d turns, at most %d users, %d logins, %d told BUSY, %d lines, longest turn %v, CPU %v",
		s.Users, s.Connections, s.Turns, r.MaxUsers, s.Logins, s.Busy, s.Lines, r.inStatus, cpu().Round(time.Millisecond)))
	r.inStatus = 0
}

// write has the stats file written.
func (r *Reporter) write(s poller.Stats) {
	if r.StatsFile != nil {
		r.StatsFile.Write(r.figures(s, r.inFile))
		r.inFile = 0
	}
}

// log writes the figures to the log, in one line.
func (r *Reporter) log(message string, s poller.Stats) {
	f := r.figures(s, r.inLog)
	r.inLog = 0
	var attrs, closed []slog.Attr
	for _, n := range f.numbers {
		if n.key != "" {
			attrs = append(attrs, slog.String(n.key, n.value))
		}
	}
	for _, c := range f.closed {
		closed = append(closed, slog.Int(string(c.Reason), c.Count))
	}
	attrs = append(attrs, slog.Attr{Key: "closed", Value: slog.GroupValue(closed...)})
	r.Log.LogAttrs(context.Background(), slog.LevelInfo, message, attrs...)
}
