package state

import (
	"bytes"
	"slices"
	"testing"
)

// F4: names come and go for ever. What the holes take is bounded by what the names take, or by a page.
func TestF4HolesAreBounded(t *testing.T) {
	r := NewRegistry(1000)
	name := bytes.Repeat([]byte("x"), 1000)
	for i := range 10_000 {
		if i >= 100 {
			r.Remove(i % 100)
		}
		name = append(name[:1000], byte(i), byte(i>>8))
		r.Add(i%100, name)
		if most := max(r.names.live, namePage); r.names.holes > most {
			t.Fatalf("%d bytes of names, and %d of holes", r.names.live, r.names.holes)
		}
		if most := 1 + 2*(r.names.live+r.names.holes)/namePage; len(r.names.pages) > most {
			t.Fatalf("%d pages for %d bytes of names and %d of holes", len(r.names.pages), r.names.live, r.names.holes)
		}
	}
	if len(r.first) != 100 {
		t.Errorf("the index has %d entries, want 100", len(r.first))
	}
}

// Users whose names share a hash are chained. Five on one chain, taken off in each possible order: the
// rest must stay on it, in order.
func TestUnchain(t *testing.T) {
	const h, chained = 42, 5
	for _, order := range permutations([]uint32{0, 1, 2, 3, 4}) {
		r := NewRegistry(chained)
		var want []uint32
		for slot := range uint32(chained) {
			next := vacant
			if slot > 0 {
				next = slot - 1
			}
			r.users.At(int(slot)).next = next
			r.first[h] = slot
			want = append([]uint32{slot}, want...)
		}
		for _, slot := range order {
			r.unchain(h, slot, r.users.Find(int(slot)).next)
			want = slices.DeleteFunc(want, func(s uint32) bool { return s == slot })
			if got := r.chain(h); !slices.Equal(got, want) {
				t.Fatalf("order %v, after %d: got the chain %v, want %v", order, slot, got, want)
			}
		}
		if len(r.first) > 0 {
			t.Fatalf("order %v: the index has an entry for nobody", order)
		}
	}
}

// chain is the slots on the chain of a hash.
func (r *Registry) chain(h uint32) (slots []uint32) {
	slot, ok := r.first[h]
	for ok && slot != vacant {
		slots = append(slots, slot)
		slot = r.users.Find(int(slot)).next
	}
	return slots
}

func permutations(of []uint32) (all [][]uint32) {
	if len(of) == 0 {
		return [][]uint32{nil}
	}
	for i, first := range of {
		rest := slices.Delete(slices.Clone(of), i, i+1)
		for _, p := range permutations(rest) {
			all = append(all, append([]uint32{first}, p...))
		}
	}
	return all
}
