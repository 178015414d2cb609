package trace

import (
	"bytes"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// An output is where a trace goes.
type output interface {
	// write writes all of a text, or ends the trace with an error.
	write(text []byte) error

	close()
}

// A file is a trace's own.
type file struct {
	fd      int
	written int64
}

// create makes the file for a trace, or empties it.
//
// It does not block, which matters only to what is no file: for a named pipe, a reader must be
// there, and one that does not keep up ends the trace.
func create(path string) (*file, error) {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--trace %s: %w", path, err)
	}
	return &file{fd: fd}, nil
}

func (f *file) write(text []byte) error {
	n, err := unix.Write(f.fd, text)
	for err == unix.EINTR {
		n, err = unix.Write(f.fd, text)
	}
	if err == nil && n < len(text) {
		err = io.ErrShortWrite // the disk is full
	}
	if err != nil {
		unix.Ftruncate(f.fd, f.written) // so that it ends with a whole turn
		return err
	}
	f.written += int64(n)
	return nil
}

func (f *file) close() { unix.Close(f.fd) }

// A log is where lines go of which some may be dropped. It is not the trace's own.
type log struct{ io.Writer }

// write hands a text on line by line, as the log does, so that what is dropped is whole lines.
func (l log) write(text []byte) error {
	for line := range bytes.Lines(text) {
		if _, err := l.Write(line); err != nil {
			return err
		}
	}
	return nil
}

func (l log) close() {}
