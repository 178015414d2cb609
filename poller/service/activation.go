package service

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"chatd/poller/linux"
)

// firstPassed is the first descriptor that a service manager passes (sd_listen_fds(3)).
const firstPassed = 3

// Inherit returns the listening sockets that a service manager has passed; none if none was passed. The
// service manager keeps the sockets, and with them the backlog: a client that connects while the server
// starts again waits and is not refused.
func Inherit(keepalive time.Duration) (listeners []linux.Listener, err error) {
	n, err := passed(os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_PID"))
	for fd := firstPassed; fd < firstPassed+n; fd++ {
		listener, err := linux.Adopt(fd, keepalive)
		if err != nil {
			return nil, fmt.Errorf("a socket passed in (LISTEN_FDS): %w", err)
		}
		listeners = append(listeners, listener)
	}
	return listeners, err
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
