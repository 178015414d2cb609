package trace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A trace holds what clients say to each other: nobody but the owner may read it.
func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace")
	f, err := create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("the file has mode %v (%v), expected %v", info.Mode(), err, fs.FileMode(0o600))
	}
}

// Where there can be no trace, the error says so.
func TestNoFile(t *testing.T) {
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, expected := range map[string]error{
		folder:                             unix.EISDIR,
		filepath.Join(folder, "no", "way"): unix.ENOENT,
		pipe:                               unix.ENXIO, // nobody reads it
	} {
		if _, err := create(path); !errors.Is(err, expected) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, expected %v and the path", path, err, expected)
		}
	}
}

// A named pipe whose reader does not keep up makes nobody wait: the write fails, and with it ends
// the trace.
func TestFullPipeEndsTrace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(reader)
	f, err := create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	failed := make(chan error, 1)
	go func() {
		for {
			if err := f.write(make([]byte, 10_000)); err != nil {
				failed <- err
				return
			}
		}
	}()
	select {
	case <-failed:
	case <-time.After(20 * time.Second):
		t.Fatal("the writer waits for the reader")
	}
}

// A disk that fills up in the middle of a write leaves what was whole before.
func TestShortWriteIsTakenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace")
	f, err := create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if err := f.write([]byte("turn 1\n")); err != nil {
		t.Fatal(err)
	}
	// The limit of the size of files stands in for the end of the disk: up to it a write is short.
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	limit := unix.Rlimit{Cur: 10, Max: old.Max}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	err = f.write([]byte("turn 2\n"))
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	text, readErr := os.ReadFile(path)
	if err == nil || readErr != nil || string(text) != "turn 1\n" {
		t.Errorf("the file holds %q (%v) after a write that ended with %v; expected the whole turn", text, readErr, err)
	}
}
