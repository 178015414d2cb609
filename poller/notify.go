package poller

import (
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Supervisor is a service manager that wants to hear how the daemon is doing: systemd, with its
// protocol sd_notify(3). It is told without being waited for. What it does not take, because its
// socket is full or gone, is dropped: it must not stop the only thread.
//
// A nil Supervisor is nobody.
type Supervisor struct {
	fd       int
	address  unix.Sockaddr
	watchdog time.Duration // 0: none
}

// NewSupervisor finds the supervisor that the environment names. There is none if it names
// none, or one that cannot be reached.
func NewSupervisor() *Supervisor {
	name := os.Getenv("NOTIFY_SOCKET")
	if !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "@") { // @: an abstract one (unix(7))
		return nil
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	return &Supervisor{
		fd:       fd,
		address:  &unix.SockaddrUnix{Name: name},
		watchdog: watchdog(os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")),
	}
}

// watchdog is how often the supervisor wants to hear that the loop still turns: twice in the time
// after which it takes the loop for hung. It is 0 if that is asked of nobody, or of another
// process.
func watchdog(microseconds, pid string) time.Duration {
	n, err := strconv.ParseInt(microseconds, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/int64(time.Microsecond) || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	return time.Duration(n) * time.Microsecond / 2
}

// Watchdog is how often the supervisor wants to be told WATCHDOG=1; 0: never.
func (s *Supervisor) Watchdog() time.Duration {
	if s == nil {
		return 0
	}
	return s.watchdog
}

// Tell tells the supervisor assignments like READY=1.
func (s *Supervisor) Tell(assignments ...string) {
	if s == nil {
		return
	}
	unix.Sendto(s.fd, []byte(strings.Join(assignments, "\n")), 0, s.address)
}
