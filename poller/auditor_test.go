package poller

import (
	"testing"

	"chatd/protocol"
	"chatd/state"
)

// An auditor is a Machine that checks what a loop owes to every machine, and passes the calls on:
// no ID is met twice (H2, H3), nothing is asked for a client that has gone (B2, B3), each is closed
// once, and each receipt comes back once.
type auditor struct {
	Machine
	t        *testing.T
	met      map[state.ID]bool // true: has not gone
	receipts map[protocol.Receipt]int
}

func newAuditor(t *testing.T, m Machine) *auditor {
	return &auditor{m, t, map[state.ID]bool{}, map[protocol.Receipt]int{}}
}

func (a *auditor) Open(id state.ID) {
	if _, met := a.met[id]; met {
		a.t.Errorf("ID %v was opened twice", id)
	}
	a.met[id] = true
	a.Machine.Open(id)
}

func (a *auditor) Input(id state.ID, in []byte) (int, []protocol.Frame) {
	if !a.met[id] {
		a.t.Errorf("%v said %s after it had gone", id, brief(string(in)))
	}
	n, frames := a.Machine.Input(id, in)
	return n, a.audit(frames)
}

func (a *auditor) Complete(receipt protocol.Receipt, sent bool) []protocol.Frame {
	if a.receipts[receipt]--; a.receipts[receipt] < 0 {
		a.t.Errorf("receipt %v came back twice", receipt)
	}
	return a.audit(a.Machine.Complete(receipt, sent))
}

func (a *auditor) Close(id state.ID) {
	if !a.met[id] {
		a.t.Errorf("%v was closed after it had gone", id)
	}
	a.met[id] = false
	a.Machine.Close(id)
}

func (a *auditor) audit(frames []protocol.Frame) []protocol.Frame {
	for _, f := range frames {
		if f.Receipt != (protocol.Receipt{}) {
			a.receipts[f.Receipt]++
		}
		if f.Last != "" {
			a.met[f.To] = false
		}
	}
	return frames
}
