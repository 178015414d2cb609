package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

// A usage is what a process has used of the machine since it began: the sum over its threads.
type usage struct {
	CPU         time.Duration `json:"cpu_ns"`
	Ticks       int           `json:"cpu_ticks"`   // the same in the kernel's ticks of 10 ms (utime+stime, proc_pid_stat(5))
	Reads       int           `json:"reads"`       // read(2) and its kin (syscr, proc_pid_io(5)); recv(2) is not counted there
	Writes      int           `json:"writes"`      // write(2) and its kin (syscw); send(2) is not counted there
	Voluntary   int           `json:"voluntary"`   // context switches because it waited
	Involuntary int           `json:"involuntary"` // context switches because another was given the processor
}

// usageOf reads what a process has used. CPU comes from the clock that each process has
// (clock_getcpuclockid(3)), which counts nanoseconds and knows threads that have ended.
func usageOf(pid int) (u usage, err error) {
	var cpu unix.Timespec
	const scheduled = 2 // the time that the scheduler has accounted for
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &cpu); err != nil {
		return u, fmt.Errorf("process %d: %w", pid, os.NewSyscallError("clock_gettime", err))
	}
	u.CPU = time.Duration(cpu.Nano())
	if u.Ticks, err = ticks(pid); err != nil {
		return u, err
	}
	if err := procFields(fmt.Sprintf("/proc/%d/io", pid), map[string]*int{"syscr": &u.Reads, "syscw": &u.Writes}); err != nil {
		return u, err
	}
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		return u, err
	}
	for _, status := range threads {
		err := procFields(status, map[string]*int{
			"voluntary_ctxt_switches": &u.Voluntary, "nonvoluntary_ctxt_switches": &u.Involuntary,
		})
		if err != nil && !os.IsNotExist(err) { // a thread may end meanwhile
			return u, err
		}
	}
	return u, nil
}

// since is what has been used after an earlier reading.
func (u usage) since(earlier usage) usage {
	return usage{
		CPU:         u.CPU - earlier.CPU,
		Ticks:       u.Ticks - earlier.Ticks,
		Reads:       u.Reads - earlier.Reads,
		Writes:      u.Writes - earlier.Writes,
		Voluntary:   u.Voluntary - earlier.Voluntary,
		Involuntary: u.Involuntary - earlier.Involuntary,
	}
}

// ticks is utime+stime. The fields are counted from the end of the program's name, which may hold
// spaces.
func ticks(pid int) (int, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	user, err := strconv.Atoi(string(fields[11]))
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(string(fields[12]))
	return user + system, err
}

// privateMemory is the anonymous memory of a process in bytes: what it has written to and shares
// with no other. Private_Dirty is not used: it counts the pages of a program that was built a
// moment ago, until they have reached the disk.
func privateMemory(pid int) (bytes int, err error) {
	err = procFields(fmt.Sprintf("/proc/%d/smaps_rollup", pid), map[string]*int{"Anonymous": &bytes})
	return bytes << 10, err
}

// procFields adds to each total the number that stands behind its name in a file of lines "name:
// number".
func procFields(path string, totals map[string]*int) error {
	fields, err := daemon.ProcFields(path)
	for name, total := range totals {
		number, _, _ := strings.Cut(fields[name], " ")
		n, numberErr := strconv.Atoi(number)
		err = cmp.Or(err, numberErr)
		*total += n
	}
	return err
}
