package service

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"chatd/poller"

	"golang.org/x/sys/unix"
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
	value  string
}

var start = time.Now()

// figures are those of a report. longest is how long the longest turn was since the last one of its kind.
func (r *Reporter) figures(s poller.Stats, longest time.Duration) figures {
	return figures{closed: s.Closed, numbers: []number{
		{"users", "chatd_users", "Users logged in.", fmt.Sprint(s.Users)},
		{"connections", "chatd_connections", "Connections open.", fmt.Sprint(s.Connections)},
		{"max_users", "chatd_max_users", "Users that may be logged in.", fmt.Sprint(r.MaxUsers)},
		{"logins", "chatd_logins_total", "Logins.", fmt.Sprint(s.Logins)},
		{"busy", "chatd_busy_total", "Clients that were told BUSY.", fmt.Sprint(s.Busy)},
		{"turns", "chatd_turns_total", "Turns of the loop.", fmt.Sprint(s.Turns)},
		{"events", "chatd_events_total", "Events that the kernel has reported.", fmt.Sprint(s.Events)},
		{"lines", "chatd_lines_total", "Lines of clients that have been executed.", fmt.Sprint(s.Lines)},
		{"messages", "chatd_messages_total", "Messages that the kernel has taken in full for their user.", fmt.Sprint(s.Messages)},
		{"bytes_in", "chatd_received_bytes_total", "Bytes read from connections.", fmt.Sprint(s.BytesIn)},
		{"bytes_out", "chatd_sent_bytes_total", "Bytes that the kernel has taken for connections.", fmt.Sprint(s.BytesOut)},
		{"buffered", "chatd_buffered_bytes", "Memory of the buffers for input and output.", fmt.Sprint(s.Buffered)},
		{"max_buffer", "chatd_max_buffer_bytes", "Memory that the buffers may hold.", fmt.Sprint(r.MaxBuffer)},
		{"log_lines_dropped", "chatd_log_lines_dropped_total", "Log lines for which there was no room.", fmt.Sprint(r.LogWriter.Dropped())},
		{"longest_turn", "chatd_longest_turn_seconds", "The longest turn of the loop since the last report.", seconds(longest)},
		{"cpu_seconds", "chatd_cpu_seconds_total", "Processor time of the process.", seconds(cpu())},
		{"", "chatd_start_time_seconds", "Start of the process in seconds since 1970.", fmt.Sprint(start.Unix())},
	}}
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 6, 64) }

// cpu is the processor time of all threads, in user mode and in the kernel.
func cpu() time.Duration {
	var used unix.Timespec
	unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &used) // cannot fail (clock_gettime(2))
	return time.Duration(used.Nano())
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
		fmt.Fprintf(&text, "%s %s\n", n.metric, n.value)
	}
	const closed = "chatd_connections_closed_total"
	head(closed, "Connections that have ended, by reason.")
	for _, c := range f.closed {
		fmt.Fprintf(&text, "%s{reason=%q} %d\n", closed, c.Reason, c.Count)
	}
	return text.Bytes()
}
