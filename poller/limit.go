package poller

import (
	"fmt"
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

// Descriptors that users cannot have: 16 for ourselves and what we may have inherited, and 32 so
// that there is room for those who have not logged in yet and those whose last words are on the
// way.
const reserve = 48

// maxUsersDefault bounds the default where the limit of descriptors is no bound at all.
const maxUsersDefault = 1 << 20

// Capacity is how many users there may be with so many descriptors. asked is 0 if nothing was asked
// for.
func Capacity(limit uint64, asked int) (users int, err error) {
	fits := int(min(limit, 1<<30)) - reserve
	switch {
	case fits < 1:
		return 0, fmt.Errorf("the limit of %d open descriptors leaves none for users: it must be above %d",
			limit, reserve)
	case asked > fits:
		return 0, fmt.Errorf("--max-users %d does not fit the limit of %d open descriptors: at most %d do",
			asked, limit, fits)
	case asked > 0:
		return asked, nil
	}
	return min(fits, maxUsersDefault), nil
}
