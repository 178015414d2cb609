package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// System calls are counted in a window of their own, after the measured one, because counting costs
// the server time: a little with the kernel's counter, and ten times the work with strace.

// A callCount is how many system calls a server made for how many messages.
type callCount struct {
	Calls    int    `json:"calls"`
	Messages int    `json:"messages"`
	By       string `json:"by"` // what counted them; "" if nothing could
}

// each is the system calls per message.
func (c callCount) each() float64 { return float64(c.Calls) / float64(max(1, c.Messages)) }

// countWindow is for how long system calls are counted at most.
const countWindow = 300 * time.Millisecond

// countCalls counts the system calls that a process makes while something is done: with the
// kernel's counter where it may be used, else, if that is wanted, with strace.
func countCalls(pid int, mayTrace bool, do func() error) (calls int, by string, err error) {
	counters, err := openCounters(pid)
	switch {
	case err == nil:
		err = do()
		return counters.sum(), "perf_event_open", err
	case !mayTrace:
		return 0, "", do()
	}
	calls, err = traceCalls(pid, do)
	if errors.Is(err, exec.ErrNotFound) {
		return 0, "", do()
	}
	return calls, "strace", err
}

// counters count system calls in the kernel, one for each thread of a process.
type counters []int

// eventFiles is where the kernel says what number the event of a system call has. The file system
// is mounted by the first use of perf, or by hand: mount -t tracefs none /sys/kernel/tracing
const eventFiles = "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id"

// openCounters begins to count. It needs root or CAP_PERFMON (perf_event_open(2)).
func openCounters(pid int) (c counters, err error) {
	text, err := os.ReadFile(eventFiles)
	if err != nil {
		return nil, err
	}
	event, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return nil, err
	}
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		return nil, err
	}
	attributes := unix.PerfEventAttr{
		Type: unix.PERF_TYPE_TRACEPOINT, Size: unix.PERF_ATTR_SIZE_VER1, Config: event,
		Bits: unix.PerfBitInherit, // threads that are made meanwhile count too
	}
	for _, thread := range threads {
		id, _ := strconv.Atoi(filepath.Base(thread))
		fd, err := unix.PerfEventOpen(&attributes, id, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if err == unix.ESRCH { // the thread has ended meanwhile
			continue
		}
		if err != nil {
			c.sum()
			return nil, os.NewSyscallError("perf_event_open", err)
		}
		c = append(c, fd)
	}
	return c, nil
}

// sum is what has been counted; it is the end of counting.
func (c counters) sum() (calls int) {
	for _, fd := range c {
		var count [8]byte
		if n, _ := unix.Read(fd, count[:]); n == len(count) {
			calls += int(binary.NativeEndian.Uint64(count[:]))
		}
		unix.Close(fd)
	}
	return calls
}

// traceCalls counts with strace -f -c.
func traceCalls(pid int, do func() error) (calls int, err error) {
	table, err := os.CreateTemp("", "strace")
	if err != nil {
		return 0, err
	}
	defer os.Remove(table.Name())
	defer table.Close()
	trace := exec.Command("strace", "-f", "-c", "-o", table.Name(), "-p", strconv.Itoa(pid))
	said, err := trace.StderrPipe()
	if err != nil {
		return 0, err
	}
	if err := trace.Start(); err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(said)
	attached := lines.Scan() // strace: Process 123 attached
	if first := lines.Text(); !attached || !strings.HasSuffix(strings.TrimSpace(first), "attached") && !strings.Contains(first, " threads") {
		trace.Process.Kill()
		trace.Wait()
		return 0, fmt.Errorf("strace: %q", first)
	}
	go io.Copy(io.Discard, said)
	err = do()
	trace.Process.Signal(unix.SIGINT)
	trace.Wait() // it ends by the signal
	if err != nil {
		return 0, err
	}
	return tracedTotal(table)
}

// tracedTotal reads the number of calls from the last line of strace's table, which looks like
//
//	100.00    0.123456           7     16543        12 total
func tracedTotal(table io.Reader) (int, error) {
	for lines := bufio.NewScanner(table); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 5 && fields[len(fields)-1] == "total" {
			return strconv.Atoi(fields[3])
		}
	}
	return 0, errors.New("strace: no total in its table")
}
