package service

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// StatsEvery is how often a stats file is written at most.
const StatsEvery = 15 * time.Second

// closeWait is how long Close waits for the last file.
const closeWait = time.Second

// A StatsFile is a file of figures for the textfile collector of Prometheus' node_exporter. A goroutine
// writes it, so a hung disk stops no message. A reader sees the former file or the new one, whole
// (rename(2)). A nil StatsFile does nothing.
type StatsFile struct {
	path    string
	log     *slog.Logger
	next    chan figures
	written chan struct{}
	reserve int // descriptor that is closed when a file is opened, so that one is free for it; -1: none
}

// NewStatsFile checks the path and starts the goroutine. Only a regular file can be replaced (G19).
func NewStatsFile(path string, log *slog.Logger) (*StatsFile, error) {
	if err := replaceable(path); err != nil {
		return nil, fmt.Errorf("--stats-file: %w", err)
	}
	f := &StatsFile{path: path, log: log, next: make(chan figures, 1), written: make(chan struct{}), reserve: -1}
	f.openReserve()
	go f.run()
	return f, nil
}

// Write has the figures written soon, in place of those that are still waiting. Only the loop calls it.
func (f *StatsFile) Write(now figures) {
	if f == nil {
		return
	}
	select {
	case <-f.next:
	default:
	}
	f.next <- now
}

// Close waits until the last figures are written, for a second at most.
func (f *StatsFile) Close() {
	if f == nil {
		return
	}
	close(f.next)
	select {
	case <-f.written:
	case <-time.After(closeWait):
		f.log.Warn("cannot write the stats file", "reason", "the file system does not answer")
	}
}

func (f *StatsFile) run() {
	for now := range f.next {
		if f.reserve >= 0 {
			unix.Close(f.reserve)
		}
		if err := replace(f.path, now.prometheus()); err != nil {
			f.log.Warn("cannot write the stats file", "reason", err)
		}
		f.openReserve()
	}
	close(f.written)
}

func (f *StatsFile) openReserve() {
	var err error
	if f.reserve, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
		f.reserve = -1
	}
}

// replace writes a temporary file and gives it the name of the path. O_EXCL follows no link and opens
// nothing that exists, such as a FIFO, which would block (G15). A temporary file that a killed process
// has left is removed first.
func replace(path string, text []byte) error {
	temporary := path + ".tmp"
	if err := replaceable(path); err != nil {
		return err
	}
	if err := replaceable(temporary); err != nil {
		return err
	}
	os.Remove(temporary)
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		os.Remove(temporary)
	}
	return err
}

// replaceable returns an error if the path is anything but a regular file or free.
func replaceable(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		if os.IsNotExist(err) {
			return nil
		}
		return err
	}
	if !info.Mode().IsRegular() {
		return &fs.PathError{Op: "replace", Path: path, Err: fmt.Errorf("it is not a regular file")}
	}
	return nil
}
