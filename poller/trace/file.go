package trace

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

// An output is where a trace goes. A write takes all of a text, or fails.
type output interface {
	write(text []byte) error
	close()
}

// A file is an output. The tail makes it complete, and the next write replaces the tail.
type file struct {
	fd   int
	size int64 // without the tail
	tail string
}

// create makes the file, or empties it. Its descriptor does not block, which matters only if it is not a
// regular file: a named pipe must have a reader, and one that is too slow ends the trace.
func create(path string) (writer, output, error) {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("--trace %s: %w", path, err)
	}
	if strings.HasSuffix(path, ".json") {
		return new(jsonWriter), &file{fd: fd, tail: "\n]\n"}, nil
	}
	return text{}, &file{fd: fd}, nil
}

func (f *file) write(text []byte) error {
	if err := f.put(append(text, f.tail...)); err != nil {
		unix.Ftruncate(f.fd, f.size) // so that the file ends with a whole turn
		f.put([]byte(f.tail))
		return err
	}
	f.size += int64(len(text))
	return nil
}

func (f *file) put(text []byte) (err error) {
	n := 0
	if f.tail == "" {
		n, err = unix.Write(f.fd, text) // a named pipe has no positions
	} else {
		n, err = unix.Pwrite(f.fd, text, f.size)
	}
	if err == nil && n < len(text) {
		err = io.ErrShortWrite // the disk is full
	}
	return err
}

func (f *file) close() { unix.Close(f.fd) }

// lines is an output that may drop lines.
type lines struct{ io.Writer }

func (l lines) write(text []byte) error {
	for line := range bytes.Lines(text) {
		if _, err := l.Write(line); err != nil {
			return err
		}
	}
	return nil
}

func (lines) close() {}
