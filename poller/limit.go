package poller

import (
	"os"

	"golang.org/x/sys/unix"
)

// RaiseDescriptorLimit raises the limit of open descriptors as far as it goes without privilege,
// and returns it. Each connection takes one.
func RaiseDescriptorLimit() (uint64, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, os.NewSyscallError("setrlimit", err)
	}
	return limit.Cur, nil
}
