package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The processes of a server are all that descend from this one: it is their subreaper (prctl(2)), so
// that a process whose parent has ended becomes a child of this one, and not of process 1. That holds
// for a process that has called setsid too.

func becomeSubreaper() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// descendants are the processes below this one, with their parents. (Not every kernel lists the
// children of a process, so all processes are looked at.)
func descendants() map[int]int {
	parents, self := make(map[int]int), os.Getpid()
	folder, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if fields := statFields("/proc/" + name); len(fields) > 1 {
				parents[pid], _ = strconv.Atoi(fields[1])
			}
		}
	}
	below := make(map[int]int)
	for pid, parent := range parents {
		for p := pid; p > 1; p = parents[p] {
			if parents[p] == self {
				below[pid] = parent
				break
			}
		}
	}
	return below
}

// statFields are the fields of /proc/PID/stat that follow the name: the state is the first.
func statFields(folder string) []string {
	stat := readProc(folder + "/stat")
	return strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
}

// readProc reads a small file of /proc. os.ReadFile would make nine system calls of these three.
func readProc(path string) string {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	var text [4096]byte
	n, _ := unix.Read(fd, text[:])
	return string(text[:max(0, n)])
}

// endDescendants kills all descendants but those that have ended, and reports which are left. Each is
// stopped before any is killed, so that none can start another meanwhile.
func endDescendants(command int) (left []int) {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		left = nil
		below := descendants()
		for _, signal := range []unix.Signal{unix.SIGSTOP, unix.SIGKILL} {
			for pid := range below {
				unix.Kill(pid, signal)
			}
		}
		for pid, parent := range below {
			if parent == os.Getpid() && pid != command { // another goroutine waits for the command
				unix.Wait4(pid, nil, unix.WNOHANG, nil)
			}
			if pid != command {
				left = append(left, pid)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}

// A census is what /proc(5) shows of the processes of a server.
type census struct {
	processes, threads int
	descriptors        int
	memory             int64         // bytes in RAM
	busy               time.Duration // in which threads ran or waited for a CPU
	wakeups            int64         // how often threads have waited
	waits              map[string]int
	running            bool // a thread has not waited
}

// takeCensus looks at all processes but the shell that has started the server and waits for it.
func takeCensus() census {
	c := census{waits: make(map[string]int)}
	below := descendants()
	parents := slices.Collect(maps.Values(below))
	for pid, parent := range below {
		folder := fmt.Sprintf("/proc/%d", pid)
		if parent == os.Getpid() && readProc(folder+"/comm") == "sh\n" && slices.Contains(parents, pid) {
			continue
		}
		fields := statFields(folder)
		if len(fields) < 22 || fields[0] == "Z" {
			continue
		}
		c.processes++
		pages, _ := strconv.ParseInt(fields[21], 10, 64)
		c.memory += pages * int64(os.Getpagesize())
		open, _ := os.ReadDir(folder + "/fd")
		c.descriptors += len(open)
		tasks, _ := filepath.Glob(folder + "/task/*")
		for _, task := range tasks {
			c.addThread(task)
		}
	}
	return c
}

func (c *census) addThread(task string) {
	c.threads++
	if times := strings.Fields(readProc(task + "/schedstat")); len(times) > 1 {
		for _, t := range times[:2] { // on a CPU, and waiting for one
			n, _ := strconv.ParseInt(t, 10, 64)
			c.busy += time.Duration(n)
		}
	}
	_, after, _ := strings.Cut(readProc(task+"/status"), "\nvoluntary_ctxt_switches:")
	count, _, _ := strings.Cut(after, "\n")
	n, _ := strconv.ParseInt(strings.TrimSpace(count), 10, 64)
	c.wakeups += n
	where := waitsIn(task)
	c.waits[where]++
	c.running = c.running || where == running
}

const running = "no system call"

// waitsIn is the name of the system call in which a thread waits, or of the function of the kernel.
func waitsIn(task string) string {
	if fields := statFields(task); len(fields) > 0 && fields[0] == "R" {
		return running
	}
	number, _, _ := strings.Cut(strings.TrimSpace(readProc(task+"/syscall")), " ")
	if name := callNames[number]; name != "" {
		return name
	}
	if name := strings.TrimSpace(readProc(task + "/wchan")); name != "" && name != "0" {
		return name
	}
	return "system call " + number
}

// describe tells in what a server waits.
func (c census) describe() string {
	var waits []string
	for _, name := range slices.Sorted(maps.Keys(c.waits)) {
		if n := c.waits[name]; n > 1 {
			name = fmt.Sprintf("%s (%d threads)", name, n)
		}
		waits = append(waits, name)
	}
	return fmt.Sprintf("%s, %s, waiting in %s", plural(c.processes, "process"), plural(c.threads, "thread"), strings.Join(waits, ", "))
}

func plural(n int, word string) string {
	switch {
	case n == 1:
		return "1 " + word
	case strings.HasSuffix(word, "s"):
		return fmt.Sprintf("%d %ses", n, word)
	default:
		return fmt.Sprintf("%d %ss", n, word)
	}
}

// listening are the addresses at which processes of the server listen for TCP.
func listening() []string {
	sockets := make(map[string]bool)
	for pid := range descendants() {
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, link := range links {
			if target, _ := os.Readlink(link); strings.HasPrefix(target, "socket:[") {
				sockets[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")] = true
			}
		}
	}
	var found []string
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(file)
		for line := range strings.SplitSeq(string(text), "\n") {
			fields := strings.Fields(line)
			const listens = "0A" // TCP_LISTEN
			if len(fields) < 10 || fields[3] != listens || !sockets[fields[9]] {
				continue
			}
			host, port, _ := strings.Cut(fields[1], ":")
			number, _ := strconv.ParseUint(port, 16, 16)
			address := fmt.Sprintf("127.0.0.1:%d", number)
			if len(host) > 8 && !strings.HasSuffix(host, "00000000") {
				address = fmt.Sprintf("[::1]:%d", number)
			}
			found = append(found, address)
		}
	}
	return found
}
