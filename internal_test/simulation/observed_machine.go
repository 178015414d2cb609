package main

import (
	"bytes"

	"chatd/internal_test/model"
	"chatd/poller"
	"chatd/protocol"
	"chatd/state"
)

// An observedMachine is the interface between the loop and the machine, observed.
type observedMachine struct {
	poller.Machine
	o *observer
}

func (m observedMachine) NextLine(s *state.Session) (protocol.Limit, bool) {
	limit, ok := m.Machine.NextLine(s)
	if c := m.o.find(s.ID.Slot()); ok == c.ListPending() {
		m.o.fail("a line of %s may be carried out: %v, its LIST-OK is pending: %v", s.ID, ok, c.ListPending())
	} else if ok {
		c.searched, c.asked = true, true // unless a line follows
		m.o.turn.effects++
	}
	return limit, ok
}

func (m observedMachine) Line(s *state.Session, line protocol.Line) []protocol.Frame {
	o := m.o
	c := o.find(s.ID.Slot())
	switch {
	case c.id != s.ID || c.ending() || c.failed != nil || o.stopping():
		o.fail("a line of %s is carried out after its end", s.ID)
	case c.queue() >= highWater || c.throttled:
		o.fail("a line of %s is carried out, with %d bytes in its queue; throttled: %v (D7, D10)", s.ID, c.queue(), c.throttled)
	case c.lines >= linesPerTurn:
		o.fail("more than %d lines of %s are carried out in one turn (B16)", linesPerTurn, s.ID)
	}
	c.searched = false
	text, tooLong := c.nextLine(o.longest(c))
	if line.TooLong != tooLong || !bytes.HasPrefix(text, line.Text) || !tooLong && len(line.Text) != len(text) {
		o.fail("%s sent %s, and %s is carried out", s.ID, quote(text), quote(line.Text))
	}
	frames := m.Machine.Line(s, line)
	o.turn.effects++
	o.counts[countLines]++
	c.lines++
	if o.trace != nil {
		o.note("   %s: %s", s.ID, quote(text))
	}
	before := len(c.Output)
	d := o.model.Line(c.Client, text, tooLong)
	o.framed(c, before, frames)
	o.expect(d, c, frames)
	if c.Done {
		c.input = nil
	}
	return frames
}

// expect takes note of the receipt of a delivery. There must be one for a delivery, and none otherwise.
func (o *observer) expect(d *model.Delivery, from *connection, frames []protocol.Frame) {
	for _, f := range frames {
		if f.Receipt == (protocol.Receipt{}) {
			continue
		}
		if d == nil || o.receipts[f.Receipt] != nil {
			o.fail("%s gets a receipt without a delivery, or one that it had", from.id)
		}
		to := o.of(d.To)
		o.receipts[f.Receipt] = &pendingReceipt{d, from, to}
		from.receipts++
		from.throttled = from.throttled || to.queue() > highWater
		to.full = to.full || to.queue() >= highWater
		d = nil
	}
	if d != nil {
		o.fail("%s gets no receipt for a delivery", from.id)
	}
}

func (m observedMachine) Complete(s *state.Session, place uint32, sent bool) []protocol.Frame {
	o := m.o
	receipt := protocol.Receipt{Owner: s.ID, Place: place}
	p := o.receipts[receipt]
	switch {
	case p == nil:
		o.fail("a receipt of %s is complete that is not pending", s.ID)
	case sent && p.to.taken < p.End:
		o.fail("a receipt is complete as sent %d bytes before the end of its delivery to %s (PR12)",
			p.End-p.to.taken, p.to.id)
	case !sent && p.to.taken >= p.End:
		o.fail("a delivery to %s was sent, and its receipt says that it was lost", p.to.id)
	}
	o.turn.effects++
	if o.trace != nil {
		o.note("   %s: complete, sent %v", p.from.id, sent)
	}
	o.forget(receipt, p, sent)
	before := len(p.from.Output)
	o.model.Complete(p.Delivery, sent)
	frames := m.Machine.Complete(s, place, sent)
	o.framed(p.from, before, frames)
	return frames
}

// forget takes note that a receipt is not pending any more.
func (o *observer) forget(receipt protocol.Receipt, p *pendingReceipt, sent bool) {
	delete(o.receipts, receipt)
	if sent {
		o.counts[countSent]++
	} else {
		o.counts[countLost]++
	}
	p.to.lostDelivery = p.to.lostDelivery || !sent
	if p.from.receipts--; p.from.receipts == 0 {
		p.from.throttled = false
	}
}

func (m observedMachine) Close(s *state.Session) {
	o := m.o
	c := o.find(s.ID.Slot())
	if c.id != s.ID || c.ending() {
		o.fail("%s is closed after its end", s.ID)
	}
	c.unreadable = o.wanted(c)&poller.Readable == 0 || c.hasLine()
	c.loggedOut, c.closedEarly = true, c.receipts > 0 || c.hasLine()
	o.note("   %s is logged out", s.ID)
	o.model.Logout(c.Client)
	m.Machine.Close(s)
}
