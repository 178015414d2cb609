package state

import "strconv"

// An ID names one connection for ever. Its low half is the connection's slot, which is its
// descriptor number and so is small and used again; its high half is the slot's generation, which
// grows with each connection that has it. Whoever keeps an ID of a connection that has gone holds a
// name that fits nobody: stale events and late receipts miss by construction.
//
// Generation 0 is never a connection's, so the zero ID names nobody. A slot must be used 2^31 times
// before an ID comes again.
type ID uint64

// NewID joins a slot and its generation.
func NewID(slot int, generation uint32) ID { return ID(generation)<<32 | ID(uint32(slot)) }

// Slot is the index of the connection in tables.
func (id ID) Slot() int { return int(uint32(id)) }

// Generation tells apart the connections that have had the slot.
func (id ID) Generation() uint32 { return uint32(id >> 32) }

// String is for logs and traces: slot 7 in its second generation is 7.2.
func (id ID) String() string {
	return strconv.Itoa(id.Slot()) + "." + strconv.FormatUint(uint64(id.Generation()), 10)
}
