package state

import (
	"bytes"
	"fmt"
	"testing"
)

// F4: names come and go for ever. What the holes take is bounded by what the names take, or by a
// page.
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
	if r.chains != 100 {
		t.Errorf("the index has %d chains, want 100", r.chains)
	}
}

// The index has a chain for each user, and each user is on the chain of its hash, however the
// number of chains has grown. No chain is long, even if each name differs from the next by one bit.
func TestChainsGrowWithUsers(t *testing.T) {
	r := NewRegistry(1 << 20)
	for slot := range 5000 {
		r.Add(slot, fmt.Appendf(nil, "%d", slot))
		if r.chains != slot+1 {
			t.Fatalf("%d users, %d chains", slot+1, r.chains)
		}
		if slot > 40 && slot%501 > 0 { // all of them often would take long
			continue
		}
		users := 0
		for n := range r.chains {
			length := 0
			for at := *r.first.At(n); at != 0; at = r.users.Find(int(at - 1)).next {
				if home := r.chain(r.Name(int(at - 1))); home != r.first.At(n) {
					t.Fatalf("with %d chains, user %d is on chain %d, and is looked for elsewhere", r.chains, at-1, n)
				}
				length++
			}
			if users += length; length > 24 {
				t.Errorf("with %d chains, one has %d users", r.chains, length)
			}
		}
		if users != slot+1 {
			t.Fatalf("%d users, and %d on all chains", slot+1, users)
		}
	}
}
