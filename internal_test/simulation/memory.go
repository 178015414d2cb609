package main

import (
	"slices"
	"time"

	"chatd/poller"
	"chatd/protocol"
)

// The memory of the loop's buffers is not visible from outside, but two bounds of it are. The loop
// must hold what is in the queues and the input that it has read and not carried out; and it holds no
// more than twice what it ever had to (append doubles), in each buffer of a connection.
type memory struct {
	held         int // bytes that the loop had to hold at the end of the last turn
	largestQueue int // bytes
	largestInput int // bytes
	shared       []*protocol.Shared
}

// A sharedText is a long text in a queue, which the loop holds once for all queues.
type sharedText struct {
	shared *protocol.Shared
	end    int // of output
	size   int // bytes
}

// shareFrom is the length from which on texts are shared, in bytes.
const shareFrom = 16 << 10

// framed takes note of the frames that the machine made. before is how much output the client from had.
func (o *observer) framed(from *connection, before int, frames []protocol.Frame) {
	for _, f := range frames {
		to := o.find(f.To)
		if to == from {
			before += len(f.Text)
			if f.Shared != nil && len(f.Text) >= shareFrom {
				to.sharedText = append(to.sharedText, sharedText{f.Shared, before, len(f.Text)})
			}
		}
		o.memory.largestQueue = max(o.memory.largestQueue, to.queue())
	}
}

// holds is how much memory the loop must hold for a connection, beside shared texts, in bytes. These
// it adds to all, each once.
func (o *observer) holds(c *connection, all *int) (own int) {
	own = c.queue()
	if o.open(c) {
		own += len(c.input) - c.discarded
	}
	for len(c.sharedText) > 0 && c.sharedText[0].end <= c.taken {
		c.sharedText = c.sharedText[1:]
	}
	for _, text := range c.sharedText {
		own -= min(text.size, text.end-c.taken)
		if !slices.Contains(o.memory.shared, text.shared) {
			o.memory.shared = append(o.memory.shared, text.shared)
			*all += text.size
		}
	}
	return own
}

// checkMemory: the memory limit holds after each turn (F1).
func (o *observer) checkMemory() {
	held := 0
	o.memory.shared = o.memory.shared[:0]
	for _, c := range o.connected {
		held += o.holds(c, &held)
	}
	if o.memory.held = held; o.maxBuffer > 0 && held > o.maxBuffer {
		o.fail("%d bytes are held, and the limit is %d (F1)", held, o.maxBuffer)
	}
}

// stalledAfter is how long a client holds memory without progress before it counts as stalled.
const stalledAfter = time.Second

// memoryReasons are the loop's reasons for a connection that it closes for memory: if it was ending, it
// has an earlier one.
var memoryReasons = []protocol.Reason{poller.Buffer, poller.EOF, poller.Shutdown, protocol.BadLogin, protocol.InUse}

// mayCloseForMemory: memory may be short, and the client is not one that reads while a stalled one
// holds memory (F11).
func (o *observer) mayCloseForMemory(c *connection) {
	now, ignored := o.kernel.Now(), 0
	for _, other := range o.connected {
		if now < c.progress+stalledAfter && now >= other.touched+stalledAfter && (o.holds(other, &ignored) > 0 || len(other.sharedText) > 0) {
			o.fail("%s is closed for memory: it took bytes at %v, and %s has held memory without progress since %v (F11)",
				c.id, c.progress, other.id, other.touched)
		}
	}
	if most := len(o.connected) * (4*o.memory.largestQueue + 2*o.memory.largestInput + 1<<10); most <= o.maxBuffer {
		o.fail("%s is closed for memory, of which at most %d bytes can be in use", c.id, most)
	}
	o.counts[countMemory]++
}

// report is what the loop reports of itself when it is asked to (G5).
func (o *observer) report(occasion poller.Occasion, s poller.Stats) {
	if occasion != poller.Requested {
		return
	}
	o.counts[countReports]++
	live := len(o.connected)
	if s.Users != len(o.model.Users) || s.Connections != live {
		o.fail("%d users and %d connections are reported; there are %d and %d", s.Users, s.Connections, len(o.model.Users), live)
	}
	if s.Buffered < o.memory.held || o.maxBuffer > 0 && s.Buffered > o.maxBuffer || live == 0 && s.Buffered > 0 {
		o.fail("%d bytes of memory are reported; %d are held, and the limit is %d", s.Buffered, o.memory.held, o.maxBuffer)
	}
}
