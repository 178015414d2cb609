package main

import (
	"bytes"
	"encoding/binary"
	"slices"
	"syscall"
	"time"

	"chatd/internal_test/model"
	"chatd/poller"
	"chatd/poller/memkernel"
	"chatd/state"
)

// An observedKernel is the interface between the loop and the kernel, observed.
type observedKernel struct {
	*memkernel.Kernel
	o *observer
}

func (k observedKernel) Wait(events []poller.Event, timeout time.Duration) (int, error) {
	k.o.endTurn(timeout)
	timerNow := k.Now()
	n, err := k.Kernel.Wait(events, timeout)
	if n == 0 {
		timerNow = min(timerNow+timeout, k.Now()) // it slept, and nothing was ready until then
	}
	k.o.beginTurn(events[:n], n == len(events), err)
	k.o.turn.timerNow = timerNow
	return n, err
}

func (k observedKernel) Accept(listener int) (int, error) {
	o := k.o
	if listener != memkernel.Listener || o.stopping() || o.listener.paused || o.turn.closed {
		o.fail("accept: stopping %v, paused %v, after a close %v", o.stopping(), o.listener.paused, o.turn.closed)
	}
	fd, err := k.Kernel.Accept(listener)
	o.turn.accepts++
	o.accepted(fd, err)
	return fd, err
}

func (k observedKernel) Reserve() (int, error) {
	fd, err := k.Kernel.Reserve()
	k.o.turn.reserveDue = false
	if k.o.reserve = -1; err == nil {
		k.o.reserve = fd
	}
	return fd, err
}

// Unacknowledged is asked when a send timeout is set, and when it expires: a client that has taken something
// gets a new one (D6).
func (k observedKernel) Unacknowledged(fd int) int {
	o := k.o
	c := o.find(fd)
	n := k.Kernel.Unacknowledged(fd)
	switch {
	case c.shut: // the linger timeout has expired; at a stop it is set again until all is acknowledged (G18)
		if o.stopping() && n > 0 {
			c.timeoutSet = o.turn.timerNow
			o.turn.effects++
		}
	case !c.queued || c.written > 0:
		c.unsent = n
	case o.turn.timerNow < o.timeout(c):
		o.fail("Unacknowledged is called for %s before its timeout expires at %v", c.id, o.timeout(c))
	case n < c.unsent:
		c.timeoutSet, c.unsent = o.turn.timerNow, n
		o.turn.effects++
	default:
		c.timedOut = true
	}
	return n
}

func (k observedKernel) Add(id state.ID, interest poller.Readiness) error {
	o := k.o
	err := k.Kernel.Add(id, interest)
	switch {
	case id.Slot() == memkernel.Listener:
		o.listener.interest = interest
	case internal(id):
	case err == nil:
		for len(o.connections) <= id.Slot() {
			o.connections = append(o.connections, nil)
		}
		c := &connection{Client: new(model.Client), id: id, socket: k.Find(id.Slot()), interest: interest, registered: k.Now()}
		c.eviction, c.evictionTurn = unauthenticated, o.counts[countTurns]
		c.touched, c.progress = c.registered, -time.Hour
		o.connections[id.Slot()] = c
		o.connected = append(o.connected, c)
		for _, other := range o.all {
			if other.id == id {
				o.fail("%s is registered again: an ID belongs to one connection for ever", id)
			}
		}
		o.all = append(o.all, c)
	}
	return err
}

func (k observedKernel) Modify(id state.ID, interest poller.Readiness) error {
	o := k.o
	err := k.Kernel.Modify(id, interest)
	o.turn.effects++
	if id.Slot() == memkernel.Listener {
		o.listener.interest = interest
		return err
	}
	c := o.find(id.Slot())
	if c.id != id {
		o.fail("%s is modified, but the descriptor is now that of %s", id, c.id)
	}
	if c.failed = err; err == nil {
		c.interest = interest
	}
	return err
}

func (k observedKernel) Read(fd int, p []byte) (int, error) {
	o := k.o
	if fd == memkernel.Wake {
		return o.readWake(p)
	}
	if fd == o.rejected {
		return k.Kernel.Read(fd, p)
	}
	c := o.find(fd)
	if o.wanted(c)&poller.Readable == 0 || c.hasLine() || c.failed != nil || c.reads > 0 || o.turn.closed {
		o.fail("%s is read: %d bytes of input, %d in the queue, %d replies pending, %d reads before in this turn",
			c.id, len(c.input), c.queue(), c.receipts, c.reads)
	}
	n, err := k.Kernel.Read(fd, p)
	c.reads++
	switch {
	case err == nil:
		o.turn.effects++
		c.inputEnded = n == 0
		if !c.shut {
			c.input = append(c.input, p[:n]...)
			c.searched = c.searched && n == 0
			o.memory.largestInput = max(o.memory.largestInput, len(c.input))
		}
	case !transient(err):
		c.failed = err
	}
	return n, err
}

func (o *observer) readWake(p []byte) (int, error) {
	n, err := o.kernel.Read(memkernel.Wake, p)
	if err != nil {
		return n, err
	}
	o.turn.effects++
	stops := int(uint32(binary.NativeEndian.Uint64(p)))
	if stops > 0 && !o.stopping() {
		o.stopped.since = o.kernel.Now()
		for _, c := range o.connected {
			c.input = nil
			c.idleAtStop = o.wanted(c) == poller.Readable && !c.shut && c.ready == 0 && c.lines == 0 && c.writes == 0 &&
				len(c.socket.Sending) == 0
		}
	}
	o.stopped.times += stops
	o.counts[countStops] += stops
	return n, err
}

// Write compares every byte with the model, whose output has SEND-OK only after the last byte of its
// DELIVERY was taken: one that is written too early is not there (I6).
func (k observedKernel) Write(fd int, p []byte) (int, error) {
	o := k.o
	if fd == o.rejected {
		o.turn.rejection = string(p)
		return k.Kernel.Write(fd, p)
	}
	c := o.find(fd)
	// When the memory limit is enforced, it is written once more after connections were closed.
	if c.shut || c.failed != nil || o.turn.closed && o.maxBuffer == 0 {
		o.fail("%s is written to after its end", c.id)
	}
	if c.writeBlocked {
		o.fail("%s is written to, which took less than it was offered and has not been writable since", c.id)
	}
	if output := c.Output[c.taken:]; len(p) == 0 || !bytes.HasPrefix(output, p) {
		o.fail("%s is written %s; the model expects %s", c.id, quote(p), quote(output))
	}
	n, err := k.Kernel.Write(fd, p)
	c.writeBlocked = n < len(p)
	c.writes++
	if n > 0 {
		c.progress = k.Now()
	}
	c.written += n
	c.taken += n
	c.hadShare = c.written >= turnShare && c.queue() > 0
	o.turn.effects += n
	if err != nil && !transient(err) {
		c.failed = err
	}
	return n, err
}

func (k observedKernel) Shutdown(fd int) error {
	o := k.o
	if fd == o.rejected {
		return k.Kernel.Shutdown(fd)
	}
	c := o.find(fd)
	if c.queue() > 0 || !c.ending() {
		o.fail("%s is shut with %d bytes in its queue", c.id, c.queue())
	}
	o.turn.effects++
	if c.failed = k.Kernel.Shutdown(fd); c.failed == nil {
		c.shut, c.timeoutSet = true, k.Now()
	}
	return c.failed
}

func (k observedKernel) Close(fd int) error {
	o := k.o
	o.turn.effects++
	switch {
	case fd == o.reserve:
		o.reserve, o.turn.reserveClosed = -1, true
	case fd == o.rejected:
		if o.turn.rejection != busyReply {
			o.fail("the rejected client was told %q", o.turn.rejection)
		}
		o.rejected = -1
	case fd < len(o.connections) && o.connections[fd] != nil:
		c := o.connections[fd]
		c.complete = o.mayClose(c)
		c.closed, o.connections[fd] = true, nil
		o.connected = slices.DeleteFunc(o.connected, func(other *connection) bool { return other == c })
		o.turn.closed = !o.stopping()
		o.turn.reserveDue = o.turn.closed && o.reserve < 0
	}
	return k.Kernel.Close(fd)
}

// transient reports whether a call can be retried after an error.
func transient(err error) bool {
	return err == syscall.EAGAIN || err == syscall.EINTR || err == syscall.ENOBUFS || err == syscall.ENOMEM
}
