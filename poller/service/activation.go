package service

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"time"

	"chatd/poller/linux"
)

// firstPassed is the first descriptor that a service manager passes (sd_listen_fds(3)).
const firstPassed = 3

// Inherit returns the listening socket that a service manager has passed, and its address, or -1 if none
// was passed. The service manager keeps the socket, and with it the backlog: a client that connects
// while the server starts again waits and is not refused.
func Inherit(keepalive time.Duration) (fd int, address netip.AddrPort, err error) {
	n, err := passed(os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_PID"))
	switch {
	case err != nil || n == 0:
		return -1, netip.AddrPort{}, err
	case n > 1:
		return -1, netip.AddrPort{}, fmt.Errorf("%d sockets were passed in (LISTEN_FDS): one can be served", n)
	}
	if address, err = linux.Adopt(firstPassed, keepalive); err != nil {
		return -1, netip.AddrPort{}, fmt.Errorf("the socket passed in (LISTEN_FDS): %w", err)
	}
	return firstPassed, address, nil
}

// Supervised reports whether a service manager has started the server: it passes a socket, or asks for
// notifications.
func Supervised() bool {
	n, err := passed(os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_PID"))
	return os.Getenv("NOTIFY_SOCKET") != "" || n > 0 || err != nil
}

// passed is how many descriptors were passed to this process, and not to another one.
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
