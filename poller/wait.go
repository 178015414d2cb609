package poller

import (
	"math"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// shortWait is how long the loop may keep its processor from the scheduler, in milliseconds. The
// collector and the signal goroutine have to wait so long at most.
const shortWait = 10

// waitTwice sleeps in the kernel, by whichever system call. Epoll, Poll and Select share it, so that they
// differ in nothing but what that call is told and what it costs.
//
// Go's scheduler takes a thread that blocks in a system call for lost: it hands the thread's
// processor on and, when the call returns, finds it another, which in sparse traffic costs more
// system calls than the message itself. So the call is first made unseen by the scheduler, for
// shortWait at most. Traffic that is not sparse never needs the second, which is seen, and a server
// at rest sleeps in the second and wakes for nothing.
//
// Both are told a timeout in milliseconds, the second also -1 for none. EINTR is returned as it is.
func waitTwice(call string, timeout time.Duration, unseen, seen func(timeout int) (int, error)) (int, error) {
	whole := milliseconds(timeout)
	short := whole
	if whole < 0 || whole > shortWait {
		short = shortWait
	}
	n, err := unseen(short)
	if n == 0 && err == nil && short != whole {
		n, err = seen(max(whole-shortWait, -1))
	}
	if err != nil && err != unix.EINTR {
		err = os.NewSyscallError(call, err)
	}
	return max(n, 0), err // it is -1 with an error
}

// counted is the result of a raw system call that counts something.
func counted(n, _ uintptr, errno unix.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// milliseconds rounds a timeout up: one that is not over must not become 0 and turn the loop.
func milliseconds(timeout time.Duration) int {
	if timeout < 0 {
		return -1
	}
	return int(min((timeout+time.Millisecond-1)/time.Millisecond, math.MaxInt32))
}
