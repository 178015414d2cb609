package service

import (
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Notifier tells a service manager how the server is doing, with the protocol of sd_notify(3). It never
// waits: a message that the service manager's socket does not take is dropped. A nil Notifier does
// nothing.
type Notifier struct {
	fd       int
	address  unix.Sockaddr
	watchdog time.Duration // 0: none
}

// NewNotifier makes a notifier for the socket that the environment names. It returns nil if there is
// none.
func NewNotifier() *Notifier {
	name := os.Getenv("NOTIFY_SOCKET")
	if !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "@") { // @: an abstract one (unix(7))
		return nil
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	return &Notifier{
		fd:       fd,
		address:  &unix.SockaddrUnix{Name: name},
		watchdog: watchdog(os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")),
	}
}

// watchdog is half of the time after which the service manager takes the server for hung, or 0 if it
// does not ask this process.
func watchdog(microseconds, pid string) time.Duration {
	n, err := strconv.ParseInt(microseconds, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/int64(time.Microsecond) || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	return time.Duration(n) * time.Microsecond / 2
}

// Watchdog is how often the service manager expects WATCHDOG=1; 0: never.
func (n *Notifier) Watchdog() time.Duration {
	if n == nil {
		return 0
	}
	return n.watchdog
}

// Notify sends assignments like READY=1.
func (n *Notifier) Notify(assignments ...string) {
	if n == nil {
		return
	}
	unix.Sendto(n.fd, []byte(strings.Join(assignments, "\n")), 0, n.address)
}
