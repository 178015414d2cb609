package poller

// read takes what a connection's client has said, once.
func (l *Loop) read(c *conn) {
	n, err := l.Kernel.Read(c.id.Slot(), l.buffer)
	l.bytesIn += uint64(n)
	switch {
	case err != nil:
		if !isTransient(err) {
			l.abort(c, Reset)
		}
	case c.phase == lingering:
		c.thrown += n
		if n == 0 || c.thrown >= lingerBytes {
			l.abort(c, c.reason)
		}
	case n == 0:
		c.ended, c.phase, c.reason = true, finishing, EOF
	default:
		l.run(c, l.buffer[:n])
	}
}

// resume carries on with input that was kept.
func (l *Loop) resume() {
	for _, c := range l.resumed {
		l.activate(c.id)
		l.run(c, c.in)
	}
	l.resumed = l.resumed[:0]
}

// run carries out what a client said, line by line, as far as it may now; the rest is kept.
func (l *Loop) run(c *conn, in []byte) {
	for len(in) > 0 && c.mayRun() {
		n, frames := l.Machine.Input(c.id, in)
		l.queue(frames)
		if n == 0 {
			break
		}
		in = in[n:]
	}
	if !c.listens() {
		in = nil // nothing is carried out after an answer that closes
	}
	c.in = append(c.in[:0], in...)
}
