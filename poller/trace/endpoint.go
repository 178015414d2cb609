package trace

import (
	"bytes"
	"fmt"

	"chatd/poller"
	"chatd/protocol"
	"chatd/state"
)

// An endpoint is what has a descriptor: a connection, or something of the loop's own.
type endpoint struct {
	id         state.ID // generation 0: not a connection that is registered
	role       string   // what it is, if it is not a connection
	name       string   // of the user
	registered bool
	interest   poller.Readiness

	sends         []*message // of which the SEND-OK is not queued
	queued, taken uint64     // bytes of frames for it, and of these, bytes that the kernel has taken
	steps         steps      // to be taken

	track int    // in JSON; 0: none yet
	label string // of the track
}

// String is the user's name with the connection's ID: a name may come again, an ID does not.
func (p *endpoint) String() string {
	switch {
	case p.role != "":
		return p.role
	case p.id.Generation() == 0:
		return fmt.Sprint("descriptor ", p.id.Slot())
	case p.name != "":
		return p.name + " (" + p.id.String() + ")"
	}
	return p.id.String()
}

// A message is a SEND for which there is a DELIVERY.
type message struct {
	number int
	place  uint32 // of its reply (protocol.Receipt)
	to     *endpoint
}

// A step is a part of a message's way: the SEND is executed, then the kernel has the last byte of the
// DELIVERY, then that of the SEND-OK.
type step struct {
	message *message
	stage   int
	end     uint64 // it is taken when the kernel has so many bytes of the endpoint's queue
}

const begun, sent, answered = 0, 1, 2

type steps []step

func (all steps) String() (text string) {
	for i, s := range all {
		if i == 4 {
			return text + fmt.Sprintf(" [and %d more]", len(all)-i)
		}
		text += fmt.Sprintf(" [message %d %s]", s.message.number, [...]string{"begun", "sent", "answered"}[s.stage])
	}
	return text
}

// answer emits a call of the machine and the frames that it returns.
func (r *recorder) answer(e event, frames []protocol.Frame, format string, args ...any) {
	begin := len(e.steps)
	for i := range frames {
		if f := &frames[i]; f.Receipt.Owner != 0 {
			r.messages++
			m := &message{r.messages, f.Receipt.Place, r.at(f.To)}
			e.on.sends, e.steps = append(e.on.sends, m), append(e.steps, step{message: m, stage: begun})
		}
	}
	r.emit(e, format, args...)
	for i := range frames {
		f := &frames[i]
		to, note := r.at(f.To), ""
		to.queued += uint64(len(f.Text))
		r.queued += len(f.Text)
		switch {
		case f.Receipt.Owner != 0:
			note = to.expect(e.steps[begin].message, sent)
			begin++
		case f.Last != "":
			note = " [last frame]"
		case bytes.Equal(f.Text, sendOK) && len(to.sends) > 0: // replies keep the order of the SENDs
			note = to.expect(to.sends[0], answered)
			to.sends = to.sends[1:]
		}
		r.emit(event{kind: "queue", on: to}, "%v%s", quoted(f.Text), note)
	}
}

var sendOK = []byte("SEND-OK\n")

func (p *endpoint) expect(m *message, stage int) (note string) {
	p.steps = append(p.steps, step{m, stage, p.queued})
	return fmt.Sprintf(" [message %d]", m.number)
}

// complete finds the sender's message with a receipt.
func (p *endpoint) complete(place uint32, sent bool) *message {
	for i, m := range p.sends {
		if m.place == place {
			if !sent {
				p.sends = append(p.sends[:i:i], p.sends[i+1:]...)
			}
			return m
		}
	}
	return &message{to: p}
}

// take is told that the kernel has taken n bytes. Those of a BUSY without a connection were not queued.
func (r *recorder) take(p *endpoint, n int) (done steps) {
	n = min(n, int(p.queued-p.taken))
	p.taken += uint64(n)
	r.queued -= n
	first := 0
	for first < len(p.steps) && p.steps[first].end <= p.taken {
		first++
	}
	done, p.steps = p.steps[:first], p.steps[first:]
	return done
}

// open is told of a new descriptor.
func (r *recorder) open(fd int, role string) *endpoint {
	for len(r.endpoints) <= fd {
		r.endpoints = append(r.endpoints, nil)
	}
	r.endpoints[fd] = &endpoint{id: state.NewID(fd, 0), role: role}
	return r.endpoints[fd]
}

// at is the endpoint that has a descriptor.
func (r *recorder) at(fd int) *endpoint {
	if fd < len(r.endpoints) && r.endpoints[fd] != nil {
		return r.endpoints[fd]
	}
	return r.open(fd, "")
}

// release is told that a descriptor is closed.
func (r *recorder) release(fd int) *endpoint {
	p := r.at(fd)
	r.queued -= int(p.queued - p.taken)
	r.endpoints[fd] = nil
	return p
}
