package protocol

import "chatd/state"

// A Frame is one whole line on its way to one client. Frames to the same client leave in the order
// in which they were handed out, and nothing is ever put inside one.
type Frame struct {
	To   state.ID
	Text []byte // with its line end; good until the machine's next call, or for ever if Shared

	// Shared, if not nil, says that Text will never change, so that it may be kept instead of
	// copied however many clients it goes to. All frames with the same text have the same.
	Shared *Shared

	// Last, if there is a reason, says that this is the client's last frame: deliver it, then close
	// (PR4, PR5, PR7).
	Last Reason

	// Login says that the client has logged in with this frame. Until then it is a stranger, who
	// has to make room when room is short.
	Login bool

	// Receipt, if there is one, asks to be told what became of this frame.
	Receipt Receipt
}

// Shared is what those who keep a text have in common, so that its bytes are counted once.
type Shared struct {
	Holders int // how many queues keep the text now; theirs to count
}

// A Reason is why a connection ends: one word, for the log and the figures.
type Reason string

// The reasons that the protocol has. The others are the poller's.
const (
	BadLogin Reason = "bad_login" // no login, or one with an invalid name (PR4, PR7)
	InUse    Reason = "in_use"    // somebody has the name (PR5)
)

// A Receipt is the promise that stands behind SEND-OK (PR12). It travels with a DELIVERY and comes
// back to Machine.Complete exactly once: as sent when the kernel has taken the frame's last byte, and
// never before; as not sent when the target went first.
//
// The zero Receipt means that nobody waits.
type Receipt struct {
	Owner state.ID // who is owed the reply
	Slot  uint32   // which of the owner's replies it is
}
