package process_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// filterVariable has this program put itself behind a filter and become another. It holds the
// numbers of the system calls that are allowed.
const filterVariable = "CHATD_TEST_ALLOWED_CALLS"

func init() {
	numbers, asked := os.LookupEnv(filterVariable)
	if !asked {
		return
	}
	os.Unsetenv(filterVariable)
	err := allowOnly(strings.Fields(numbers))
	if err == nil {
		err = unix.Exec(os.Args[1], os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "behind the filter:", err)
	os.Exit(1)
}

// behindFilter has a command run under a filter that kills it for every other system call.
func behindFilter(t *testing.T, command *exec.Cmd, names []string) {
	t.Helper()
	numberOf := callNumbers(t)
	var numbers []string
	for _, name := range names {
		if number, ok := numberOf[name]; ok { // the others belong to other processors
			numbers = append(numbers, number)
		}
	}
	command.Args = append([]string{"filter", command.Path}, command.Args[1:]...)
	command.Path = os.Args[0]
	command.Env = append(command.Environ(), filterVariable+"="+strings.Join(numbers, " "))
}

// callNumbers is the numbers of all system calls by name, which x/sys/unix has as constants.
func callNumbers(t *testing.T) map[string]string {
	t.Helper()
	folder, err := exec.Command("go", "list", "-f", "{{.Dir}}", "golang.org/x/sys/unix").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(folder)), "zsysnum_linux_"+runtime.GOARCH+".go"))
	if err != nil {
		t.Fatal(err)
	}
	numbers := make(map[string]string)
	for _, match := range regexp.MustCompile(`(?m)^\s+SYS_(\w+)\s+= (\d+)$`).FindAllStringSubmatch(string(text), -1) {
		numbers[strings.ToLower(match[1])] = match[2]
	}
	return numbers
}

// allowOnly puts this thread behind the filter, for ever and through execve(2). The filter is a
// program for a small machine inside the kernel: load the number of the call, compare it with each
// that is allowed, and jump to the end (seccomp(2), bpf(2)).
func allowOnly(numbers []string) error {
	load := unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS} // seccomp_data.nr
	program := []unix.SockFilter{load}
	for _, text := range numbers {
		number, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return err
		}
		program = append(program,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(number), Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	}
	program = append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_KILL_PROCESS})
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	whole := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER,
		uintptr(unsafe.Pointer(&whole)))
	if errno != 0 {
		return os.NewSyscallError("prctl", errno)
	}
	return nil
}
