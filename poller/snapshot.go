//go:build js

package poller

import "chatd/protocol"

// A Snapshot is what the loop keeps of one active connection, for the page in the browser (docs/page).
// No other program is built with it.
type Snapshot struct {
	Descriptor int
	Generation int
	Phase      string
	LoggedIn   bool
	Lines      string   // in the line buffer: read, and not executed
	Queue      string   // in the out queue: not taken by the kernel
	Receipts   []int    // where in Queue each frame with a receipt ends
	Owners     []int    // and the descriptor of the client that waits for it
	Pending    []string // replies that wait; an unknown one is empty
	Active     bool     // the end of the turn looks at it
	Write      bool     // it has a pending write
	Blocked    bool     // the kernel took less than it was offered
	Throttled  bool
	Resumed    bool // it has lines left for the next turn
}

// Snapshots are those of the connections that are not idle, by descriptor.
func (l *Loop) Snapshots() (all []Snapshot) {
	l.records.Each(func(slot int, r *record) {
		if r.conn == nil {
			return
		}
		c := r.conn
		s := Snapshot{
			Descriptor: slot, Generation: int(r.generation), LoggedIn: c.LoggedIn,
			Phase: [...]string{"open", "finishing", "draining", "lingering", "closed"}[c.phase],
			Lines: string(c.lines.Rest()), Active: c.active, Write: c.writePending,
			Blocked: c.writeBlocked, Throttled: c.throttled, Resumed: c.linesLeft && !c.active,
		}
		for i, chunk := range c.out.chunks {
			text := chunk.text
			if i == 0 {
				text = text[c.out.offset:]
			}
			s.Queue += string(text)
		}
		for _, receipt := range c.out.receipts {
			s.Receipts = append(s.Receipts, int(receipt.end-c.out.taken))
			s.Owners = append(s.Owners, receipt.receipt.Owner.Slot())
		}
		for _, reply := range c.Replies() {
			s.Pending = append(s.Pending, protocol.ReplyText(reply))
		}
		all = append(all, s)
	})
	return all
}

// Completing is how many receipts are complete and have not been given back to the machine.
func (l *Loop) Completing() (sent, lost int) { return len(l.sent), len(l.lost) }
