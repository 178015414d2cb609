package service

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// A LogWriter writes lines to a descriptor and never waits for its reader: the loop is one thread, and a
// log that is not read must not stop it. Lines that do not fit are dropped, and their number is logged
// as soon as a line fits again.
type LogWriter struct {
	fd      int
	journal bool // systemd's journal reads it

	mu         sync.Mutex
	unreported int    // lines dropped since the last line that was written
	dropped    uint64 // lines dropped in all
}

// NewLogWriter makes a writer for a descriptor that is open for writing, as standard error is.
//
// A pipe or a terminal is opened again, because O_NONBLOCK belongs to the open file and would reach all
// processes that share it. A file never blocks for long; a socket has MSG_DONTWAIT. Where opening again
// fails (no /proc, or another user's terminal), poll(2) says whether a line fits, unless another writer
// is quicker.
func NewLogWriter(fd int) *LogWriter {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return &LogWriter{fd: fd}
	}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFIFO, unix.S_IFCHR:
		again, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd),
			unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		if err == nil {
			fd = again
		}
	}
	return &LogWriter{fd: fd, journal: isJournal(&stat)}
}

// Logger is a log of the lines of a level or above. The journal has the time of each line already.
func (w *LogWriter) Logger(level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if w.journal {
		options.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// Write writes one line, whole or not at all. Only a terminal, a full disk, and a pipe with a line above
// PIPE_BUF may take a part of it. It never fails.
func (w *LogWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unreported > 0 {
		if !w.try(fmt.Appendf(nil, "level=WARN msg=\"log lines dropped\" lines=%d\n", w.unreported)) {
			w.drop()
			return len(line), nil
		}
		w.unreported = 0
	}
	if !w.try(line) {
		w.drop()
	}
	return len(line), nil
}

func (w *LogWriter) drop() {
	w.unreported++
	w.dropped++
}

// Dropped is how many lines were dropped so far.
func (w *LogWriter) Dropped() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}

func (w *LogWriter) try(line []byte) bool {
	if w.journal {
		line = withPriority(line)
	}
	ready := []unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLOUT}}
	if n, err := unix.Poll(ready, 0); err != nil || n == 0 || ready[0].Revents&unix.POLLOUT == 0 {
		return false
	}
	n, err := unix.SendmsgN(w.fd, line, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if err == unix.ENOTSOCK {
		n, err = unix.Write(w.fd, line)
	}
	return err == nil && n == len(line)
}

// isJournal reports whether a file is the stream to systemd's journal that JOURNAL_STREAM names
// (systemd.exec(5)).
func isJournal(file *unix.Stat_t) bool {
	return os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", file.Dev, file.Ino)
}

// priorities are those of the journal, which reads them at the beginning of a line (sd-daemon(3)).
var priorities = []struct{ level, priority string }{
	{"level=DEBUG ", "<7>"},
	{"level=INFO ", "<6>"},
	{"level=WARN ", "<4>"},
	{"level=ERROR ", "<3>"},
	{"chatd: ", "<3>"}, // a refusal to start, or the error that ends the loop
}

func withPriority(line []byte) []byte {
	for _, p := range priorities {
		if bytes.HasPrefix(line, []byte(p.level)) {
			return append([]byte(p.priority), line...)
		}
	}
	return line
}
