package main

import (
	"os"
	"regexp"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A machine is where the figures are from.
type machine struct {
	Processor  string  `json:"processor"`
	Processors int     `json:"processors"`
	Linux      string  `json:"linux"`
	Go         string  `json:"go"`
	EmptyCall  float64 `json:"empty_call_ns"` // what a system call takes that does nothing
}

func thisMachine() machine {
	m := machine{Processor: "unknown", Processors: runtime.NumCPU(), Go: runtime.Version(), EmptyCall: emptyCall()}
	text, _ := os.ReadFile("/proc/cpuinfo")
	if found := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(text); found != nil {
		m.Processor = string(found[1])
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err == nil {
		m.Linux = unix.ByteSliceToString(name.Release[:])
	}
	return m
}

// emptyCall is what an empty system call takes, in nanoseconds: it says how fast the machine was,
// for comparing figures of different days.
func emptyCall() float64 {
	const calls = 100_000
	begin := now()
	for range calls {
		unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
	}
	return float64((now()-begin)/time.Nanosecond) / calls
}
