package state

import (
	"bytes"
	"encoding/binary"
)

const (
	namePage   = 1<<16 - 1 // bytes; one less than 64 KiB, so that the end of a full page has an offset too
	nameHeader = 6         // bytes: the slot of the holder (4), the length of the name (2)
	vacant     = ^uint32(0)
)

// names holds the names of all users, one after the other in the order in which they logged in. A
// name takes its own length and six bytes; there is no pointer to it but its place. Names that have
// been removed leave holes, and when the holes are the larger part, the rest is moved together.
//
// The names stand on pages, so that growing copies nothing. No name crosses a page.
type names struct {
	pages [][]byte
	live  int // bytes of entries in use
	holes int // bytes of entries removed
}

// A place is where an entry begins: the page in the high half, the offset in the low.
type place uint32

// maxPages is how many pages a place can tell apart: 4 GiB of names.
const maxPages = 1 << 16

// full reports whether a name may not find room.
func (n *names) full() bool { return len(n.pages) == maxPages }

// add appends a name of at most namePage-nameHeader bytes.
func (n *names) add(slot uint32, name []byte) place {
	size := nameHeader + len(name)
	last := len(n.pages) - 1
	if last < 0 || len(n.pages[last])+size > namePage {
		n.pages = append(n.pages, make([]byte, 0, namePage))
		last++
	}
	page := n.pages[last]
	at := place(last<<16 | len(page))
	page = binary.NativeEndian.AppendUint32(page, slot)
	page = binary.NativeEndian.AppendUint16(page, uint16(len(name)))
	n.pages[last] = append(page, name...)
	n.live += size
	return at
}

// entry takes apart what stands at a place. The name is not a copy: it is good until the next
// remove.
func (n *names) entry(at place) (slot uint32, name []byte, next place) {
	page, offset := n.pages[at>>16], int(at&0xffff)
	slot = binary.NativeEndian.Uint32(page[offset:])
	size := int(binary.NativeEndian.Uint16(page[offset+4:]))
	name = page[offset+nameHeader:][:size:size]
	return slot, name, at + place(nameHeader+size)
}

// remove makes the entry a hole. moved is called for each entry that changes its place because of
// that; seldom enough that a removal costs the same however many names there are.
func (n *names) remove(at place, moved func(slot uint32, to place)) {
	_, name, _ := n.entry(at)
	binary.NativeEndian.PutUint32(n.pages[at>>16][at&0xffff:], vacant)
	n.live -= nameHeader + len(name)
	n.holes += nameHeader + len(name)
	if n.holes > n.live && n.holes >= namePage {
		n.compact(moved)
	}
}

func (n *names) compact(moved func(slot uint32, to place)) {
	old := *n
	*n = names{}
	old.each(func(slot uint32, name []byte) { moved(slot, n.add(slot, name)) })
}

// each visits all names in the order in which they were added.
func (n *names) each(visit func(slot uint32, name []byte)) {
	for p, page := range n.pages {
		for at := place(p << 16); int(at&0xffff) < len(page); {
			slot, name, next := n.entry(at)
			if slot != vacant {
				visit(slot, name)
			}
			at = next
		}
	}
}

// is reports whether the name at a place is this one.
func (n *names) is(at place, name []byte) bool {
	_, stored, _ := n.entry(at)
	return bytes.Equal(stored, name)
}
