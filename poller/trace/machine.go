package trace

import (
	"bytes"

	"chatd/poller"
	"chatd/protocol"
	"chatd/state"
)

// A machine is the decorator at the seam between the loop and the machine.
type machine struct {
	poller.Machine
	r *recorder
}

func (m machine) Open(id state.ID) {
	start := m.r.now()
	m.Machine.Open(id)
	m.r.tell(event{call: opened, who: m.r.at(id.Slot()), start: start})
}

func (m machine) Input(id state.ID, in []byte) (int, []protocol.Frame) {
	start := m.r.now()
	n, frames := m.Machine.Input(id, in)
	who := m.r.at(id.Slot())
	e := event{call: line, who: who, start: start, n: n, of: len(in), bytes: who.line(in[:n])}
	e.told, e.steps = m.r.queue(frames)
	m.r.tell(e)
	m.r.name(frames)
	return n, frames
}

func (m machine) Complete(receipt protocol.Receipt, sent bool) []protocol.Frame {
	start := m.r.now()
	frames := m.Machine.Complete(receipt, sent)
	e := event{call: lost, start: start}
	if sent {
		e.call = due
	}
	e.who, e.to, e.steps = m.r.settled(receipt, sent)
	e.told, _ = m.r.queue(frames)
	m.r.tell(e)
	return frames
}

func (m machine) Close(id state.ID) {
	start := m.r.now()
	m.Machine.Close(id)
	who := m.r.at(id.Slot())
	m.r.tell(event{call: leave, who: who, start: start})
	m.r.leaves(who)
}

// keepLine is how much of a line is kept that comes in pieces, in bytes. No more is shown.
const keepLine = 128

// line puts a piece of what a party says behind those that came before. It returns the beginning of
// the line, with its end if it has come.
func (p *party) line(piece []byte) []byte {
	if len(p.begun) == 0 && bytes.HasSuffix(piece, newline) {
		return piece // it came whole
	}
	p.begun = append(p.begun, piece[:min(len(piece), keepLine-min(len(p.begun), keepLine))]...)
	whole := p.begun
	if bytes.HasSuffix(piece, newline) {
		if !bytes.HasSuffix(whole, newline) {
			whole = append(whole, '\n')
		}
		p.begun = whole[:0]
	}
	return whole
}

var newline = []byte("\n")
