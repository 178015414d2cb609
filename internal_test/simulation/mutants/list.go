package main

// A mutant is a small wrong edit, of the kind that is easily made and hard to see. It replaces text that
// stands exactly once in its file.
type mutant struct {
	story string // what it means
	edits []edit
}

type edit struct{ file, old, new string }

// one is a mutant of one edit.
func one(story, file, old, new string) mutant { return mutant{story, []edit{{file, old, new}}} }

var mutants = []mutant{
	// SEND-OK and the receipts behind it.
	one("SEND-OK is known before its DELIVERY has been sent", "protocol/machine.go",
		"s.Append(state.Pending)", "s.Append(sendOK)"),
	one("a receipt is complete at the first byte of its frame", "poller/outqueue.go",
		"offsetReceipt{q.taken + uint64(q.size), ", "offsetReceipt{q.taken + uint64(q.size-len(f.Text)+1), "),
	one("a receipt is complete one byte early", "poller/outqueue.go", ".end <= q.taken", ".end <= q.taken+1"),
	one("a receipt is complete one byte late", "poller/outqueue.go", ".end <= q.taken", ".end < q.taken"),
	one("after a short write, all that was offered counts as taken", "poller/write.go",
		"c.out.consume(n, l.sent)", "c.out.consume(len(head), l.sent)"),
	one("a receipt is completed twice", "poller/outqueue.go",
		"q.receipts = q.receipts[:copy(q.receipts, q.receipts[done:])]", ""),
	one("receipts of a queue that is lost are dropped", "poller/outqueue.go", "lost = append(lost, r.receipt)", "_ = r"),
	one("a DELIVERY that is lost counts as sent", "poller/write.go", "l.complete(&l.lost, false)", "l.complete(&l.lost, true)"),
	one("replies are given out of order", "protocol/machine.go", "if s.Pending() {\n\t\ts.Append(reply)", "if false {\n\t\ts.Append(reply)"),
	one("a LIST that waits does not hold back what comes after it", "protocol/machine.go",
		"!s.Pending() || s.Last() != listOK", "true"),

	// Backpressure and interest.
	{"a client that had a pending reply has one for ever", []edit{
		{"state/session.go", "return s.head < len(s.replies)", "return len(s.replies) > 0"},
		{"state/session.go", "s.replies, s.head = s.replies[:0], 0", ""},
	}},
	one("a client with a pending reply is read", "poller/conn.go",
		"if !c.Pending() && c.out.size < highWater {", "if c.out.size < highWater {"),
	one("a client is read whose queue is above the high-water mark", "poller/conn.go",
		"if !c.Pending() && c.out.size < highWater {", "if !c.Pending() {"),
	one("lines are carried out while the client's queue is above the high-water mark", "poller/conn.go",
		"c.phase < draining && c.out.size < highWater && !c.throttled", "c.phase < draining && !c.throttled"),
	one("lines are carried out while a DELIVERY of the client is behind a full queue", "poller/conn.go",
		"c.out.size < highWater && !c.throttled", "c.out.size < highWater"),
	one("the interest in Writable stays with nothing to write", "poller/conn.go", "if c.out.size > 0 {", "if c.out.size >= 0 {"),
	one("there is never interest in Writable", "poller/conn.go", "wanted |= Writable", ""),
	one("the interest in Readable stays after the end of input", "poller/conn.go", "case lingering:", "case lingering, finishing:"),
	one("lines that are left are forgotten", "poller/loop.go", "l.resumed = append(l.resumed, c)", ""),
	one("the loop sleeps with lines to carry out", "poller/timeout.go",
		"len(l.resumed) > 0 || len(l.lost) > 0:", "len(l.lost) > 0:"),
	one("the loop sleeps with receipts to complete", "poller/timeout.go",
		"len(l.resumed) > 0 || len(l.lost) > 0:", "len(l.resumed) > 0:"),
	one("a throttled client stays throttled", "poller/write.go", "owner.throttled = false", ""),

	// Writing.
	one("a client is written to again after a short write", "poller/write.go", "n < len(head) || written", "n == 0 || written"),
	one("a client is written to before it is writable again", "poller/write.go", "!c.writePending && !c.writeBlocked", "!c.writePending"),
	one("replies wait for the next turn", "poller/write.go",
		"for len(l.pendingWrites) > 0 || len(l.lost) > 0 {", "if len(l.pendingWrites) > 0 || len(l.lost) > 0 {"),
	one("writing never goes on after a short write", "poller/loop.go", "c.writeBlocked = false", ""),
	one("ENOBUFS ends a connection", "poller/kernel.go", "syscall.EINTR, syscall.ENOBUFS, ", "syscall.EINTR, "),
	one("EINTR ends a connection", "poller/kernel.go", "syscall.EINTR, syscall.ENOBUFS, ", "syscall.ENOBUFS, "),

	// Identity and the end of connections.
	one("the generation of an ID is not compared", "poller/loop.go",
		"r.generation != id.Generation()", "!r.inUse()"),
	one("the owner of a receipt is found by its slot alone", "poller/write.go",
		"l.activate(receipt.Owner)", "l.activateRecord(l.records.At(receipt.Owner.Slot()), receipt.Owner.Slot())"),
	{"a connection is closed in the middle of a batch", []edit{
		{
			"poller/close.go", "\tl.activateRecord(c.record, c.ID.Slot())\n}\n\n// logout",
			"\tl.activateRecord(c.record, c.ID.Slot())\n\tl.release(c.record, c.ID.Slot(), c.reason, c.name)\n}\n\n// advanceClose",
		},
		{"poller/loop.go", "l.release(c.record, c.ID.Slot(), c.reason, c.name)", ""},
	}},
	one("a connection that ended is never closed", "poller/loop.go", "l.abort(c, Reset) // nothing", "// nothing"),
	one("a descriptor leaks when it cannot be registered", "poller/accept.go",
		"l.release(r, fd, reason, \"\")", "r.generation++\n\t\tl.connections--"),
	one("a conn is used again with its former input", "poller/close.go",
		"closed, false\n\tc.lines.Discard()", "closed, false"),
	one("the end of input closes at once", "poller/read.go",
		"c.inputEnded, c.phase, c.reason = true, finishing, EOF", "l.abort(c, EOF)"),
	one("a half-closed client is logged out while it has a pending reply", "poller/close.go", "!c.linesLeft && !c.Pending() {", "!c.linesLeft {"),
	one("the last frame is followed by close(2) at once", "poller/close.go",
		"if c.inputEnded || l.Kernel.Shutdown(c.ID.Slot()) != nil {", "if true {"),
	one("a client is logged out only if it ends while open", "poller/close.go",
		"if c.phase < draining {\n\t\tl.logout", "if c.phase == open {\n\t\tl.logout"),
	one("more is carried out after the reply that closes", "poller/conn.go",
		"c.phase < draining && c.out.size < highWater && !c.throttled", "c.out.size < highWater && !c.throttled"),

	// Timeouts.
	one("a timeout outlives its connection", "poller/close.go", "\tc.timeout.remove()\n", ""),
	one("progress does not move the send timeout", "poller/write.go", "c.timeout.remove() // endTurn", "// endTurn"),
	one("any event moves the send timeout", "poller/loop.go",
		"if c.out.size > 0 && c.timeout.list == nil {", "if c.out.size > 0 {"),
	one("timeouts are judged after a Wait that was interrupted", "poller/loop.go", "return nil // Wait", "// Wait"),
	one("timeouts are judged before writing", "poller/loop.go", "\tl.write()\n\tif now >= 0 {", "\tif now >= 0 {"),
	one("a client that takes less than the kernel reports is closed", "poller/timeout.go", "n < c.unsent {", "n < 0 {"),
	one("a client that takes nothing has one send timeout after the other", "poller/timeout.go", "n < c.unsent {", "n <= c.unsent {"),
	one("a lingering client has no timeout", "poller/close.go", "l.lingerTimeouts.set(c, l.Kernel.Now())", ""),
	{"lingering ends after 64 KiB of input (D17)", []edit{
		{"poller/read.go", "\tl.bytesIn += uint64(n)\n", "\tl.bytesIn += uint64(n)\n\tif c.phase == lingering {\n\t\tc.unsent += n\n\t}\n"},
		{"poller/read.go", "case n == 0 && c.phase == lingering:", "case (n == 0 || c.unsent > 64<<10) && c.phase == lingering:"},
	}},
	one("timeouts are not judged while batches are full (F12)", "poller/timeout.go",
		"if l.fullBatches++; l.fullBatches*events < l.connections+2 {", "if true {"),
	one("timeouts are judged by one full batch (B13)", "poller/timeout.go", "if events == len(l.events) {", "if false {"),
	one("a BUSY ends the login timeout (C4)", "poller/write.go", "\tdefault:\n\t\tl.warnBusy(", "\tdefault:\n\t\tc.login.remove()\n\t\tl.warnBusy("),
	one("a BUSY begins the login timeout again (C4)", "poller/write.go", "\tdefault:\n\t\tl.warnBusy(",
		"\tdefault:\n\t\tl.loginTimeouts.setLogin(c, l.Kernel.Now())\n\t\tl.warnBusy("),
	one("a login timeout is not judged (C4)", "poller/timeout.go", "for l.loginTimeouts.nearest() <= now {", "for false {"),
	one("a login does not end the login timeout (C4)", "poller/write.go", "\t\tc.login.remove()\n\t\tl.login(c)", "\t\tl.login(c)"),

	// Memory and fairness.
	one("the largest holder is closed, stalled or not (F11)", "poller/memory.go", "if first.at+stalledAfter <= now {", "if false {"),
	one("the smallest holder is closed (F11)", "poller/memory.go", "for i := len(m.class) - 1; i >= 0; i-- {", "for i := range m.class {"),
	one("only one connection a turn is closed for memory (F1)", "poller/loop.go", "for l.MaxBuffer > 0 &&", "if l.MaxBuffer > 0 &&"),
	one("shared texts count once for each holder (F11)", "poller/outqueue.go", "f.Shared.Holders == 1 {", "true {"),
	one("shared texts do not count (F11)", "poller/loop.go", "l.memory.own+l.memory.shared > l.MaxBuffer", "l.memory.own > l.MaxBuffer"),
	one("input does not count (F10)", "poller/conn.go", "c.out.own + c.lines.Capacity()", "c.out.own"),
	one("only unsent bytes count (F10)", "poller/conn.go", "c.out.own + c.lines.Capacity()", "c.out.size - c.out.shared + c.lines.Capacity()"),
	one("memory counts on after a connection has ended (F10)", "poller/loop.go", "\t\t\tl.memory.update(c, 0, 0)\n\t\t\tl.release", "\t\t\tl.release"),
	one("a client's share of a turn has no limit of lines (B16)", "poller/loop.go", "linesPerTurn  = 32 ", "linesPerTurn  = 1 << 20 "),

	// Accepting and stopping.
	one("the listener is waited for when there is no descriptor", "poller/accept.go",
		"return l.listenTo(0)", "return nil"),
	one("accepting is never taken up again", "poller/accept.go", "return l.listenTo(Readable)", "return nil"),
	one("the newest client that is not logged in is evicted", "poller/accept.go",
		"oldest = l.loginTimeouts.first", "oldest = l.loginTimeouts.last"),
	one("clients that are not logged in are evicted before those that linger", "poller/accept.go",
		"oldest := l.lingerTimeouts.first\n\tif oldest == nil {\n\t\toldest = l.loginTimeouts.first",
		"oldest := l.loginTimeouts.first\n\tif oldest == nil {\n\t\toldest = l.lingerTimeouts.first"),
	one("a client is evicted although none waits", "poller/accept.go", "if l.reserve < 0 {\n\t\tif l.evict() {", "if true {\n\t\tif l.evict() {"),
	one("the reserve descriptor is never opened again", "poller/close.go", "if l.reserve < 0 && l.stops == 0 {", "if false {"),
	one("the log gets a warning for each failure", "poller/accept.go", "if now < l.warnAt {", "if now < 0 {"),
	one("clients are still read after the stop", "poller/close.go", "c.phase, c.reason = finishing, Shutdown", "c.reason = Shutdown"),
	one("the stop forgets idle clients", "poller/close.go",
		"l.Machine.Close(&session)\n\t\t\tl.release(r, slot, Shutdown, name)", "_, _ = session, name"),
	one("idle clients delay the stop", "poller/close.go", "if c.out.size == 0 && !c.Pending() && l.Kernel", "if c.out.size < 0 && l.Kernel"),
	one("the stop closes idle clients with unacknowledged bytes (G18)", "poller/close.go", " || l.Kernel.Unsent(slot) > 0:", ":"),
	one("the stop closes active clients with unacknowledged bytes (G18)", "poller/close.go",
		"!c.Pending() && l.Kernel.Unsent(c.ID.Slot()) == 0 {", "!c.Pending() {"),
	one("lingering at the stop ends with unacknowledged bytes (G18)", "poller/timeout.go",
		"if l.stops > 0 && l.Kernel.Unsent(c.ID.Slot()) > 0 {", "if false {"),
	one("the count of connections never goes down", "poller/close.go", "l.connections--", ""),
	one("requests for figures are ignored (G5)", "poller/close.go", "if n>>32 > 0 {", "if false {"),

	// The protocol.
	one("the list is stale after a logout", "protocol/machine.go",
		"m.users.Remove(s.ID.Slot())\n\t\tm.list = nil", "m.users.Remove(s.ID.Slot())"),
	one("the list is stale after a login", "protocol/machine.go",
		"m.users.Add(s.ID.Slot(), r.name)\n\t\tm.list = nil", "m.users.Add(s.ID.Slot(), r.name)"),
	one("a name is never free again", "protocol/machine.go", "m.users.Remove(s.ID.Slot())", ""),
	one("the last place is not given", "state/registry.go", "r.count >= r.max", "r.count+1 >= r.max"),
	one("IN-USE goes before BUSY", "protocol/machine.go", "case m.users.Full():", "case m.users.Full() && !m.inUse(r.name):"),
	one("a line of just the limit is too long", "protocol/linebuffer.go", "if len(text) > limit.Bytes {", "if len(text) >= limit.Bytes {"),
	one("the beginning of a line is lost when its end comes alone", "protocol/linebuffer.go",
		"if len(b.rest) == 0 {\n\t\tb.rest, b.borrowed = in", "if len(b.rest) == 0 || len(in) == 1 {\n\t\tb.rest, b.borrowed = in"),
	one("a line that was too long is remembered", "protocol/linebuffer.go", "b.header, b.discarding = nil, false", "b.header = nil"),
	one("a reply goes to the wrong place", "protocol/machine.go", "s.Resolve(place, reply)", "s.Resolve(0, reply)"),
}
