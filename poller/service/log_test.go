package service

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// logLine is line number n of a log.
func logLine(n int) string { return fmt.Sprintf("line %06d %s\n", n, strings.Repeat("x", 80)) }

// fill writes lines, and fails if a write waits for a reader.
func fill(t *testing.T, w *LogWriter, lines int) {
	t.Helper()
	unwaited(t, func() {
		for n := range lines {
			if took, err := w.Write([]byte(logLine(n))); err != nil || took != len(logLine(n)) {
				t.Errorf("Write returned %d, %v; it must never fail", took, err)
				return
			}
		}
	})
}

// unwaited fails if what is done waits for a reader.
func unwaited(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(guard):
		t.Fatalf("after %v the log still waits for its reader", guard)
	}
}

// drain reads all that can be read without waiting.
func drain(t *testing.T, fd int) string {
	t.Helper()
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	var all []byte
	buffer := make([]byte, 64<<10)
	for {
		n, err := unix.Read(fd, buffer)
		if n <= 0 {
			if err != unix.EAGAIN && err != unix.EINTR {
				t.Fatalf("read %d: %v", n, err)
			}
			return string(all)
		}
		all = append(all, buffer[:n]...)
	}
}

// pipe makes a pipe both of whose ends block, as a parent gives it to its child.
func pipe(t *testing.T) (reader, writer int) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(fds[0])
		unix.Close(fds[1])
	})
	return fds[0], fds[1]
}

// G2: stderr is a pipe or a socket that is full, and its reader has stopped. No line waits. A line that does
// not fit is dropped whole, and the next one that fits is preceded by the number of dropped lines.
func TestG2AFullLogDoesNotBlock(t *testing.T) {
	const lines = 20_000
	for name, open := range map[string]func() (reader, writer int){
		"pipe": func() (int, int) { return pipe(t) },
		"socket": func() (int, int) {
			reader, writer := socketpair(t)
			unix.SetNonblock(writer, false)
			return reader, writer
		},
	} {
		t.Run(name, func(t *testing.T) {
			reader, writer := open()
			w := NewLogWriter(writer)
			fill(t, w, lines)
			if flags, err := unix.FcntlInt(uintptr(writer), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
				t.Errorf("the descriptor has the flags %#x (%v): O_NONBLOCK is set for every process that shares it", flags, err)
			}
			got := drain(t, reader)
			fit := strings.Count(got, "\n")
			if fit == 0 || fit == lines {
				t.Fatalf("%d lines of %d fitted; the test needs some", fit, lines)
			}
			var want strings.Builder
			for n := range fit {
				want.WriteString(logLine(n))
			}
			if got != want.String() {
				t.Fatalf("the reader has %s, expected the first %d lines whole", got, fit)
			}
			w.Write([]byte("next\n"))
			w.Write([]byte("and next\n"))
			expect := fmt.Sprintf("level=WARN msg=\"log lines dropped\" lines=%d\nnext\nand next\n", lines-fit)
			if got := drain(t, reader); got != expect {
				t.Errorf("then the reader has %q, expected %q", got, expect)
			}
		})
	}
}

// G2: a line is longer than all that fits, though there is room when it begins.
func TestG2ALineThatCannotFitDoesNotBlock(t *testing.T) {
	_, intoPipe := pipe(t)
	_, intoSocket := socketpair(t)
	unix.SetNonblock(intoSocket, false)
	for name, fd := range map[string]int{"pipe": intoPipe, "socket": intoSocket} {
		w := NewLogWriter(fd)
		unwaited(t, func() { w.Write(bytes.Repeat([]byte("x"), 8<<20)) })
		if w.dropped != 1 {
			t.Errorf("%s: %d lines were dropped, expected 1", name, w.dropped)
		}
	}
}

// G2: stderr is a terminal that is not read, or has been stopped.
func TestG2AFullTerminalDoesNotBlock(t *testing.T) {
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("no pseudo-terminal can be had here: ", err)
	}
	defer unix.Close(master)
	number, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Skip("no pseudo-terminal can be had here: ", err)
	}
	terminal, err := unix.Open(fmt.Sprintf("/dev/pts/%d", number), unix.O_WRONLY|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("no pseudo-terminal can be had here: ", err)
	}
	defer unix.Close(terminal)

	w := NewLogWriter(terminal)
	const lines = 5000
	fill(t, w, lines)
	var read strings.Builder
	for began := time.Now(); !strings.Contains(read.String(), "log lines dropped"); {
		if time.Since(began) > guard {
			t.Fatalf("after %v the terminal does not show that lines were dropped; %d bytes were read",
				guard, read.Len())
		}
		read.WriteString(drain(t, master))
		w.Write([]byte("next\n"))
	}
	if shown := strings.Count(read.String(), "\n"); shown >= lines {
		t.Errorf("all lines fitted; the test needs a terminal that is full")
	}
}

// G1: the reader has closed its end, before the server started or after. The lines are dropped.
func TestG1ALogWhoseReaderHasGone(t *testing.T) {
	reader, writer := pipe(t)
	before := NewLogWriter(writer)
	unix.Close(reader)
	after := NewLogWriter(writer)
	ours, theirs := socketpair(t)
	socket := NewLogWriter(ours)
	unix.Close(theirs)
	for name, w := range map[string]*LogWriter{
		"before": before, "after": after, "socket": socket, "none": NewLogWriter(-1),
	} {
		fill(t, w, 10)
		if w.dropped == 0 {
			t.Errorf("%s: a line was not dropped", name)
		}
	}
}

// A log file is shared with other processes that have it as stderr, and the offset with it.
func TestALogFileKeepsItsSharedOffset(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	file.WriteString("shell\n")
	w := NewLogWriter(int(file.Fd()))
	w.Write([]byte("chatd\n"))
	file.WriteString("shell\n")
	w.Write([]byte("chatd\n"))
	if got, err := os.ReadFile(path); string(got) != "shell\nchatd\nshell\nchatd\n" {
		t.Errorf("the file has %q (%v), expected all four lines", got, err)
	}
}

func TestALogToTheNullDeviceDropsNothing(t *testing.T) {
	file, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := NewLogWriter(int(file.Fd()))
	w.Write(bytes.Repeat([]byte("x"), 1<<20))
	if w.dropped > 0 {
		t.Errorf("%d lines were dropped, expected none", w.dropped)
	}
}

// socketpair makes two sockets that are connected to each other and do not block.
func socketpair(t *testing.T) (ours, theirs int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("socketpair: %v", err)
	}
	t.Cleanup(func() {
		unix.Close(fds[0])
		unix.Close(fds[1])
	})
	return fds[0], fds[1]
}
