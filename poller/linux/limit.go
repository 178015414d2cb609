package linux

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// RaiseDescriptorLimit raises the limit of open descriptors as far as it goes without privilege, and
// returns it. Each connection takes one.
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

// reserved is how many descriptors users cannot have: 16 for the process itself and what it may have
// inherited, and 32 for connections that are not logged in or linger.
const reserved = 48

// maxUsersDefault bounds the default where the descriptor limit is very high.
const maxUsersDefault = 1 << 20

// Capacity is how many users there may be with a descriptor limit. asked is 0 if no number was asked
// for.
func Capacity(limit uint64, asked int) (users int, err error) {
	fits := int(min(limit, 1<<30)) - reserved
	switch {
	case fits < 1:
		return 0, fmt.Errorf("the limit of %d open descriptors leaves none for users: it must be above %d",
			limit, reserved)
	case asked > fits:
		return 0, fmt.Errorf("--max-users %d does not fit the limit of %d open descriptors: at most %d do",
			asked, limit, fits)
	case asked > 0:
		return asked, nil
	}
	return min(fits, maxUsersDefault), nil
}
