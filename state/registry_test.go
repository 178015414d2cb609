package state_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"chatd/state"
)

// A checked is a registry and its model: a plain list in login order.
type checked struct {
	t *testing.T
	*state.Registry
	users []user
}

type user struct {
	slot int
	name string
}

func (r *checked) add(slot int, name string) {
	r.Add(slot, []byte(name))
	r.users = append(r.users, user{slot, name})
}

func (r *checked) remove(i int) {
	r.Remove(r.users[i].slot)
	if _, ok := r.Lookup([]byte(r.users[i].name)); ok {
		r.t.Fatalf("%.40q is found after its removal", r.users[i].name)
	}
	r.users = slices.Delete(r.users, i, i+1)
}

// check compares all that can be asked.
func (r *checked) check() {
	r.t.Helper()
	want := []byte("before ")
	for i, u := range r.users {
		if i > 0 {
			want = append(want, ',')
		}
		want = append(want, u.name...)
		if slot, ok := r.Lookup([]byte(u.name)); !ok || slot != u.slot {
			r.t.Fatalf("Lookup of %.40q: slot %d, %v; want %d", u.name, slot, ok, u.slot)
		}
		if got := r.Name(u.slot); string(got) != u.name {
			r.t.Fatalf("the name in slot %d is %.40q, want %.40q", u.slot, got, u.name)
		}
	}
	if got := r.AppendList([]byte("before ")); !bytes.Equal(got, want) {
		r.t.Fatalf("the list of %d users is wrong: got %d bytes, want %d", len(r.users), len(got), len(want))
	}
	if n := len(want) - len("before "); r.Len() != len(r.users) || r.ListLen() < n || r.ListLen() > n+1 {
		r.t.Fatalf("%d users, a list of %d bytes; want %d, %d", r.Len(), r.ListLen(), len(r.users), n)
	}
}

// PR9: a user that comes back in the same slot with the same name must be last in the list.
func TestListIsInLoginOrder(t *testing.T) {
	r := &checked{t: t, Registry: state.NewRegistry(10)}
	r.check()
	for slot, name := range []string{"a", "b", "c", "d"} {
		r.add(3-slot, name)
	}
	r.remove(1)
	r.add(2, "b")
	r.remove(0)
	r.remove(1)
	r.check()
	if got := string(r.AppendList(nil)); got != "c,b" {
		t.Errorf("got %q, want c,b", got)
	}
}

// A8, PR15: a place that was freed must be usable at once.
func TestA8Full(t *testing.T) {
	r := state.NewRegistry(2)
	for i, want := range []bool{false, false, true} {
		if r.Full() != want {
			t.Errorf("with %d users of 2, Full is %v", i, r.Full())
		}
		if !want {
			r.Add(i, []byte{'a' + byte(i)})
		}
	}
	if r.Remove(0); r.Full() {
		t.Error("Full after a removal")
	}
}

// Users leave in random order: from the beginning, the middle and the end of their chains, while names
// are copied to new pages. A chain that breaks loses users; a reference that is not moved gives a user
// another's name.
func TestRegistryOfManyUsers(t *testing.T) {
	const many = 10_000
	rng := rand.New(rand.NewPCG(3, 1))
	r := &checked{t: t, Registry: state.NewRegistry(many)}
	for round := range 2 {
		for _, slot := range rng.Perm(many)[:many-len(r.users)] {
			r.add(many*round+slot, fmt.Sprintf("user%d.%d", round, slot))
		}
		r.check()
		for len(r.users) > many/10*(1-round) {
			r.remove(rng.IntN(len(r.users)))
			if len(r.users)%1000 == 0 {
				r.check()
			}
		}
	}
}

// Users that come and go, and a plain list that must agree.
func FuzzRegistry(f *testing.F) {
	f.Add([]byte("\x01\x02\x03\x81\x04\x82"))
	f.Add(bytes.Repeat([]byte("\x40\x3f\x81\x3e\x3d\x80"), 40)) // long names: pages fill up and are compacted
	f.Fuzz(func(t *testing.T, steps []byte) {
		const most = 1000
		r := &checked{t: t, Registry: state.NewRegistry(most)}
		var taken [most]bool
		for i, step := range steps[:min(len(steps), most)] {
			if step >= 0x80 && len(r.users) > 0 {
				gone := int(step) % len(r.users)
				taken[r.users[gone].slot] = false
				r.remove(gone)
			} else if step < 0x80 {
				slot := slices.Index(taken[:], false) // the lowest, like a descriptor
				taken[slot] = true
				r.add(slot, strings.Repeat(string(rune('a'+i%26)), min(int(step)*int(step), state.MaxName-4))+fmt.Sprint(i))
			}
			if i%16 == 0 {
				r.check()
			}
		}
		r.check()
	})
}
