package memkernel

import (
	"fmt"
	"strconv"
	"syscall"
	"time"

	"chatd/poller"
)

// A Call is a call of the loop's. The state of the kernel says how it ends, unless the Before hook changes
// it: a test with a script, a simulation with random numbers, the page in the browser by the reader's choice.
//
//   - With Err set, the call ends with that error and changes nothing (but see Close).
//   - With Data made shorter, read and write move at most so many bytes.
//   - A Wait comes to the hook as "wait", and then as "report" each time it has looked, with the
//     batch that it is about to report. The hook may reorder or shorten Events, or put others there.
//     What it leaves out is reported the next time.
//
// The hook may also let clients act before the call is carried out. It makes no calls of its own.
type Call struct {
	Name     string           // accept, read, write, unsent, shutdown, close, reserve, peer, add, modify, wait, report
	FD       int              // -1: none
	Data     []byte           // read: the room for it; write; in the record, the bytes that were moved
	Interest poller.Readiness // add, modify
	Timeout  time.Duration    // wait, report
	Events   []poller.Event   // report; in the record, wait
	N        int              // in the record, the result: a descriptor, bytes, or events
	Err      error
}

// do makes a call: hook, then what it does to the descriptor's socket, then record.
func (k *Kernel) do(c Call, carryOut func(*Socket) (int, error)) (n int, err error) {
	k.call = c
	if k.Before != nil {
		k.Before(&k.call)
	}
	s := k.Find(c.FD)
	switch {
	case k.call.Err != nil:
		err = k.call.Err
	case s == nil && c.Name != "wait" && c.Name != "reserve":
		err = syscall.EBADF
	case carryOut != nil:
		n, err = carryOut(s)
	}
	if k.Record {
		c := k.call
		c.N, c.Err = n, err
		c.Data = append([]byte(nil), c.Data[:max(0, min(n, len(c.Data)))]...)
		c.Events = append([]poller.Event(nil), c.Events...)
		k.Calls = append(k.Calls, c)
	}
	return n, err
}

// formats are a short form of what strace(1) prints. The arguments are the descriptor, data, conditions, events and the
// timeout; %.0[2]s prints nothing, for a call that has none of them.
var formats = map[string]string{
	"accept": "accept4(%[1]d)", "reserve": `eventfd2(%.0[2]s0, EFD_CLOEXEC)`, "close": "close(%[1]d)", "shutdown": "shutdown(%[1]d, SHUT_WR)",
	"read": "read(%[1]d, %.32[2]q)", "write": "write(%[1]d, %.32[2]q)",
	"unacknowledged": "ioctl(%[1]d, SIOCOUTQ)", "peer": "getsockopt(%[1]d, SO_PEERNAME)",
	"add": "epoll_ctl(ADD, %[1]d, %[3]s)", "modify": "epoll_ctl(MOD, %[1]d, %[3]s)", "wait": "epoll_wait(%[4]v, %[5]v)",
}

// String is the call in a short form of what strace(1) prints.
func (c Call) String() string {
	var events []string
	for _, e := range c.Events {
		events = append(events, fmt.Sprintf("%d: %s", e.ID.Slot(), conditions(e.Ready)))
	}
	text := fmt.Sprintf(formats[c.Name], c.FD, c.Data, conditions(c.Interest), events, c.Timeout)
	if c.Err != nil {
		return text + " = -1 (" + c.Err.Error() + ")"
	}
	return text + " = " + strconv.Itoa(c.N)
}

// conditions are named as in epoll_ctl(2).
func conditions(r poller.Readiness) string {
	return [...]string{"0", "IN", "OUT", "IN|OUT", "HUP", "IN|HUP", "OUT|HUP", "IN|OUT|HUP"}[r]
}
