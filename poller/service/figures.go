package service

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"chatd/poller"
)

// figures are what the log line and the stats file say.
type figures struct {
	numbers []number
	closed  []poller.Closed
}

// A number is one figure.
type number struct {
	key    string // in the log; empty: not logged
	metric string // for Prometheus; a counter ends in _total
	help   string
	value  uint64
}

var start = time.Now()

func (r *Reporter) figures(s poller.Stats) figures {
	return figures{closed: s.Closed, numbers: []number{
		{"users", "chatd_users", "Users logged in.", uint64(s.Users)},
		{"connections", "chatd_connections", "Connections open.", uint64(s.Connections)},
		{"turns", "chatd_turns_total", "Turns of the loop.", s.Turns},
		{"events", "chatd_events_total", "Events that the kernel has reported.", s.Events},
		{"messages", "chatd_messages_total", "Messages that the kernel has taken in full for their user.", s.Messages},
		{"bytes_in", "chatd_received_bytes_total", "Bytes read from connections.", s.BytesIn},
		{"bytes_out", "chatd_sent_bytes_total", "Bytes that the kernel has taken for connections.", s.BytesOut},
		{"buffered", "chatd_buffered_bytes", "Memory of the buffers for input and output.", uint64(s.Buffered)},
		{"log_lines_dropped", "chatd_log_lines_dropped_total", "Log lines for which there was no room.", r.LogWriter.Dropped()},
		{"", "chatd_start_time_seconds", "Start of the process in seconds since 1970.", uint64(start.Unix())},
	}}
}

// prometheus is the figures in the text format of Prometheus.
func (f figures) prometheus() []byte {
	var text bytes.Buffer
	head := func(metric, help string) {
		kind := "gauge"
		if strings.HasSuffix(metric, "_total") {
			kind = "counter"
		}
		fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %s %s\n", metric, help, metric, kind)
	}
	for _, n := range f.numbers {
		head(n.metric, n.help)
		fmt.Fprintf(&text, "%s %d\n", n.metric, n.value)
	}
	const closed = "chatd_connections_closed_total"
	head(closed, "Connections that have ended, by reason.")
	for _, c := range f.closed {
		fmt.Fprintf(&text, "%s{reason=%q} %d\n", closed, c.Reason, c.Count)
	}
	return text.Bytes()
}
