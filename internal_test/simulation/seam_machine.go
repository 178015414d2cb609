package main

import (
	"bytes"

	"chatd/poller"
	"chatd/protocol"
	"chatd/state"
)

// A watchedMachine is the watch at the seam between the loop and the machine.
type watchedMachine struct {
	poller.Machine
	w *watch
}

func (m watchedMachine) NextLine(s *state.Session) (protocol.Limit, bool) {
	limit, ok := m.Machine.NextLine(s)
	if v := m.w.view(s.ID.Slot()); ok == v.listWaits() {
		m.w.fail("%s may be carried out: %v, waits for LIST-OK: %v", s.ID, ok, v.listWaits())
	} else if ok {
		v.exhausted, v.asked = true, true // unless a line follows
		m.w.effects++
	}
	return limit, ok
}

func (m watchedMachine) Line(s *state.Session, line protocol.Line) []protocol.Frame {
	w := m.w
	v := w.view(s.ID.Slot())
	switch {
	case v.id != s.ID || v.left || v.dismissed || v.failed != nil || w.stopping():
		w.fail("a line of %s is carried out, which is over", s.ID)
	case v.queue() >= mark || v.behind:
		w.fail("a line of %s is carried out, which has %d bytes queued; behind a full queue: %v (D7, D10)",
			s.ID, v.queue(), v.behind)
	case v.ran >= linesPerTurn:
		w.fail("%s has more than %d lines carried out in one turn (B16)", s.ID, linesPerTurn)
	}
	v.exhausted = false
	text, tooLong := v.cut(w.limit(v))
	if line.TooLong != tooLong || !bytes.HasPrefix(text, line.Text) || !tooLong && len(line.Text) != len(text) {
		w.fail("%s said %s, and %s is carried out", s.ID, quote(text), quote(line.Text))
	}
	frames := m.Machine.Line(s, line)
	w.effects++
	w.counts.lines++
	v.ran++
	w.note("   %s: %s", s.ID, quote(text))
	w.expect(w.model.hear(v.party, text, tooLong), v, frames)
	if v.dismissed {
		v.pending = nil
	}
	return frames
}

// expect takes note of the receipt that stands for a delivery. There must be one, and otherwise
// none.
func (w *watch) expect(d *delivery, from *view, frames []protocol.Frame) {
	for _, f := range frames {
		if f.Receipt == (protocol.Receipt{}) {
			continue
		}
		if d == nil || w.receipts[f.Receipt] != nil {
			w.fail("%s has a receipt for what is no delivery, or one that it had", from.id)
		}
		to := w.of(d.to)
		w.receipts[f.Receipt] = &parcel{d, from, to}
		from.waits++
		from.behind = from.behind || to.queue() > mark
		to.held = to.held || to.queue() >= mark
		d = nil
	}
	if d != nil {
		w.fail("%s has no receipt for a delivery", from.id)
	}
}

func (m watchedMachine) Complete(s *state.Session, place uint32, sent bool) []protocol.Frame {
	w := m.w
	receipt := protocol.Receipt{Owner: s.ID, Place: place}
	p := w.receipts[receipt]
	switch {
	case p == nil:
		w.fail("a receipt of %s comes back that is not out", s.ID)
	case sent && p.to.taken < p.end:
		w.fail("a receipt comes back as sent %d bytes before the end of its delivery to %s (PR12)",
			p.end-p.to.taken, p.to.id)
	case !sent && p.to.taken >= p.end:
		w.fail("a delivery to %s has been sent and is said not to have been", p.to.id)
	}
	w.effects++
	w.note("   %s: complete, sent %v", p.from.id, sent)
	w.over(receipt, p, sent)
	w.model.settle(p.delivery, sent)
	return m.Machine.Complete(s, place, sent)
}

// over takes note that a receipt is out no more.
func (w *watch) over(receipt protocol.Receipt, p *parcel, sent bool) {
	delete(w.receipts, receipt)
	if sent {
		w.counts.sent++
	} else {
		w.counts.lost++
	}
	p.to.fated = p.to.fated || !sent
	if p.from.waits--; p.from.waits == 0 {
		p.from.behind = false
	}
}

func (m watchedMachine) Close(s *state.Session) {
	w := m.w
	v := w.view(s.ID.Slot())
	if v.id != s.ID || v.left || v.dismissed {
		w.fail("%s is closed, which is over", s.ID)
	}
	v.deaf = w.interested(v)&poller.Readable == 0 || w.hasLine(v)
	v.left, v.early = true, v.waits > 0 || w.hasLine(v)
	w.note("   %s is logged out", s.ID)
	w.model.logout(v.party)
	m.Machine.Close(s)
}
