package poller

// weigh keeps account of what is held for a connection alone.
func (l *Loop) weigh(c *conn) {
	held := 0
	if c.phase != dead {
		held = c.out.own + len(c.in) + l.Machine.Held(c.id)
	}
	l.buffered += held - c.held
	c.held = held
}

// shed closes the connection for which most is held, if all together hold more than they may. That
// is no injustice: nobody holds much who reads what it is sent and ends the lines that it begins.
func (l *Loop) shed() bool {
	if l.buffered+l.together() <= l.MaxBuffer || l.MaxBuffer == 0 {
		return false
	}
	var largest *conn
	most := -1
	l.slots.Each(func(_ int, s *slot) {
		if s.conn == nil {
			return
		}
		if share := s.conn.held - s.conn.out.own + s.conn.out.share(); share > most {
			largest, most = s.conn, share
		}
	})
	l.throwOut(largest, Buffer)
	return true
}

// together is how many bytes are kept for several connections at a time. Each text counts once.
func (l *Loop) together() (bytes int) {
	for text, size := range l.kept {
		if text.Holders == 0 {
			delete(l.kept, text)
			continue
		}
		bytes += size
	}
	return bytes
}
