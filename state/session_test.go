package state_test

import (
	"slices"
	"testing"

	"chatd/state"
)

// A reply that passed an earlier one would answer the wrong request (promise 2).
func TestRepliesAreAFIFO(t *testing.T) {
	var s state.Session
	resolve := func(place uint32, reply state.Reply, want ...state.Reply) {
		t.Helper()
		if ready := s.Resolve(place, reply); !slices.Equal(ready, want) {
			t.Errorf("place %d is %d: %v may leave, want %v", place, reply, ready, want)
		}
	}
	for range 3 { // the places begin at 0 again
		first, second := s.Append(state.Unresolved), s.Append(state.Unresolved)
		s.Append(5)
		last := s.Append(state.Unresolved)
		if first != 0 || second != 1 || last != 3 || s.Last() != state.Unresolved || !s.Pending() {
			t.Fatalf("places %d, %d, %d; the last reply is %d", first, second, last, s.Last())
		}
		resolve(second, 2) // the first holds it back
		resolve(first, 1, 1, 2, 5)
		if !s.Pending() {
			t.Error("the last reply is pending, and Pending says no")
		}
		resolve(last, 3, 3)
		if s.Pending() {
			t.Error("Pending after the last reply")
		}
	}
}

// B4, F3: a session is used for one client after another. A reply that stayed in it would go to the next
// client; memory that did not stay would be allocated for each client.
func TestB4ResetForgetsRepliesAndKeepsTheirMemory(t *testing.T) {
	var s state.Session
	next := func() {
		for range 100 {
			s.Append(state.Unresolved)
		}
		s.Resolve(0, 1)
		s.Reset(state.NewID(3, 5), true)
	}
	next()
	if s.ID != state.NewID(3, 5) || !s.LoggedIn || s.Pending() || s.Append(2) != 0 || s.Last() != 2 {
		t.Errorf("after Reset: %+v", s)
	}
	if n := testing.AllocsPerRun(10, next); n != 0 {
		t.Errorf("the next client costs %v allocations", n)
	}
}
