package process_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

// G1: the reader of stdout has gone before the first line. Go would die of SIGPIPE, which is
// ignored: chatd serves.
func TestG1ReaderOfStdoutGone(t *testing.T) {
	t.Parallel()
	reader, writer := pipe(t)
	reader.Close()
	command := daemon.Command(t)
	command.Stdout = writer
	d := daemon.Launch(t, command)
	d.AwaitReady(t)
	daemon.CloseAll(d.LoginAll(t, 100)...)
	d.CheckInvariants(t)
	d.Stop(t)
}

// G1: the reader of stderr goes while chatd runs. What is logged after that is lost, and nothing
// else.
func TestG1ReaderOfStderrGone(t *testing.T) {
	t.Parallel()
	reader, writer := pipe(t)
	d := daemon.LaunchWithStderr(t, writer, "--send-timeout", "100ms")
	reader.Close()
	for range 3 {
		d.ProvokeSendTimeout(t) // which is logged
	}
	d.CheckInvariants(t)
	d.Stop(t)
}

// G2: stderr is a full pipe without a reader. A plain write would block, and with it
// the only thread: lines that do not fit are dropped, and how many is told when there is room
// again.
func TestG2StderrPipeFull(t *testing.T) {
	t.Parallel()
	reader, writer := pipe(t)
	fill(t, writer)
	testFullStderr(t, reader, writer)
}

// G2: stderr is a full terminal without a reader. As with a pipe, nothing blocks.
func TestG2StderrTerminalFull(t *testing.T) {
	t.Parallel()
	master, terminal := daemon.Terminal(t)
	fill(t, terminal)
	testFullStderr(t, master, terminal)
}

func testFullStderr(t *testing.T, reader, writer *os.File) {
	d := daemon.LaunchWithStderr(t, writer, "--send-timeout", "100ms")
	d.ProvokeSendTimeout(t) // which is not logged: the second line that is dropped, after that about listening
	d.CheckInvariants(t)

	var log strings.Builder
	daemon.Await(t, "the log tells of the lines it dropped", func() bool {
		if drain(t, reader, &log); !strings.Contains(log.String(), "log lines dropped") {
			d.ProvokeSendTimeout(t)
			return false
		}
		return true
	})
	if !strings.Contains(log.String(), `level=WARN msg="log lines dropped" lines=2`) {
		t.Errorf("the log does not say that two lines were dropped: %.200q", strings.TrimLeft(log.String(), "\x00"))
	}
	d.Stop(t)
}

func pipe(t *testing.T) (reader, writer *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close(); writer.Close() })
	return reader, writer
}

// fill writes NUL bytes to a file without a reader until not one byte more fits, and goes on until
// that stays so: a terminal moves its bytes on in the background. It writes through a description
// of its own (open(2)), so that the process that inherits the file still blocks.
func fill(t *testing.T, file *os.File) {
	t.Helper()
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", file.Fd()), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for size, refused := 4096, 0; refused < 20; {
		switch _, err := unix.Write(fd, make([]byte, size)); {
		case err == nil:
			refused = 0
		case err != unix.EAGAIN:
			t.Fatalf("fill: %v", err)
		case size > 1:
			size /= 2
		default:
			refused++
			time.Sleep(time.Millisecond)
		}
	}
}

// drain reads what there is.
func drain(t *testing.T, reader *os.File, into *strings.Builder) {
	t.Helper()
	for buffer := make([]byte, 64<<10); ; {
		reader.SetReadDeadline(time.Now().Add(time.Millisecond))
		n, err := reader.Read(buffer)
		into.Write(buffer[:n])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if err != nil {
			t.Fatalf("read: %v", err)
		}
	}
}
