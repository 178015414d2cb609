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

func (m watchedMachine) Open(id state.ID) {
	w := m.w
	for _, v := range w.all {
		if v.id == id {
			w.fail("%s is opened again: an ID names one connection for ever", id)
		}
	}
	w.all = append(w.all, w.view(id.Slot()))
	m.Machine.Open(id)
}

func (m watchedMachine) Input(id state.ID, in []byte) (int, []protocol.Frame) {
	w := m.w
	v := w.view(id.Slot())
	switch {
	case v.id != id || v.left || v.dismissed || v.failed != nil || w.stopping():
		w.fail("input of %s is carried out, which is over", id)
	case len(in) == 0 || !bytes.HasPrefix(v.pending, in):
		w.fail("%s said %s, and %s is carried out", id, quote(v.pending), quote(in))
	case v.queue() >= mark || v.behind:
		w.fail("a line of %s is carried out, which has %d bytes queued; behind a full queue: %v (D7, D10)",
			id, v.queue(), v.behind)
	}
	mustWait := v.listWaits()
	n, frames := m.Machine.Input(id, in)
	line := bytes.IndexByte(in, '\n') + 1
	if mustWait && n != 0 || !mustWait && n != line && (n != len(in) || line > 0) {
		w.fail("%d bytes of %s's %s are carried out; waits for LIST-OK: %v", n, id, quote(in), mustWait)
	}
	if n == 0 {
		return n, frames
	}
	w.effects += n
	if in[n-1] == '\n' {
		w.counts.lines++
	}
	v.ran += n
	v.pending = v.pending[n:]
	w.note("   %s: %s", id, quote(in[:n]))
	w.expect(w.model.hear(v.party, in[:n]), v, frames)
	if v.dismissed {
		v.pending = nil
	}
	return n, frames
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

func (m watchedMachine) Complete(receipt protocol.Receipt, sent bool) []protocol.Frame {
	w := m.w
	p := w.receipts[receipt]
	switch {
	case p == nil:
		w.fail("a receipt of %s comes back that is not out", receipt.Owner)
	case sent && p.to.taken < p.end:
		w.fail("a receipt comes back as sent %d bytes before the end of its delivery to %s (PR12)",
			p.end-p.to.taken, p.to.id)
	case !sent && p.to.taken >= p.end:
		w.fail("a delivery to %s has been sent and is said not to have been", p.to.id)
	}
	delete(w.receipts, receipt)
	w.effects++
	if sent {
		w.counts.sent++
	} else {
		w.counts.lost++
	}
	w.note("   %s: settled, sent %v", p.from.id, sent)
	p.to.fated = p.to.fated || !sent
	if p.from.waits--; p.from.waits == 0 {
		p.from.behind = false
	}
	w.model.settle(p.delivery, sent)
	return m.Machine.Complete(receipt, sent)
}

func (m watchedMachine) Close(id state.ID) {
	w := m.w
	v := w.view(id.Slot())
	if v.id != id || v.left || v.dismissed {
		w.fail("%s is closed, which is over", id)
	}
	v.deaf = w.interested(v)&poller.Readable == 0 || len(v.pending) > 0
	v.left, v.early = true, v.waits > 0 || len(v.pending) > 0
	w.note("   %s is logged out", id)
	w.model.logout(v.party)
	m.Machine.Close(id)
}
