package protocol

import "chatd/state"

// A Frame is one whole line on its way to one client. Frames to the same client leave in the order in
// which the machine returned them, and nothing is ever put inside one.
type Frame struct {
	To   int    // the client's slot
	Text []byte // with its line end; valid until the machine's next call, or for ever if Shared is set

	// Shared, if not nil, says that Text never changes, so that any number of queues may hold it
	// instead of a copy. All frames with the same text have the same Shared.
	Shared *Shared

	// Last, if not empty, says that this is the client's last frame: send it, then close (PR4, PR5,
	// PR7).
	Last Reason

	// Receipt, if not zero, comes back to Machine.Complete.
	Receipt Receipt
}

// Shared is what all frames with the same immutable text have in common.
type Shared struct {
	Holders int // how many queues hold the text now; the queues count
}

// A Reason is why a connection ends: one word, for the log and the figures.
type Reason string

// The reasons of the protocol. Package poller has the others.
const (
	BadLogin Reason = "bad_login" // no login, or one with an invalid name (PR4, PR7)
	InUse    Reason = "in_use"    // another user has the name (PR5)
)

// A Receipt is the promise behind SEND-OK (PR12). It leaves with a DELIVERY and comes back to
// Machine.Complete exactly once, unless its owner is closed first: as sent when the kernel has taken the frame's last byte, and never
// before; as lost when the target's connection ended first.
type Receipt struct {
	Owner state.ID // the client that waits for the reply
	Place uint32   // the reply's place among the pending replies of Owner
}
