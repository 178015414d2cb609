// Package trace shows the turns of the loop: as text for people, or as JSON for a trace viewer.
//
// The loop reaches everything outside itself through two interfaces, poller.Kernel and poller.Machine.
// A decorator has the methods of such an interface, passes each call on to the value that it wraps, and
// looks at what passes. So no line of the loop knows of this package, and without a trace the loop has
// the bare kernel and machine. Both decorators emit events to one recorder; a writer formats them.
//
// # What the words mean
//
// A connection is called by its ID, such as 10.1: descriptor 10, first generation. Once its client has
// logged in, the name stands before it: alice (10.1). The loop has three more descriptors: listener;
// wake, the counter that a signal adds to so that the loop wakes (eventfd(2)); and reserve, which is
// closed when a client needs a descriptor and there is no other. Each turn has a number, and begins with
// a question to the kernel:
//
//	wait      Which descriptors are ready? With select, the loop hands over a set of bits to read and one
//	          to write, each from 0 to the highest descriptor. With poll, it hands over an array that is
//	          indexed by descriptor; entries that are not in use are holes. With epoll_wait, it hands
//	          over nothing: the kernel has the set. The timeout is how long the loop may sleep at most.
//	slept     how long the call took. EINTR: a signal has interrupted it, often one that the Go runtime
//	          sends to itself, and the loop waits again.
//	ready     one descriptor of the answer. ended: the connection has failed, or is shut on both sides.
//
// Then the loop makes system calls. Where one fails, the trace shows the error.
//
//	accept    takes a connection from the listener's backlog. EAGAIN: the backlog is empty.
//	add       registers a descriptor with its interest, which is what it is waited for, and modify
//	modify    changes the interest. With epoll that is a system call, epoll_ctl; else a store in memory.
//	read      returns so many bytes; 0 bytes are the end of input.
//	write     is offered so many bytes, and the kernel takes so many of them.
//	shutdown  ends the write side: after what was written, the client reads the end of input.
//	close     closes a descriptor. What is queued for it is lost.
//	reserve   opens the reserve descriptor.
//
// And it calls the machine, which has the protocol.
//
//	line      executes one line of a client.
//	queue     A frame of the answer goes to the end of a client's queue. Last frame: then it is closed.
//	receipt   completes a receipt: the DELIVERY of the message is sent, or lost with its connection.
//	logout    The client's name is free.
//
// A message is a SEND for which there is a DELIVERY, and has a number. It is sent when the kernel has
// taken the last byte of its DELIVERY, and answered when the kernel has taken that of its SEND-OK.
//
// # What it promises
//
//  1. The loop makes the same calls with it as without it. (Unacknowledged, Now and Peer are not shown.)
//  2. What goes wrong with the trace ends the trace and not the server, and the log says so. The loop
//     waits for no reader of the trace; it does wait for a disk.
//  3. A turn is in the file before the loop sleeps, and JSON is complete then, also after SIGKILL.
//  4. A trace ends when it has grown to Limit, with a last line that says so.
//  5. It holds what clients say, so a new file can be read by its owner only. What a terminal would obey is
//     escaped as in Go, and ... stands for what is left out after 64 characters.
package trace

import (
	"io"
	"os"

	"chatd/poller"

	"golang.org/x/sys/unix"
)

// Limit is how long a trace may become, in bytes.
const Limit = 64 << 20

// Wrap puts decorators around the kernel and the machine of a config, before a loop is made of it. The
// times are those of the kernel's clock. method is how it waits: select, poll or epoll.
//
// The path is a file, for JSON if its name ends in .json and else for text. "-" is text to stderr, which
// must be a writer of lines that does not block; a terminal gets it in colours, unless NO_COLOR is set
// (no-color.org). Without a path the config stays as it is. end must be called when the loop has returned.
func Wrap(config *poller.Config, method, path string, stderr io.Writer) (end func(), err error) {
	_, noTerminal := unix.IoctlGetTermios(int(os.Stderr.Fd()), unix.TCGETS)
	return wrap(config, method, path, stderr, noTerminal == nil && os.Getenv("NO_COLOR") == "", Limit)
}

func wrap(config *poller.Config, method, path string, stderr io.Writer, colours bool, limit int) (end func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	r := &recorder{method: method, writer: text{colours}, output: lines{stderr}, limit: limit, log: config.Log}
	if path != "-" {
		if r.writer, r.output, err = create(path); err != nil {
			return nil, err
		}
	}
	r.begin(config)
	config.Kernel, config.Machine = kernel{config.Kernel, r}, machine{config.Machine, r}
	return r.finish, nil
}
