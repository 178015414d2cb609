package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// PID is the process ID.
func (d *Daemon) PID() int { return d.command.Process.Pid }

// Signal sends a signal. SIGSTOP has taken effect when the call returns.
func (d *Daemon) Signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := d.command.Process.Signal(signal); err != nil {
		t.Fatalf("signal %v: %v", signal, err)
	}
	if signal == syscall.SIGSTOP {
		Await(t, "the process is stopped", func() bool {
			return strings.HasPrefix(d.Status(t, "State"), "T")
		})
	}
}

// Wait waits until the process has ended, and returns its exit status: -1 if a signal ended it.
func (d *Daemon) Wait(t testing.TB) int {
	t.Helper()
	select {
	case <-d.ended:
	case <-time.After(Patience):
		t.Fatalf("chatd still runs after %v", Patience)
	}
	return d.command.ProcessState.ExitCode()
}

// HasEnded reports whether the process has ended.
func (d *Daemon) HasEnded() bool {
	select {
	case <-d.ended:
		return true
	default:
		return false
	}
}

// Stop asks the process to stop and waits until it has, with status 0.
func (d *Daemon) Stop(t testing.TB) {
	t.Helper()
	d.Signal(t, syscall.SIGTERM)
	d.ExpectEnd(t)
}

// ExpectEnd waits until the process has ended, and expects status 0.
func (d *Daemon) ExpectEnd(t testing.TB) {
	t.Helper()
	if status := d.Wait(t); status != 0 {
		t.Fatalf("exit status %d, expected 0: %s", status, d.Stderr)
	}
}

// CPU is the processor time that all threads have used.
func (d *Daemon) CPU(t testing.TB) time.Duration {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", d.PID()))
	if err != nil || len(threads) == 0 {
		t.Fatalf("no threads of process %d in /proc: %v", d.PID(), err)
	}
	var sum time.Duration
	for _, thread := range threads {
		text, _ := os.ReadFile(thread) // a thread may have ended meanwhile
		nanoseconds, _, _ := strings.Cut(string(text), " ")
		n, _ := strconv.ParseInt(nanoseconds, 10, 64)
		sum += time.Duration(n)
	}
	return sum
}

// PeakMemory is the most memory that was ever resident, in bytes.
func (d *Daemon) PeakMemory(t testing.TB) int {
	t.Helper()
	return d.Memory(t, "VmHWM")
}

// Memory is a figure of memory in /proc/PID/status, in bytes.
func (d *Daemon) Memory(t testing.TB, name string) int {
	t.Helper()
	return kilobytes(d.Status(t, name))
}

// PrivateMemory is the resident memory that the process shares with no other, in bytes.
func (d *Daemon) PrivateMemory(t testing.TB) int {
	t.Helper()
	sum := 0
	for name, value := range fields(t, fmt.Sprintf("/proc/%d/smaps_rollup", d.PID())) {
		if strings.HasPrefix(name, "Private_") {
			sum += kilobytes(value)
		}
	}
	return sum
}

// Status is one value of /proc/PID/status.
func (d *Daemon) Status(t testing.TB, name string) string {
	t.Helper()
	return fields(t, fmt.Sprintf("/proc/%d/status", d.PID()))[name]
}

// Descriptors is the number of open descriptors.
func (d *Daemon) Descriptors(t testing.TB) int {
	t.Helper()
	return len(d.Open(t))
}

// Open says what each open descriptor is, as readlink(2) does, but for the stats file while it is written.
func (d *Daemon) Open(t testing.TB) map[int]string {
	t.Helper()
	folder := fmt.Sprintf("/proc/%d/fd", d.PID())
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatalf("descriptors: %v", err)
	}
	open := make(map[int]string)
	for _, entry := range entries {
		if what, err := os.Readlink(filepath.Join(folder, entry.Name())); err == nil && !strings.HasSuffix(what, ".prom.tmp") {
			fd, _ := strconv.Atoi(entry.Name())
			open[fd] = what
		}
	}
	return open
}

func fields(t testing.TB, path string) map[string]string {
	t.Helper()
	values, err := ProcFields(path)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// ProcFields reads the "name: value" lines of a file in /proc.
func ProcFields(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	values := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		values[name] = strings.TrimSpace(value)
	}
	return values, err
}

// kilobytes is the number of bytes of a value like "128 kB".
func kilobytes(value string) int {
	n, _ := strconv.Atoi(strings.TrimSuffix(value, " kB"))
	return n << 10
}
