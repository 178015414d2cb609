package trace

import (
	"bytes"

	"chatd/protocol"
	"chatd/state"
)

// A party is whoever has a descriptor: a connection, or one of the loop's own.
type party struct {
	id       state.ID // without a generation while it is not registered
	standing string   // what it is, if no connection
	name     string   // of a user
	begun    []byte   // of a line that has not ended
	left     bool     // is told nothing new any more
	track    int      // in a viewer; 0: none

	pushed uint64 // bytes that the machine has had for it
	taken  uint64 // bytes that the kernel has taken of them
	marks  []mark
	sends  []*message // its own that are not answered, in order
}

func (p *party) connected() bool { return p.id.Generation() != 0 }

// A message is one SEND that became a DELIVERY, until it is answered.
type message struct {
	number   uint64
	from, to *party
	settled  bool
	sent     bool
	over     bool // its last step has been told
}

// A mark stands behind the last byte of a frame that is a step of a message.
type mark struct {
	end uint64
	step
}

// A step is a part of a message's way.
type step struct {
	message *message
	stage   stage
}

// A stage is how far a step takes a message.
type stage uint8

const (
	asked     stage = iota // the SEND has been carried out
	delivered              // the last byte of the DELIVERY is with the kernel
	answered               // the last byte of the SEND-OK is, or there will be none
)

// stands names a descriptor that is no connection's.
func (r *recorder) stands(fd int, what string) {
	if !r.off {
		r.parties[fd] = &party{id: state.NewID(fd, 0), standing: what}
	}
}

// arrives is a new connection.
func (r *recorder) arrives(fd int) {
	if !r.off {
		r.parties[fd] = &party{id: state.NewID(fd, 0)}
	}
}

// admit gives a connection its ID.
func (r *recorder) admit(id state.ID) *party {
	p := r.at(id.Slot())
	if !r.off && id.Generation() != 0 {
		p.id = id
		r.page = r.sink.know(r.page, p)
	}
	return p
}

// queue takes note of frames that are on their way now.
func (r *recorder) queue(frames []protocol.Frame) (all []told, steps []step) {
	if r.off {
		return nil, nil
	}
	for i := range frames {
		f := &frames[i]
		t := told{to: r.find(f.To), text: f.Text, last: f.Last != ""}
		var m *message
		if f.Receipt != (protocol.Receipt{}) {
			r.flows++
			m = &message{number: r.flows, from: r.at(f.Receipt.Owner.Slot()), to: t.to}
			r.messages[f.Receipt] = m
			m.from.sends = append(m.from.sends, m)
			t.owed = m.from
			steps = append(steps, step{m, asked})
		}
		if t.to != nil {
			r.push(t.to, f, m)
		}
		all = append(all, t)
	}
	return all, steps
}

// push appends a frame to the queue of a party.
func (r *recorder) push(p *party, f *protocol.Frame, m *message) {
	if p.left {
		return
	}
	p.pushed += uint64(len(f.Text))
	r.queued += len(f.Text)
	if f.Last != "" {
		p.left = true
	}
	if m != nil {
		p.marks = append(p.marks, mark{p.pushed, step{m, delivered}})
	} else if bytes.Equal(f.Text, sendOK) {
		if m := p.nextAnswered(); m != nil {
			p.marks = append(p.marks, mark{p.pushed, step{m, answered}})
		}
	}
}

var sendOK = []byte("SEND-OK\n")

// nextAnswered is the message to which a party is told SEND-OK now. That comes in the order of the
// messages, for those that were sent and for no other.
func (p *party) nextAnswered() *message {
	for len(p.sends) > 0 && p.sends[0].settled {
		m := p.sends[0]
		p.sends = p.sends[1:]
		if m.sent {
			return m
		}
	}
	return nil
}

// taken takes note that the kernel has taken n bytes for a party.
func (r *recorder) taken(p *party, n int) (steps []step) {
	if r.off || !p.connected() {
		return nil
	}
	p.taken += uint64(n)
	r.queued -= n
	reached := 0
	for reached < len(p.marks) && p.marks[reached].end <= p.taken {
		steps = p.marks[reached].reach(steps)
		reached++
	}
	p.marks = p.marks[:copy(p.marks, p.marks[reached:])]
	return steps
}

// reach appends a step, if it still counts.
func (s step) reach(steps []step) []step {
	if s.message.over {
		return steps
	}
	s.message.over = s.stage == answered
	return append(steps, s)
}

// settled is told of a receipt that comes back. If nobody will hear of it, that was the message's
// last step.
func (r *recorder) settled(receipt protocol.Receipt, sent bool) (from, to *party, steps []step) {
	m := r.messages[receipt]
	if r.off || m == nil {
		return r.nobody, r.nobody, nil
	}
	delete(r.messages, receipt)
	m.settled, m.sent = true, sent
	if !sent || m.from.left {
		steps = step{m, answered}.reach(nil)
	}
	return m.from, m.to, steps
}

// name learns who has logged in.
func (r *recorder) name(frames []protocol.Frame) {
	for i := range frames {
		p := r.find(frames[i].To)
		if r.off || p == nil || !frames[i].Login {
			continue
		}
		p.name = safe(bytes.TrimPrefix(bytes.TrimSuffix(frames[i].Text, newline), hello), nameLen)
		r.users++
		r.page = r.sink.know(r.page, p)
		r.count()
	}
}

var hello = []byte("HELLO ")

// leaves is told that a party is told nothing new any more.
func (r *recorder) leaves(p *party) {
	if !r.off && !p.left && p.name != "" {
		r.users--
		r.count()
	}
	p.left = true
}

// goes is told that a descriptor has been given back. What was queued for it is lost, and so are
// the answers that it waits for.
func (r *recorder) goes(p *party) (steps []step) {
	if r.off {
		return nil
	}
	r.queued -= int(p.pushed - p.taken)
	for _, m := range p.marks {
		if m.stage == answered {
			steps = m.reach(steps)
		}
	}
	for _, m := range p.sends {
		if m.settled {
			steps = step{m, answered}.reach(steps)
		}
	}
	p.left = true
	delete(r.parties, p.id.Slot())
	return steps
}
