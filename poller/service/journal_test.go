package service

import (
	"fmt"
	"log/slog"
	"testing"

	"golang.org/x/sys/unix"
)

// The journal reads the priority of a line from its beginning, and has the time of its own. Others
// read the line as it is.
func TestTheJournalIsToldThePriority(t *testing.T) {
	reader, writer := pipe(t)
	var stat unix.Stat_t
	if err := unix.Fstat(writer, &stat); err != nil {
		t.Fatal(err)
	}
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", stat.Dev, stat.Ino))
	log := NewLogWriter(writer).Logger(slog.LevelDebug)
	log.Debug("a")
	log.Info("b", "n", 1)
	log.Warn("c")
	log.Error("d")
	const expected = "<7>level=DEBUG msg=a\n<6>level=INFO msg=b n=1\n<4>level=WARN msg=c\n<3>level=ERROR msg=d\n"
	if got := drain(t, reader); got != expected {
		t.Errorf("the journal reads %q, expected %q", got, expected)
	}

	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", stat.Dev, stat.Ino+1)) // it is another file
	NewLogWriter(writer).Logger(slog.LevelInfo).Info("e")
	if got := drain(t, reader); got[:5] != "time=" {
		t.Errorf("another file than the journal gets %q, expected a line with its time", got)
	}
}

// The line about lines that were dropped has its priority too, and all of them are counted.
func TestDroppedLinesAreCounted(t *testing.T) {
	reader, writer := pipe(t)
	w := NewLogWriter(writer)
	w.journal = true
	for n := 0; w.Dropped() < 3 && n < 1000; n++ { // a pipe has room for 64 KiB
		fill(t, w, 1)
	}
	drain(t, reader)
	fill(t, w, 1)
	if got := drain(t, reader); got != "<4>level=WARN msg=\"log lines dropped\" lines=3\n"+logLine(0) {
		t.Errorf("the log goes on with %q", got)
	}
	if w.Dropped() != 3 {
		t.Errorf("%d lines were dropped in all, expected 3", w.Dropped())
	}
}
