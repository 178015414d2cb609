// Package linux has the poller.Kernel of Linux: sockets, and epoll, poll or select to wait for them. It
// also opens what the loop is given at the start: the listener, the counter that signals add to, and as
// many descriptors as the limit allows.
package linux

import (
	"fmt"
	"math"
	"os"
	"time"

	"chatd/poller"

	"golang.org/x/sys/unix"
)

// New makes the Kernel that waits with the system call of that name: select, poll or epoll.
func New(name string) (poller.Kernel, error) {
	switch name {
	case "select":
		return new(Select), nil
	case "poll":
		return new(Poll), nil
	case "epoll":
		return NewEpoll()
	}
	return nil, fmt.Errorf("no poller is called %q", name)
}

// milliseconds rounds a timeout up: one that has not expired must not become 0 and turn the loop.
func milliseconds(timeout time.Duration) int {
	if timeout < 0 {
		return -1
	}
	return int(min((timeout+time.Millisecond-1)/time.Millisecond, math.MaxInt32))
}

// waitError is the error of Wait: EINTR as it is, any other with the name of the call.
func waitError(call string, err error) error {
	if err == unix.EINTR {
		return err
	}
	return os.NewSyscallError(call, err)
}
