package poller

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"
)

// Logger is a log, of lines of a level or above, that goes to the writer. The journal has the time
// of each line already.
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

// isJournal reports whether a file leads to systemd's journal: JOURNAL_STREAM names the one that
// does (systemd.exec(5)).
func isJournal(file *unix.Stat_t) bool {
	return os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", file.Dev, file.Ino)
}

// priorities are the journal's for each level: it takes them from the beginning of a line
// (sd-daemon(3)).
var priorities = []struct{ level, priority string }{
	{"level=DEBUG ", "<7>"},
	{"level=INFO ", "<6>"},
	{"level=WARN ", "<4>"},
	{"level=ERROR ", "<3>"},
}

// prioritised is a line as the journal takes it.
func prioritised(line []byte) []byte {
	for _, p := range priorities {
		if bytes.HasPrefix(line, []byte(p.level)) {
			return append([]byte(p.priority), line...)
		}
	}
	return line
}
