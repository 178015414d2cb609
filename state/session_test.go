package state_test

import (
	"testing"

	"chatd/state"
)

// An ID whose connection has gone finds nothing, whoever has the slot now: stale events and late
// receipts miss by construction.
func TestB3FindNeedsTheGeneration(t *testing.T) {
	var sessions state.Sessions
	first, second := state.NewID(7, 1), state.NewID(7, 3)
	if sessions.Find(first) != nil || sessions.Find(0) != nil {
		t.Fatal("somebody is found before anybody came")
	}
	sessions.Open(first)
	sessions.Find(first).User = true
	if sessions.Find(second) != nil || sessions.Find(state.NewID(8, 1)) != nil {
		t.Error("somebody is found who has not come")
	}
	sessions.Close(first)
	if sessions.Find(first) != nil || sessions.Find(state.NewID(7, 0)) != nil {
		t.Error("somebody is found who has gone")
	}
	sessions.Open(second)
	s := sessions.Find(second)
	if s == nil || s.User || s.Activity() != nil || sessions.Find(first) != nil || sessions.ID(7) != second {
		t.Errorf("the next in the slot: %+v", s)
	}
}

func TestRepliesAreAFIFO(t *testing.T) {
	var a state.Activity
	next := func(want state.Reply) {
		t.Helper()
		if got, ok := a.Next(); got != want || ok != (want != state.Pending) {
			t.Errorf("Next: %d, %v; want %d", got, ok, want)
		}
	}
	for range 3 { // the numbers begin again, and so the memory is used again
		first, second := a.Owe(state.Pending), a.Owe(state.Pending)
		a.Owe(5)
		last := a.Owe(state.Pending)
		if first != 0 || second != 1 || last != 3 || a.Last() != state.Pending || !a.Owing() {
			t.Fatalf("slots %d, %d, %d; the last is %d", first, second, last, a.Last())
		}
		next(state.Pending)
		a.Fill(second, 2)
		next(state.Pending) // the first holds it back
		a.Fill(first, 1)
		next(1)
		next(2)
		next(5)
		next(state.Pending)
		a.Fill(last, 3)
		next(3)
		if a.Owing() {
			t.Error("something is owed after the last reply")
		}
		next(state.Pending)
	}
	if (*state.Activity)(nil).Owing() {
		t.Error("a client in the middle of nothing is owed something")
	}
}

// F3: an idle client has no activity, and the next who is busy gets one that is as good as new.
func TestF3ActivitiesAreUsedAgain(t *testing.T) {
	var sessions state.Sessions
	id, other := state.NewID(0, 1), state.NewID(1, 1)
	sessions.Open(id)
	sessions.Open(other)
	s := sessions.Find(id)
	a := sessions.Busy(s)
	if sessions.Busy(s) != a || s.Activity() != a {
		t.Fatal("one client has two activities")
	}
	a.Line = append(a.Line, "half a line"...)
	sessions.Rest(s)
	a.Line, a.TooLong = a.Line[:0], true
	sessions.Rest(s)
	a.TooLong = false
	a.Owe(1)
	sessions.Rest(s)
	if s.Activity() != a {
		t.Fatal("the activity has ended before its end")
	}
	a.Next()
	sessions.Rest(s)
	sessions.Rest(s)
	if s.Activity() != nil {
		t.Fatal("the activity has not ended")
	}
	if b := sessions.Busy(sessions.Find(other)); b != a || len(b.Line) > 0 || b.TooLong || b.Owing() {
		t.Errorf("the next one gets %+v", b)
	}
	if c := sessions.Busy(s); c == a {
		t.Error("two clients have one activity")
	}
}

// A client goes in the middle of everything: nothing of it reaches the next one.
func TestB4CloseForgets(t *testing.T) {
	var sessions state.Sessions
	id := state.NewID(0, 1)
	sessions.Open(id)
	a := sessions.Busy(sessions.Find(id))
	a.Line, a.TooLong = append(a.Line, "half a line"...), true
	a.Owe(state.Pending)
	a.Owe(3)
	sessions.Close(id)
	id = state.NewID(0, 3)
	sessions.Open(id)
	if b := sessions.Busy(sessions.Find(id)); b != a || len(b.Line) > 0 || b.TooLong || b.Owing() || b.Owe(1) != 0 {
		t.Errorf("the next one gets %+v", b)
	}
}

// F3, C3: after a burst, what is kept for use again is bounded: 256 activities, with lines of 16
// KiB at most.
func TestF3WhatIsKeptIsBounded(t *testing.T) {
	const clients, long = 300, 1 << 20
	var sessions state.Sessions
	busy := make(map[*state.Activity]bool)
	for slot := range clients {
		id := state.NewID(slot, 1)
		sessions.Open(id)
		a := sessions.Busy(sessions.Find(id))
		a.Line = make([]byte, 1, []int{16 << 10, long}[slot%2])
		busy[a] = true
	}
	for slot := range clients {
		sessions.Close(state.NewID(slot, 1))
	}
	again := 0
	for slot := range clients {
		id := state.NewID(slot, 3)
		sessions.Open(id)
		a := sessions.Busy(sessions.Find(id))
		if busy[a] {
			again++
		}
		if cap(a.Line) > 16<<10 {
			t.Fatalf("a line of %d bytes is kept for use again", cap(a.Line))
		}
	}
	if again != 256 {
		t.Errorf("%d activities are used again, want 256", again)
	}
}
