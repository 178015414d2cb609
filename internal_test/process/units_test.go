package process_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"chatd/internal_test/daemon"
)

const unitsFolder = "../../docs/systemd"

// G13: the units hold no mistake that systemd knows of, and leave the process next to nothing. Its
// judgement of the service, from 0 to 10, stays where it is.
func TestG13Units(t *testing.T) {
	t.Parallel()
	const most = 1.2
	analyze(t, "--version")
	copied := t.TempDir()
	for _, unit := range []string{"chatd.service", "chatd.socket"} {
		installed := strings.ReplaceAll(string(contents(t, filepath.Join(unitsFolder, unit))), "/usr/bin/chatd", daemon.Binary(t)) // it has to exist
		if err := os.WriteFile(filepath.Join(copied, unit), []byte(installed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	service, socket := filepath.Join(copied, "chatd.service"), filepath.Join(copied, "chatd.socket")
	if said := analyze(t, "verify", "--man=no", service, socket); said != "" {
		t.Errorf("systemd-analyze verify has something to say:\n%s", said)
	}
	said := analyze(t, "security", "--offline=true", "--no-pager", service)
	level := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(said)
	if level == nil {
		t.Fatalf("systemd-analyze security says no level:\n%s", said)
	}
	if exposure, err := strconv.ParseFloat(level[1], 64); err != nil || exposure > most {
		t.Errorf("the exposure is %s, expected at most %v:\n%s", level[1], most, said)
	}
}

// G13: what the unit says fits the program. systemd waits longer than the server drains, descriptors
// run out before memory does, and the log, which would go where stdout goes, is kept.
func TestG13UnitFitsTheProgram(t *testing.T) {
	t.Parallel()
	if log := setting(t, "StandardError"); log != "journal" {
		t.Errorf("StandardError is %s, expected the journal", log)
	}
	if wait, err := strconv.Atoi(setting(t, "TimeoutStopSec")); err != nil || float64(wait) <= drainFor.Seconds() {
		t.Errorf("TimeoutStopSec is %d s (%v), expected more than the %v of a drain", wait, err, drainFor)
	}
	const perConnection, process = 4 << 10, (256 + 64) << 20 // bytes: the kernel's, and --max-buffer with the rest
	descriptors, err := strconv.Atoi(setting(t, "LimitNOFILE"))
	if err != nil {
		t.Fatal(err)
	}
	memory, err := strconv.Atoi(strings.TrimSuffix(setting(t, "MemoryMax"), "G"))
	if need := descriptors*perConnection + process; err != nil || memory<<30 < need {
		t.Errorf("MemoryMax is %d GiB (%v), expected room for %d connections, %d bytes", memory, err, descriptors, need)
	}
}

// G16: a wrong flag stays wrong. A client that waited in the backlog had systemd start the service again
// and again, twice a second, and hung for ever: the default limit of 20 starts in 2 s was never reached.
func TestG16TheSocketGivesUp(t *testing.T) {
	t.Parallel()
	text := string(contents(t, filepath.Join(unitsFolder, "chatd.socket")))
	for _, line := range []string{"TriggerLimitIntervalSec=30s", "TriggerLimitBurst=20"} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("chatd.socket has no %s", line)
		}
	}
	if status := setting(t, "RestartPreventExitStatus"); status != "64" {
		t.Errorf("RestartPreventExitStatus is %s, expected the status of a wrong command line", status)
	}
}

// G13: the server does all that it ever does, as its package has it, and makes no system call that
// its unit forbids.
func TestG13SystemCalls(t *testing.T) {
	t.Parallel()
	allowed := allowedCalls(t)
	if !slices.Contains(allowed, "accept4") || slices.Contains(allowed, "ptrace") {
		t.Fatalf("the allowed calls are %v", allowed)
	}
	command := func() *exec.Cmd {
		return daemon.Command(t, "--send-timeout", "300ms", "--login-timeout", "1m", "--log-level", "debug",
			"--stats-file", filepath.Join(t.TempDir(), "chatd.prom"))
	}
	t.Run("traced", func(t *testing.T) {
		expectOnly(t, allowed, callsOf(t, command()))
	})
	// Harder than the unit, which lets a forbidden call fail: this filter kills (seccomp(2)).
	t.Run("filtered", func(t *testing.T) {
		filtered := command()
		behindFilter(t, filtered, allowed)
		liveFully(t, daemon.Launch(t, filtered))
	})
	t.Run("filtered too much", func(t *testing.T) {
		filtered := command()
		behindFilter(t, filtered, slices.DeleteFunc(slices.Clone(allowed), func(name string) bool { return name == "accept4" }))
		d := daemon.Launch(t, filtered)
		d.AwaitReady(t)
		d.Dial(t)
		if status := d.Wait(t); status != -1 {
			t.Errorf("exit status %d, expected an end by a signal (-1), or the filter is none", status)
		}
	})
}

// callsOf has a chatd live under strace(1), and returns how often it made which system call.
func callsOf(t *testing.T, command *exec.Cmd) map[string]int {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skipf("this test needs strace: %v", err)
	}
	path := filepath.Join(t.TempDir(), "trace")
	command.Args = append([]string{"strace", "-D", "-f", "-o", path, command.Path}, command.Args[1:]...)
	command.Path = strace
	liveFully(t, daemon.Launch(t, command))
	var trace []byte
	daemon.Await(t, "strace has written the end", func() bool {
		trace, err = os.ReadFile(path)
		return strings.Contains(string(trace), "+++ exited with 0 +++")
	})
	used := make(map[string]int)
	for _, match := range regexp.MustCompile(`(?m)^\d+ +(\w+)\(`).FindAllSubmatch(trace, -1) {
		used[string(match[1])]++
	}
	return used
}

func expectOnly(t *testing.T, allowed []string, used map[string]int) {
	t.Helper()
	for _, expected := range []string{"execve", "epoll_ctl", "accept4", "read", "write", "shutdown"} {
		if used[expected] == 0 {
			t.Errorf("%s was never called, so this was no full life: %v", expected, used)
		}
	}
	for call, times := range used {
		if !slices.Contains(allowed, call) {
			t.Errorf("%s was called %d times, and the unit forbids it", call, times)
		}
	}
}

// liveFully has a daemon do everything that it ever does.
func liveFully(t *testing.T, d *daemon.Daemon) {
	t.Helper()
	d.AwaitReady(t)
	p := d.LoginPair(t)
	p.Talk(10)
	d.Login(t, "resets").Reset()
	p.Ada.AwaitList("ada", "bob")
	d.ExpectRejected(t, "nonsense", "BAD-RQST-HDR")
	d.StallAlone(t)
	d.AwaitLog(t, "reason=send_timeout")
	d.Signal(t, syscall.SIGUSR1)
	d.CheckInvariants(t, "ada", "bob")
	d.Signal(t, syscall.SIGTERM)
	p.Ada.ExpectEOF()
	d.ExpectEnd(t)
}

// allowedCalls is what the unit's filter allows, its groups written out; systemd adds @default to
// every list of what is allowed.
func allowedCalls(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, item := range append(strings.Fields(setting(t, "SystemCallFilter")), "@default") {
		if item[0] == '~' {
			t.Fatalf("the filter has %s: this test knows only what is allowed", item)
		}
		names = append(names, expand(t, item)...)
	}
	return names
}

func expand(t *testing.T, item string) (names []string) {
	t.Helper()
	if item[0] != '@' {
		return []string{item}
	}
	for line := range strings.Lines(analyze(t, "--no-pager", "syscall-filter", item)) {
		if line = strings.TrimSpace(line); line != item && line != "" && line[0] != '#' {
			names = append(names, expand(t, line)...)
		}
	}
	return names
}

// setting is all that a setting of the service has, in one line.
func setting(t *testing.T, name string) string {
	t.Helper()
	text := contents(t, filepath.Join(unitsFolder, "chatd.service"))
	var values []string
	for _, match := range regexp.MustCompile(fmt.Sprintf(`(?m)^%s=(.*)$`, name)).FindAllStringSubmatch(string(text), -1) {
		values = append(values, match[1])
	}
	if values == nil {
		t.Fatalf("the unit has no %s", name)
	}
	return strings.Join(values, " ")
}

// analyze asks systemd-analyze(1). It needs no systemd that runs.
func analyze(t *testing.T, arguments ...string) string {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skipf("this test needs systemd-analyze: %v", err)
	}
	output, err := exec.Command("systemd-analyze", arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("systemd-analyze %v: %v\n%s", arguments, err, output)
	}
	return string(output)
}
