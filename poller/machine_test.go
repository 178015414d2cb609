package poller_test

import (
	"testing"

	"chatd/poller"
	"chatd/protocol"
	"chatd/state"
)

// A checkedMachine is a Machine that checks what a loop owes to every machine, and passes the calls on:
// an ID is one connection's for ever (H2, H3), nothing is asked for a client that is closed (B2, B3),
// each is closed once, and each receipt comes back once.
type checkedMachine struct {
	poller.Machine
	t        *testing.T
	closed   map[state.ID]bool
	receipts map[protocol.Receipt]int
}

func newCheckedMachine(t *testing.T, m poller.Machine) *checkedMachine {
	return &checkedMachine{m, t, map[state.ID]bool{}, map[protocol.Receipt]int{}}
}

func (m *checkedMachine) Line(s *state.Session, line protocol.Line) []protocol.Frame {
	if m.closed[s.ID] {
		m.t.Errorf("%s of %v is executed after it was closed", brief(string(line.Text)), s.ID)
	}
	return m.check(s, m.Machine.Line(s, line))
}

func (m *checkedMachine) Complete(s *state.Session, place uint32, sent bool) []protocol.Frame {
	receipt := protocol.Receipt{Owner: s.ID, Place: place}
	if m.receipts[receipt]--; m.receipts[receipt] < 0 {
		m.t.Errorf("receipt %v came back twice", receipt)
	}
	if m.closed[s.ID] {
		m.t.Errorf("receipt %v came back after its owner was closed", receipt)
	}
	return m.check(s, m.Machine.Complete(s, place, sent))
}

func (m *checkedMachine) Close(s *state.Session) {
	if m.closed[s.ID] {
		m.t.Errorf("%v was closed twice", s.ID)
	}
	m.closed[s.ID] = true
	m.Machine.Close(s)
}

func (m *checkedMachine) check(s *state.Session, frames []protocol.Frame) []protocol.Frame {
	for _, f := range frames {
		if f.Receipt != (protocol.Receipt{}) {
			m.receipts[f.Receipt]++
		}
		if f.Last != "" {
			m.closed[s.ID] = true
		}
	}
	return frames
}

// A crossMachine is a Machine for two clients: what one sends goes to the other as its last frame.
type crossMachine struct{ slots [2]int }

func (*crossMachine) NextLine(*state.Session) (protocol.Limit, bool) {
	return protocol.Limit{Bytes: 1000}, true
}
func (*crossMachine) Complete(*state.Session, uint32, bool) []protocol.Frame { return nil }
func (*crossMachine) Close(*state.Session)                                   {}
func (*crossMachine) Users() int                                             { return 0 }
func (*crossMachine) Name(*state.Session) []byte                             { return nil }

func (m *crossMachine) Line(s *state.Session, line protocol.Line) []protocol.Frame {
	other := m.slots[0]
	if s.ID.Slot() == other {
		other = m.slots[1]
	}
	return []protocol.Frame{{To: other, Text: line.Text, Last: protocol.InUse}}
}
