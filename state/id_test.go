package state_test

import (
	"testing"

	"chatd/state"
)

// B3: if the IDs of two connections in one slot were equal, a stale event or a late receipt would reach
// the wrong client. The zero ID must belong to no connection.
func TestB3GenerationsTellConnectionsApart(t *testing.T) {
	seen := make(map[state.ID]bool)
	for _, c := range []struct {
		slot       int
		generation uint32
		text       string
	}{
		{0, 1, "0.1"}, {7, 1, "7.1"}, {7, 3, "7.3"}, {1, 7, "1.7"}, {1<<31 - 1, 1<<32 - 1, "2147483647.4294967295"},
	} {
		id := state.NewID(c.slot, c.generation)
		if id.Slot() != c.slot || id.Generation() != c.generation || id.String() != c.text {
			t.Errorf("slot %d, generation %d became %d, %d, %s", c.slot, c.generation, id.Slot(), id.Generation(), id)
		}
		if id == 0 || seen[id] {
			t.Errorf("%s is also the ID of another connection, or zero", id)
		}
		seen[id] = true
	}
}
