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

// A roll is a registry and what it must know, as a plain list in login order.
type roll struct {
	t *testing.T
	*state.Registry
	users []user
}

type user struct {
	slot int
	name string
}

func (r *roll) add(slot int, name string) {
	r.Add(slot, []byte(name))
	r.users = append(r.users, user{slot, name})
}

func (r *roll) remove(i int) {
	r.Remove(r.users[i].slot)
	if _, ok := r.Lookup([]byte(r.users[i].name)); ok {
		r.t.Fatalf("%.40q is found after its removal", r.users[i].name)
	}
	r.users = slices.Delete(r.users, i, i+1)
}

// check compares all that can be asked.
func (r *roll) check() {
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
			r.t.Fatalf("the name at slot %d is %.40q, want %.40q", u.slot, got, u.name)
		}
	}
	got := r.AppendList([]byte("before "))
	if !bytes.Equal(got, want) {
		r.t.Fatalf("the list of %d users is wrong: got %d bytes, want %d", len(r.users), len(got), len(want))
	}
	if n := len(want) - len("before "); r.Len() != len(r.users) || r.ListLen() < n || r.ListLen() > n+8 {
		r.t.Fatalf("%d users, a list of %d bytes; want %d, %d", r.Len(), r.ListLen(), len(r.users), n)
	}
}

// PR9: the list is in login order, whoever has gone meanwhile, and whichever slots have been used
// again.
func TestListIsInLoginOrder(t *testing.T) {
	r := &roll{t: t, Registry: state.NewRegistry(10)}
	r.check()
	for slot, name := range []string{"a", "b", "c", "d"} {
		r.add(3-slot, name)
		r.check()
	}
	r.remove(1)
	r.check()
	r.add(2, "b") // the same slot, the same name, and last
	r.check()
	r.remove(0)
	r.remove(2)
	r.check()
	if got := string(r.AppendList(nil)); got != "c,d" {
		t.Errorf("got %q, want c,d", got)
	}
	for len(r.users) > 0 {
		r.remove(0)
	}
	r.check()
}

// PR15, A8: full is full, and a place that is freed is usable at once.
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

// Names are whole whatever their lengths: no byte, the most, and those that fill a page to its last
// byte.
func TestNamesAtTheEndOfAPage(t *testing.T) {
	const page, header = state.MaxName + 6, 6
	for _, sizes := range [][]int{
		{state.MaxName, 1, state.MaxName, state.MaxName},
		{page - 2*header - 10, 10, 5}, // full to the last byte
		{page - 2*header - 10, 11, 5}, // one too many
		{page - 2*header - 10, 9, 5},
		{page - 2*header, 0, 5}, // the last of the page has no bytes
	} {
		r := &roll{t: t, Registry: state.NewRegistry(10)}
		for slot, size := range sizes {
			r.add(slot, strings.Repeat(string(rune('a'+slot)), size))
			r.check()
		}
		for len(r.users) > 0 {
			r.remove(len(r.users) / 2)
			r.check()
		}
	}
}

// 100,000 names go in random order, from the beginnings, middles and ends of their chains, and
// their places move together meanwhile.
func TestManyNames(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	const many = 100_000
	rng := rand.New(rand.NewPCG(3, 1))
	r := &roll{t: t, Registry: state.NewRegistry(many)}
	for slot := range many {
		r.add(slot, fmt.Sprintf("user%d", slot))
	}
	r.check()
	gone := make([]bool, many)
	for i, slot := range rng.Perm(many) {
		r.Remove(slot)
		gone[slot] = true
		if _, ok := r.Lookup(fmt.Appendf(nil, "user%d", slot)); ok {
			t.Fatalf("user%d is found after its removal", slot)
		}
		if i%(many/4) == 0 || i == many-1 {
			r.users = r.users[:0]
			for slot, gone := range gone {
				if !gone {
					r.users = append(r.users, user{slot, fmt.Sprintf("user%d", slot)})
				}
			}
			r.check()
		}
	}
}

// Users who come and go, and a plain list that must agree after each step.
func FuzzRegistry(f *testing.F) {
	f.Add([]byte("\x01\x02\x03\x81\x04\x82"))
	f.Add(bytes.Repeat([]byte("\x10\x7f\x81\x7e\x7d\x80"), 40)) // long names, so that pages fill up and are compacted
	f.Fuzz(func(t *testing.T, steps []byte) {
		const most = 1000
		r := &roll{t: t, Registry: state.NewRegistry(most)}
		var taken [most]bool
		for i, step := range steps[:min(len(steps), most)] {
			if step >= 0x80 && len(r.users) > 0 {
				gone := int(step) % len(r.users)
				taken[r.users[gone].slot] = false
				r.remove(gone)
			} else if step < 0x80 {
				slot := slices.Index(taken[:], false) // the lowest, as the kernel does
				taken[slot] = true
				r.add(slot, strings.Repeat(string(rune('a'+i%26)), int(step)*int(step))+fmt.Sprint(i))
			}
			if i%16 == 0 {
				r.check()
			}
		}
		r.check()
	})
}
