package state

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// F4: logins and logouts without end. The holes that removed names leave must not grow: they take no
// more than the names do, or one page.
func TestF4HolesAreBounded(t *testing.T) {
	r := NewRegistry(1000)
	name := bytes.Repeat([]byte("x"), 1000)
	for i := range 10_000 {
		if i >= 100 {
			r.Remove(i % 100)
		}
		name = append(name[:1000], byte(i), byte(i>>8))
		r.Add(i%100, name)
		if r.names.holes > max(r.names.live, namePage) {
			t.Fatalf("%d bytes of names, and %d of holes", r.names.live, r.names.holes)
		}
		if most := 1 + 2*(r.names.live+r.names.holes)/namePage; len(r.names.pages) > most {
			t.Fatalf("%d pages for %d bytes of names and %d of holes", len(r.names.pages), r.names.live, r.names.holes)
		}
	}
	if r.buckets != 100 {
		t.Errorf("there are %d buckets, want 100", r.buckets)
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
