package poller

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"chatd/protocol"
)

// counters count what has come to pass since the start. The loop is one thread, so they are plain
// numbers.
type counters struct {
	turns    uint64
	reported uint64
	messages uint64 // deliveries whose last byte the kernel has taken
	bytesIn  uint64
	bytesOut uint64
	closed   map[protocol.Reason]int // connections that have ended, by reason
}

// newCounters has every reason from the start, so that a first time can be seen as a change.
func newCounters() counters {
	closed := make(map[protocol.Reason]int)
	for _, reason := range []protocol.Reason{
		EOF, Reset, Refused, Evicted, LoginTimeout, SendTimeout, Buffer, Shutdown, protocol.BadLogin, protocol.InUse,
	} {
		closed[reason] = 0
	}
	return counters{closed: closed}
}

// A figure is one number that says how the daemon is doing.
type figure struct {
	key    string // its name in the log; empty: not logged
	metric string // its name for Prometheus; a counter ends in _total
	help   string
	value  uint64
}

// figures are all but the connections that have ended, as of now.
func (l *Loop) figures() []figure {
	return []figure{
		{"users", "chatd_users", "Users logged in.", uint64(l.Machine.Users())},
		{"connections", "chatd_connections", "Connections open.", uint64(l.count)},
		{"turns", "chatd_turns_total", "Turns of the loop.", l.turns},
		{"events", "chatd_events_total", "Events that the kernel has reported.", l.reported},
		{"messages", "chatd_messages_total", "Messages that the kernel has taken in full for their user.", l.messages},
		{"bytes_in", "chatd_received_bytes_total", "Bytes read from connections.", l.bytesIn},
		{"bytes_out", "chatd_sent_bytes_total", "Bytes that the kernel has taken for connections.", l.bytesOut},
		{"buffered", "chatd_buffered_bytes", "Bytes kept for clients, input and output.", uint64(l.memory.held())},
		{"log_lines_dropped", "chatd_log_lines_dropped_total", "Log lines for which there was no room.", l.LogWriter.Dropped()},
		{"", "chatd_start_time_seconds", "Start of the process in seconds since 1970.", uint64(start.Unix())},
	}
}

// reasons are those for which connections have ended or may, in alphabetical order.
func (l *Loop) reasons() []protocol.Reason { return slices.Sorted(maps.Keys(l.closed)) }

// report writes the figures to the log, in one line.
func (l *Loop) report(message string) {
	var attributes, closed []slog.Attr
	for _, f := range l.figures() {
		if f.key != "" {
			attributes = append(attributes, slog.Uint64(f.key, f.value))
		}
	}
	for _, reason := range l.reasons() {
		closed = append(closed, slog.Int(string(reason), l.closed[reason]))
	}
	attributes = append(attributes, slog.Attr{Key: "closed", Value: slog.GroupValue(closed...)})
	l.Log.LogAttrs(context.Background(), slog.LevelInfo, message, attributes...)
}

// prometheus is the figures in the text format of Prometheus.
func (l *Loop) prometheus() []byte {
	var text bytes.Buffer
	head := func(metric, help string) {
		kind := "gauge"
		if strings.HasSuffix(metric, "_total") {
			kind = "counter"
		}
		fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %s %s\n", metric, help, metric, kind)
	}
	for _, f := range l.figures() {
		head(f.metric, f.help)
		fmt.Fprintf(&text, "%s %d\n", f.metric, f.value)
	}
	const closed = "chatd_connections_closed_total"
	head(closed, "Connections that have ended, by reason.")
	for _, reason := range l.reasons() {
		fmt.Fprintf(&text, "%s{reason=%q} %d\n", closed, reason, l.closed[reason])
	}
	return text.Bytes()
}

// status is one line for a supervisor to show.
func (l *Loop) status() string {
	return fmt.Sprintf("STATUS=%d users, %d connections, %d turns", l.Machine.Users(), l.count, l.turns)
}

// pingWatchdog tells the supervisor that the loop turns. Nothing else does, so that it notices when the
// loop hangs.
func (l *Loop) pingWatchdog(now time.Duration) {
	l.watchdogDue = now + l.Supervisor.Watchdog()
	l.Supervisor.Tell("WATCHDOG=1", l.status())
}

// statsEvery is how often the stats file is written at most.
const statsEvery = 15 * time.Second

// A statsDeadline is when the stats file is to be written. There is none while the file is up to
// date, so that an idle server sleeps.
type statsDeadline struct {
	due  time.Duration // never: the file says how things are
	from time.Duration // when it may be written next
}

// markStatsChanged takes note that the stats file is no longer up to date.
func (l *Loop) markStatsChanged() {
	if l.StatsFile != "" {
		l.stats.due = l.stats.from
	}
}

// writeStats writes the stats file for the textfile collector of Prometheus' node_exporter. Whoever
// reads it sees the former file or this one, whole (rename(2)).
//
// The loop waits for the file system meanwhile: the file should be on one that is in memory. The
// spare descriptor stands in where there is no other.
func (l *Loop) writeStats() {
	l.stats = statsDeadline{due: never, from: l.Kernel.Now() + statsEvery}
	if l.reserve >= 0 {
		l.Kernel.Close(l.reserve)
	}
	if err := replace(l.StatsFile, l.prometheus()); err != nil {
		l.Log.Warn("cannot write the stats file", "reason", err)
	}
	l.openReserve()
}

func replace(path string, text []byte) error {
	temporary := path + ".tmp"
	err := os.WriteFile(temporary, text, 0o644)
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		os.Remove(temporary)
	}
	return err
}
