package state

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// F4: logins and logouts without end, of few users and of many. The holes that removed names leave must
// not grow: they take no more than the names do, or one page.
func TestF4HolesAreBounded(t *testing.T) {
	for _, users := range []int{10, 100} {
		r := NewRegistry(1000)
		name := bytes.Repeat([]byte("x"), 1000)
		for i := range 10_000 {
			if i >= users {
				r.Remove(i % users)
			}
			name = append(name[:1000], byte(i), byte(i>>8))
			r.Add(i%users, name)
			if r.names.holes > max(r.names.live, namePage) {
				t.Fatalf("%d bytes of names, and %d of holes", r.names.live, r.names.holes)
			}
			if most := 1 + 2*(r.names.live+r.names.holes)/namePage; len(r.names.pages) > most {
				t.Fatalf("%d pages for %d bytes of names and %d of holes", len(r.names.pages), r.names.live, r.names.holes)
			}
		}
		if r.buckets != users {
			t.Errorf("there are %d buckets, want %d", r.buckets, users)
		}
	}
}

// F4: to copy the names at each page of holes would make a logout as slow as there are users; to copy them
// at each hole would allocate a page for each login of a single user.
func TestF4NamesAreCopiedSeldom(t *testing.T) {
	const users, logouts = 1000, 5000
	var n names
	at := make([]reference, users)
	moved := 0
	for i := range uint32(users + logouts) {
		if i >= users {
			n.remove(at[i%users], func(slot uint32, to reference) { at[slot], moved = to, moved+1 })
		}
		at[i%users] = n.add(i%users, make([]byte, 500))
	}
	if moved == 0 || moved > logouts+users {
		t.Errorf("%d logouts moved %d names", logouts, moved)
	}
	r := NewRegistry(1)
	if allocated := testing.AllocsPerRun(1000, func() {
		r.Add(0, []byte("ada"))
		r.Remove(0)
	}); allocated > 0 {
		t.Errorf("a login and a logout allocate %v times", allocated)
	}
}

// PR15: a reference has 16 bits for the page. A page more, and a name would be that of another user.
func TestFullOfNames(t *testing.T) {
	r := NewRegistry(1 << 20)
	for pages, full := range map[int]bool{0: false, 1<<16 - 1: false, 1 << 16: true} {
		r.names.pages = make([][]byte, pages)
		if r.Full() != full {
			t.Errorf("full with %d pages of names: %v, want %v", pages, r.Full(), full)
		}
	}
	r.names.pages = make([][]byte, 1<<16-1)
	if r.Add(7, make([]byte, MaxName)); len(r.Name(7)) != MaxName || r.names.pages[1<<16-2] == nil {
		t.Error("a name in the last page is not found")
	}
}

// A name that fills a page to its last byte must not reach into the next page, nor hide what stands
// there.
func TestNamesAtTheEndOfAPage(t *testing.T) {
	for _, more := range []int{-1, 0, 1} {
		var n names
		var want, got [][]byte
		add := func(size int) {
			want = append(want, bytes.Repeat([]byte{byte('a' + len(want))}, size))
			at := n.add(uint32(len(want)), want[len(want)-1])
			if _, name, _ := n.entry(at); !bytes.Equal(name, want[len(want)-1]) {
				t.Fatalf("name %d is not stored", len(want))
			}
		}
		for len(n.pages) == 0 || namePage-len(n.pages[0]) > nameHeader+MaxName {
			add(MaxName)
		}
		add(namePage - len(n.pages[0]) - nameHeader + more)
		add(1)
		add(MaxName)
		n.each(func(_ uint32, name []byte) { got = append(got, name) })
		if !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("%d bytes more than the page holds: got %d names, want %d", more, len(got), len(want))
		}
	}
}

// A user in the wrong bucket is never found again. A long chain makes each login slow. Each login adds
// one bucket, so that no login moves all users.
func TestBucketsGrowWithUsers(t *testing.T) {
	r := NewRegistry(1 << 20)
	for slot := range 5000 {
		r.Add(slot, fmt.Appendf(nil, "%d", slot))
		if r.buckets != slot+1 {
			t.Fatalf("%d users, %d buckets", slot+1, r.buckets)
		}
		if slot > 40 && slot%501 > 0 { // to check each time would take long
			continue
		}
		users := 0
		for n := range r.buckets {
			length := 0
			for at := *r.first.At(n); at != 0; at = r.users.At(int(at - 1)).next {
				if r.bucket(r.Name(int(at-1))) != r.first.At(n) {
					t.Fatalf("with %d buckets, user %d is in bucket %d and is looked up in another", r.buckets, at-1, n)
				}
				length++
			}
			if users += length; length > 24 {
				t.Errorf("with %d buckets, one has %d users", r.buckets, length)
			}
		}
		if users != slot+1 {
			t.Fatalf("%d users, and %d in all buckets", slot+1, users)
		}
	}
}
