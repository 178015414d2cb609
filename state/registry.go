// Package state knows who is here, and what each client is in the middle of.
//
// It holds no text of the protocol and no byte on its way to a client, and it knows no socket: it
// answers the questions "who has this name?", "who is logged in?" and "what does this client wait
// for?". The protocol package asks; nobody else does.
package state

import (
	"hash/maphash"
	"math/bits"
)

// MaxName is the longest name a Registry takes, in bytes. The protocol's limit for a line before
// login is lower, so that no client meets this one.
const MaxName = namePage - nameHeader

// A Registry knows the users, which are the clients that are logged in: at most a fixed number,
// each under a name that no other has (PR5, PR9, PR15).
//
// Users are found through an index of chains, by linear hashing: with each user there is one chain
// more, and only the one that is split for it is gone through. So no moment is slower than others,
// and nothing is copied to grow. The hash is seeded (hash/maphash): who chooses names cannot choose
// chains. A user costs its name and six bytes beside it, eight in its record, and four in the
// index.
type Registry struct {
	max    int
	count  int
	seed   maphash.Seed
	chains int           // how many there are; never fewer than users have been at a time
	first  Table[uint32] // of each chain: the slot of the first user, plus one; 0: none
	users  Table[user]
	names  names
}

type user struct {
	name place
	next uint32 // on its chain: the slot of the next user, plus one; 0: none
}

// NewRegistry makes a registry for at most max users.
func NewRegistry(max int) *Registry {
	return &Registry{max: max, seed: maphash.MakeSeed(), chains: 1}
}

// Full reports whether one user more is one too many (PR15).
func (r *Registry) Full() bool { return r.count >= r.max || r.names.full() }

// Len is the number of users.
func (r *Registry) Len() int { return r.count }

// Lookup finds the slot of the user with this name.
func (r *Registry) Lookup(name []byte) (slot int, ok bool) {
	for at := *r.chain(name); at != 0; {
		u := r.users.Find(int(at - 1))
		if r.names.is(u.name, name) {
			return int(at - 1), true
		}
		at = u.next
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
	if r.count++; r.count > r.chains {
		r.split()
	}
	first := r.chain(name)
	*r.users.At(slot) = user{name: r.names.add(uint32(slot), name), next: *first}
	*first = uint32(slot) + 1
}

// Remove logs the user at slot out; its name is free from now on (TR3).
func (r *Registry) Remove(slot int) {
	u := r.users.Find(slot)
	link := r.chain(r.Name(slot))
	for *link != uint32(slot)+1 {
		link = &r.users.Find(int(*link - 1)).next
	}
	*link = u.next
	r.names.remove(u.name, func(slot uint32, to place) { r.users.Find(int(slot)).name = to })
	r.count--
}

// chain is where the chain begins on which a user with this name is. The chains have the numbers
// from 0; a hash, cut to as many bits as the highest number has, that is not among them yet loses
// its highest bit.
func (r *Registry) chain(name []byte) *uint32 {
	highest := uint32(r.chains - 1)
	mask := uint32(1)<<bits.Len32(highest) - 1
	n := uint32(maphash.Bytes(r.seed, name)) & mask
	if n > highest {
		n &= mask >> 1
	}
	return r.first.At(int(n))
}

// split adds a chain: the users who belong on it now come from one that is there.
func (r *Registry) split() {
	added := uint32(r.chains)
	old := r.first.At(int(added &^ (1 << (bits.Len32(added) - 1))))
	r.chains++
	rest := *old
	*old = 0
	for rest != 0 {
		u := r.users.Find(int(rest - 1))
		_, name, _ := r.names.entry(u.name)
		first := r.chain(name)
		rest, u.next, *first = u.next, *first, rest
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
