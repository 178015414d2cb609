package poller

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// A LogWriter writes lines to a descriptor without ever waiting for whoever reads it. The loop is
// the only thread: a log that nobody reads must not stop it. What does not fit is dropped, and how
// much that was is told as soon as something fits again.
type LogWriter struct {
	fd      int
	journal bool   // what reads it is systemd's journal
	dropped int    // lines that the log has not told of yet
	lost    uint64 // lines, in all
}

// NewLogWriter makes a writer for a descriptor that is open for writing, as standard error is.
//
// A pipe or a terminal is opened again, because O_NONBLOCK belongs to the open file and would reach
// all who share it. A file never makes anybody wait, and has an offset that must stay shared; a
// socket has MSG_DONTWAIT. Where opening again fails (there is no /proc, or the terminal is
// somebody else's) poll(2) still says whether a line fits, though another writer may then be
// quicker.
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

// Write writes one line, whole or not at all, but for a terminal, which may take a part. It never
// fails: there is nobody to tell.
func (w *LogWriter) Write(line []byte) (int, error) {
	if w.dropped > 0 {
		if !w.try(fmt.Appendf(nil, "level=WARN msg=\"log lines dropped\" lines=%d\n", w.dropped)) {
			w.drop()
			return len(line), nil
		}
		w.dropped = 0
	}
	if !w.try(line) {
		w.drop()
	}
	return len(line), nil
}

func (w *LogWriter) drop() {
	w.dropped++
	w.lost++
}

// Dropped is how many lines were dropped so far. A nil writer drops none.
func (w *LogWriter) Dropped() uint64 {
	if w == nil {
		return 0
	}
	return w.lost
}

func (w *LogWriter) try(line []byte) bool {
	if w.journal {
		line = prioritised(line)
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
