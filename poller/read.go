package poller

import "chatd/protocol"

// read reads from a connection once. For a client in open it executes what came; while the
// connection lingers, input is discarded.
func (l *Loop) read(c *conn) {
	n, err := l.Kernel.Read(c.ID.Slot(), l.input)
	l.bytesIn += uint64(n)
	switch {
	case err != nil:
		if !isTransient(err) {
			l.abort(c, Reset)
		}
	case n == 0 && c.phase == lingering:
		l.abort(c, c.reason)
	case n == 0:
		c.inputEnded, c.phase, c.reason = true, finishing, EOF
	case c.phase == open:
		c.lines.Feed(l.input[:n])
		l.execute(c)
	}
}

// resume executes lines that earlier turns left. It takes a few clients in each turn, so that the
// turn stays short and the others are answered, however many clients send many lines.
func (l *Loop) resume() {
	for n := 0; n < resumedAtOnce && l.resumed.first != nil; n++ {
		c := l.resumed.first.conn
		c.left.remove()
		l.activateRecord(c.record, c.ID.Slot())
		l.execute(c)
	}
}

// execute takes lines of a client to the machine, linesPerTurn at most, so that a client that sends many
// short lines does not hold up the others. It stops earlier when the client has to wait.
func (l *Loop) execute(c *conn) {
	found := true
	for n := 0; c.lines.Len() > 0 && n < linesPerTurn && c.mayExecute(); n++ {
		limit, ok := l.Machine.NextLine(&c.Session)
		if !ok {
			break
		}
		var line protocol.Line
		if line, found = c.lines.Next(limit); !found {
			break
		}
		l.executed++
		l.queue(c, l.Machine.Line(&c.Session, line))
	}
	if c.phase >= draining {
		c.lines.Discard() // nothing is executed after an answer that closes
	}
	c.lines.Keep()
	c.linesLeft = found && c.lines.Len() > 0
}
