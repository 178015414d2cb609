// Package state knows who is here, and what each client is in the middle of.
//
// It holds no text of the protocol and no byte on its way to a client, and it knows no socket: it
// answers the questions "who has this name?", "who is logged in?" and "what does this client wait
// for?". The protocol package asks; nobody else does.
package state

import "hash/maphash"

// MaxName is the longest name a Registry takes, in bytes. The protocol's limit for a line before
// login is lower, so that no client meets this one.
const MaxName = namePage - nameHeader

// A Registry knows the users, which are the clients that are logged in: at most a fixed number,
// each under a name that no other has (PR5, PR9, PR15).
//
// The index from names to users holds neither: it leads from 32 bits of a seeded hash to the slot
// of a user, and users whose names share a hash are chained. A user therefore costs its name, six
// bytes beside it, a record of eight bytes, and a place in a map of eight-byte entries.
type Registry struct {
	max   int
	count int
	seed  maphash.Seed
	first map[uint32]uint32 // hash of a name -> slot of the first user on its chain
	users Table[user]
	names names
}

type user struct {
	name place
	next uint32 // slot of the next user on the chain, or vacant
}

// NewRegistry makes a registry for at most max users.
func NewRegistry(max int) *Registry {
	return &Registry{max: max, seed: maphash.MakeSeed(), first: make(map[uint32]uint32)}
}

// Full reports whether one user more is one too many (PR15).
func (r *Registry) Full() bool { return r.count >= r.max || r.names.full() }

// Len is the number of users.
func (r *Registry) Len() int { return r.count }

// Lookup finds the slot of the user with this name.
func (r *Registry) Lookup(name []byte) (slot int, ok bool) {
	next, ok := r.first[r.hash(name)]
	if !ok {
		return 0, false
	}
	for next != vacant {
		u := r.users.Find(int(next))
		if r.names.is(u.name, name) {
			return int(next), true
		}
		next = u.next
	}
	return 0, false
}

// Name is the name of the user at slot, which must be logged in. The bytes are the registry's own
// and good until the next Remove.
func (r *Registry) Name(slot int) []byte {
	_, name, _ := r.names.entry(r.users.Find(slot).name)
	return name
}

// Add logs the client at slot in. The registry must not be full and the name must be free.
func (r *Registry) Add(slot int, name []byte) {
	h := r.hash(name)
	next, ok := r.first[h]
	if !ok {
		next = vacant
	}
	*r.users.At(slot) = user{name: r.names.add(uint32(slot), name), next: next}
	r.first[h] = uint32(slot)
	r.count++
}

// Remove logs the user at slot out; its name is free from now on (TR3).
func (r *Registry) Remove(slot int) {
	u := r.users.Find(slot)
	r.unchain(r.hash(r.Name(slot)), uint32(slot), u.next)
	r.names.remove(u.name, func(slot uint32, to place) { r.users.Find(int(slot)).name = to })
	r.count--
}

// unchain takes slot, which is followed by next, off the chain of a hash.
func (r *Registry) unchain(h, slot, next uint32) {
	before := r.first[h]
	switch {
	case before != slot:
		for r.users.Find(int(before)).next != slot {
			before = r.users.Find(int(before)).next
		}
		r.users.Find(int(before)).next = next
	case next == vacant:
		delete(r.first, h)
	default:
		r.first[h] = next
	}
}

// AppendList appends the names of all users to text, with commas between, in the order in which
// they logged in (PR9).
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

// ListLen is the number of bytes that AppendList appends, give or take a few.
func (r *Registry) ListLen() int { return r.names.live - r.count*(nameHeader-1) }

func (r *Registry) hash(name []byte) uint32 { return uint32(maphash.Bytes(r.seed, name)) }
