package state

// A Session is what the server knows of one connected client. Its record is all that an idle client
// has here; what a client is in the middle of stands in an Activity, which exists only meanwhile.
type Session struct {
	generation uint32 // 0: nobody has this slot
	User       bool   // logged in: the Registry knows the client's name
	activity   *Activity
}

// An Activity is what one client is in the middle of: a line that has not ended yet, and the
// replies it is owed.
type Activity struct {
	// Line is the beginning of a line whose end has not come. When the line is TooLong, only its
	// first few bytes are kept.
	Line    []byte
	TooLong bool

	// The owed replies are a FIFO: owed[head:] are waiting, each in a slot whose number is its
	// index. The numbers begin again at 0 when nothing is owed any more, which is before the
	// client's next input is carried out.
	owed []Reply
	head int
}

// A Reply is one answer of the protocol, by number. The texts are no business of this package.
type Reply uint8

// Pending is the reply that is not known yet. It holds back the replies to later requests.
const Pending Reply = 0

// Sessions holds the sessions of all connections.
type Sessions struct {
	table Table[Session]
	spare []*Activity // for use again, so that a client that wakes up costs no allocation
}

const (
	spareActivities = 256      // at most kept for use again
	spareLine       = 16 << 10 // bytes; a longer Line is not kept
)

// Open begins the session of a new connection.
func (s *Sessions) Open(id ID) { *s.table.At(id.Slot()) = Session{generation: id.Generation()} }

// Find returns the session of a connection, or nil if it is over.
func (s *Sessions) Find(id ID) *Session {
	session := s.table.Find(id.Slot())
	if session == nil || session.generation != id.Generation() || session.generation == 0 {
		return nil
	}
	return session
}

// ID names the connection whose session has the slot now.
func (s *Sessions) ID(slot int) ID { return NewID(slot, s.table.Find(slot).generation) }

// Close ends a session and forgets what was owed.
func (s *Sessions) Close(id ID) {
	session := s.Find(id)
	if a := session.activity; a != nil {
		a.DropLine()
		a.owed, a.head = a.owed[:0], 0
		s.Rest(session)
	}
	*session = Session{}
}

// Busy is the session's activity, which begins here if there is none.
func (s *Sessions) Busy(session *Session) *Activity {
	if session.activity != nil {
		return session.activity
	}
	if last := len(s.spare) - 1; last >= 0 {
		session.activity, s.spare = s.spare[last], s.spare[:last]
	} else {
		session.activity = new(Activity)
	}
	return session.activity
}

// Rest ends the session's activity if there is nothing left in it.
func (s *Sessions) Rest(session *Session) {
	a := session.activity
	if a == nil || len(a.Line) > 0 || a.TooLong || a.Owing() {
		return
	}
	session.activity = nil
	if len(s.spare) < spareActivities {
		s.spare = append(s.spare, a)
	}
}

// Activity is nil for a client that is in the middle of nothing.
func (session *Session) Activity() *Activity { return session.activity }

// DropLine forgets the line, and does not keep the memory of a long one.
func (a *Activity) DropLine() {
	a.Line, a.TooLong = a.Line[:0], false
	if cap(a.Line) > spareLine {
		a.Line = nil
	}
}

// Owing reports whether a reply is owed, so that a further one has to queue behind it.
func (a *Activity) Owing() bool { return a != nil && a.head < len(a.owed) }

// Size is how many bytes an activity holds: the capacity of its buffers.
func (a *Activity) Size() int {
	if a == nil {
		return 0
	}
	return cap(a.Line) + cap(a.owed)
}

// Last is the reply at the end of the FIFO, of which there must be one.
func (a *Activity) Last() Reply { return a.owed[len(a.owed)-1] }

// Owe puts a reply at the end of the FIFO and returns the number of its slot.
func (a *Activity) Owe(reply Reply) (slot uint32) {
	a.owed = append(a.owed, reply)
	return uint32(len(a.owed) - 1)
}

// Fill says what the reply in a slot is.
func (a *Activity) Fill(slot uint32, reply Reply) { a.owed[slot] = reply }

// Next takes the reply at the head of the FIFO, if it is known.
func (a *Activity) Next() (reply Reply, ok bool) {
	if !a.Owing() || a.owed[a.head] == Pending {
		return Pending, false
	}
	reply = a.owed[a.head]
	a.head++
	if a.head == len(a.owed) {
		a.owed, a.head = a.owed[:0], 0
	}
	return reply, true
}
