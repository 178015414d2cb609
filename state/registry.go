// Package state holds who is logged in, and the protocol's state of one client.
//
// It knows no text of the protocol, no byte on its way to a client and no socket.
package state

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// MaxName is the longest name that a Registry takes, in bytes.
const MaxName = 4 << 10

// A Registry holds the users, which are the clients that are logged in: at most a fixed number, each
// with a name that no other user has (PR5, PR9, PR15).
//
// It is a hash table of chains that grows by linear hashing: each login adds one bucket and splits
// one chain. A table that doubles would move every user at once, and with 1,000,000 users that stops
// the loop for a tenth of a second. A Go map takes 94 bytes for a user where this takes 18 and the
// name. The hash is seeded (hash/maphash), so clients cannot force collisions.
type Registry struct {
	max     int
	count   int
	seed    maphash.Seed
	buckets int           // never fewer than the largest number of users so far
	first   Table[uint32] // by bucket: the slot of the chain's first user, plus one; 0: none
	users   Table[user]   // by slot
	names   names
}

type user struct {
	name reference
	next uint32 // in the chain: the slot of the next user, plus one; 0: none
}

// NewRegistry makes a registry for at most max users.
func NewRegistry(max int) *Registry {
	return &Registry{max: max, seed: maphash.MakeSeed(), buckets: 1}
}

// Full reports whether one more user would be too many (PR15).
func (r *Registry) Full() bool { return r.count >= r.max || r.names.full() }

// Len is the number of users.
func (r *Registry) Len() int { return r.count }

// Lookup returns the slot of the user with this name.
func (r *Registry) Lookup(name []byte) (slot int, ok bool) {
	for at := *r.bucket(name); at != 0; {
		u := r.users.At(int(at - 1))
		if _, stored, _ := r.names.entry(u.name); bytes.Equal(stored, name) {
			return int(at - 1), true
		}
		at = u.next
	}
	return 0, false
}

// Name is the name of the user in a slot. The bytes are valid until the next Remove.
func (r *Registry) Name(slot int) []byte {
	_, name, _ := r.names.entry(r.users.At(slot).name)
	return name
}

// Add logs in the client in a slot. The registry must not be full and the name must be free.
func (r *Registry) Add(slot int, name []byte) {
	if r.count++; r.count > r.buckets {
		r.grow()
	}
	first := r.bucket(name)
	*r.users.At(slot) = user{name: r.names.add(uint32(slot), name), next: *first}
	*first = uint32(slot) + 1
}

// Remove logs out the user in a slot and frees its name (TR3).
func (r *Registry) Remove(slot int) {
	u := r.users.At(slot)
	link := r.bucket(r.Name(slot))
	for *link != uint32(slot)+1 {
		link = &r.users.At(int(*link - 1)).next
	}
	*link = u.next
	r.names.remove(u.name, func(slot uint32, to reference) { r.users.At(int(slot)).name = to })
	r.count--
}

// bucket is the beginning of the chain for a name. The hash is cut to as many bits as the highest
// bucket number has; a number above that one loses its highest bit.
func (r *Registry) bucket(name []byte) *uint32 {
	highest := uint32(r.buckets - 1)
	mask := uint32(1)<<bits.Len32(highest) - 1
	n := uint32(maphash.Bytes(r.seed, name)) & mask
	if n > highest {
		n &= mask >> 1
	}
	return r.first.At(int(n))
}

// grow adds a bucket and moves the users that belong to it, which are all in one chain.
func (r *Registry) grow() {
	added := uint32(r.buckets)
	old := r.first.At(int(added &^ (1 << (bits.Len32(added) - 1))))
	r.buckets++
	rest := *old
	*old = 0
	for rest != 0 {
		u := r.users.At(int(rest - 1))
		_, name, _ := r.names.entry(u.name)
		first := r.bucket(name)
		rest, u.next, *first = u.next, *first, rest
	}
}

// AppendList appends the names of all users, with commas between, in login order (PR9).
func (r *Registry) AppendList(text []byte) []byte {
	start := len(text)
	r.names.each(func(_ uint32, name []byte) {
		if len(text) > start {
			text = append(text, ',')
		}
		text = append(text, name...)
	})
	return text
}

// ListLen is the number of bytes that AppendList appends, or one more.
func (r *Registry) ListLen() int { return r.names.live - r.count*(nameHeader-1) }

const (
	namePage   = 1<<16 - 1 // bytes; one less than 64 KiB, so that the end of a full page has an offset too
	nameHeader = 6         // bytes: the slot of the user (4), the length of the name (2)
	removed    = ^uint32(0)
)

// names holds the names of all users, one after the other in login order. A name takes its own length
// and six bytes. Removed names leave holes; when the holes take more than the names, the names are
// copied to new pages.
//
// A name never crosses a page, so growing copies nothing.
type names struct {
	pages [][]byte
	live  int // bytes of entries in use
	holes int // bytes of entries removed
}

// A reference says where an entry begins: the page in the high half, the offset in the low.
type reference uint32

// maxPages is how many pages a reference can tell apart: 4 GiB of names.
const maxPages = 1 << 16

// full reports whether there may be no room for another name.
func (n *names) full() bool { return len(n.pages) == maxPages }

// add appends a name of at most MaxName bytes.
func (n *names) add(slot uint32, name []byte) reference {
	size := nameHeader + len(name)
	last := len(n.pages) - 1
	if last < 0 || len(n.pages[last])+size > namePage {
		n.pages = append(n.pages, make([]byte, 0, namePage))
		last++
	}
	page := n.pages[last]
	at := reference(last<<16 | len(page))
	page = binary.NativeEndian.AppendUint32(page, slot)
	page = binary.NativeEndian.AppendUint16(page, uint16(len(name)))
	n.pages[last] = append(page, name...)
	n.live += size
	return at
}

// entry returns the entry at a reference and where the next one begins. The name is not a copy: it is
// valid until the next remove.
func (n *names) entry(at reference) (slot uint32, name []byte, next reference) {
	page, offset := n.pages[at>>16], int(at&0xffff)
	slot = binary.NativeEndian.Uint32(page[offset:])
	size := int(binary.NativeEndian.Uint16(page[offset+4:]))
	name = page[offset+nameHeader:][:size:size]
	return slot, name, at + reference(nameHeader+size)
}

// remove makes the entry a hole. moved is called for each entry that gets another reference, which
// happens once in as many removals as there are names: all names are copied then, in one turn.
func (n *names) remove(at reference, moved func(slot uint32, to reference)) {
	_, name, _ := n.entry(at)
	binary.NativeEndian.PutUint32(n.pages[at>>16][at&0xffff:], removed)
	n.live -= nameHeader + len(name)
	n.holes += nameHeader + len(name)
	if n.holes > n.live && n.holes >= namePage {
		n.compact(moved)
	}
}

func (n *names) compact(moved func(slot uint32, to reference)) {
	old := *n
	*n = names{}
	old.each(func(slot uint32, name []byte) { moved(slot, n.add(slot, name)) })
}

// each visits all names in login order.
func (n *names) each(visit func(slot uint32, name []byte)) {
	for p, page := range n.pages {
		for at := reference(p << 16); int(at&0xffff) < len(page); {
			slot, name, next := n.entry(at)
			if slot != removed {
				visit(slot, name)
			}
			at = next
		}
	}
}
