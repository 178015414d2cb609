package state_test

import (
	"testing"

	"chatd/state"
)

func TestID(t *testing.T) {
	for _, c := range []struct {
		slot       int
		generation uint32
		text       string
	}{
		{0, 0, "0.0"}, {0, 1, "0.1"}, {7, 2, "7.2"}, {1<<31 - 1, 1<<32 - 1, "2147483647.4294967295"},
	} {
		id := state.NewID(c.slot, c.generation)
		if id.Slot() != c.slot || id.Generation() != c.generation || id.String() != c.text {
			t.Errorf("slot %d in generation %d has become %d, %d, %s", c.slot, c.generation, id.Slot(), id.Generation(), id)
		}
	}
	var zero state.ID
	if zero != state.NewID(0, 0) {
		t.Error("the zero ID is somebody's")
	}
}
