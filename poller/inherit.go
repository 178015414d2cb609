package poller

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// firstPassed is the descriptor at which those begin that a supervisor passes (sd_listen_fds(3)).
const firstPassed = 3

// Inherit returns the listening socket that a supervisor has passed, in the form in which Listen
// would return one, or -1 if none was. Whoever passed it still has it, and with it the backlog: who
// connects while the server starts again waits, and is not refused.
//
// Connections that were in the backlog before this call lack what accept(2) hands on from now on.
func Inherit() (fd int, address netip.AddrPort, err error) {
	n, err := passed(os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_PID"))
	switch {
	case err != nil || n == 0:
		return -1, netip.AddrPort{}, err
	case n > 1:
		return -1, netip.AddrPort{}, fmt.Errorf("%d sockets were passed in (LISTEN_FDS): one can be served", n)
	}
	if address, err = adopt(firstPassed); err != nil {
		return -1, netip.AddrPort{}, fmt.Errorf("the socket passed in (LISTEN_FDS): %w", err)
	}
	return firstPassed, address, nil
}

// passed is how many descriptors were passed to this process. What is meant for another one is none
// of its business.
func passed(count, pid string) (int, error) {
	if count == "" || pid != strconv.Itoa(os.Getpid()) {
		return 0, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("LISTEN_FDS is %q, and should be a number", count)
	}
	return n, nil
}

// adopt makes a descriptor a listening socket like our own, if it is one at all.
func adopt(fd int) (netip.AddrPort, error) {
	if !isListener(fd) {
		return netip.AddrPort{}, fmt.Errorf("descriptor %d is no listening TCP socket", fd)
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		return netip.AddrPort{}, os.NewSyscallError("fcntl", err)
	}
	if err := setOptions(fd, connectionOptions); err != nil {
		return netip.AddrPort{}, err
	}
	return boundTo(fd)
}

func isListener(fd int) bool {
	option := func(name int) int {
		value, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, name)
		if err != nil {
			return -1
		}
		return value
	}
	domain := option(unix.SO_DOMAIN)
	return (domain == unix.AF_INET || domain == unix.AF_INET6) &&
		option(unix.SO_TYPE) == unix.SOCK_STREAM && option(unix.SO_PROTOCOL) == unix.IPPROTO_TCP &&
		option(unix.SO_ACCEPTCONN) == 1
}
