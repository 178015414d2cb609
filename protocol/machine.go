// Package protocol turns lines into frames. It knows no socket, no clock and no goroutine: what it
// answers depends only on the calls so far.
//
// # Theory of operation
//
// A LineBuffer cuts the bytes of one client into lines. One Machine serves all clients: it is given
// whole lines and answers with frames, which the caller queues for the clients they are for.
//
// A SEND makes two clients receive something, and the order is the heart of the protocol: SEND-OK may
// leave only after the DELIVERY has been sent (PR12). So the DELIVERY leaves with a Receipt, and the
// sender's session gets a pending reply, behind which the replies to later requests wait. When the
// receipt comes back, the reply is known, and the known replies at the head of the FIFO leave.
// Deliveries from other clients do not wait there, so one slow target does not make its senders look
// slow.
package protocol

import "chatd/state"

// Limits are how much clients may ask for.
type Limits struct {
	Users int // logged in at a time
	Line  int // of a user, in bytes without the line end
	Name  int // in bytes, at most state.MaxName
}

// A Machine is the protocol, for all clients together. It is not safe for concurrent use.
type Machine struct {
	limits Limits
	users  *state.Registry

	list   []byte  // the reply to LIST, immutable; nil after the users have changed
	shared *Shared // of list
	frames []Frame // the answer to the present call
	text   []byte  // the bytes of those frames that are not shared
}

// maxScratch is how large a buffer is kept for the text of frames, in bytes.
const maxScratch = 64 << 10

// NewMachine makes a machine without users.
func NewMachine(limits Limits) *Machine {
	return &Machine{limits: limits, users: state.NewRegistry(limits.Users)}
}

// Users is the number of clients that are logged in.
func (m *Machine) Users() int { return m.users.Len() }

// Name is the name of a client that is not closed, for logs; empty if it is not logged in. The bytes are
// valid until the next Close.
func (m *Machine) Name(s *state.Session) []byte {
	if !s.LoggedIn {
		return nil
	}
	return m.users.Name(s.ID.Slot())
}

// NextLine says how long the client's next line may be. ok is false if the client must get a reply
// first: a LIST whose LIST-OK waits holds back what comes after it, because a LIST-OK is long.
//
// Before login a line is as long as the longest login, and one that is too long is answered before its
// end, because the answer closes.
func (m *Machine) NextLine(s *state.Session) (limit Limit, ok bool) {
	if !s.LoggedIn {
		return Limit{Bytes: min(m.limits.Line, headerLen+m.limits.Name), AtOnce: true}, true
	}
	return Limit{Bytes: m.limits.Line}, !s.Pending() || s.Last() != listOK
}

// Line executes one line of a client and returns the frames that follow from it, which are valid
// until the next call.
func (m *Machine) Line(s *state.Session, line Line) []Frame {
	m.begin()
	r := m.parse(line)
	if s.LoggedIn {
		m.handleRequest(s, r)
	} else {
		m.handleLogin(s, r)
	}
	return m.frames
}

// handleLogin executes a line of a client that is not logged in. The order of the cases is the order
// of the checks.
func (m *Machine) handleLogin(s *state.Session, r request) {
	switch {
	case r.verb != helloFrom:
		m.replyAndClose(s, badRqstHdr, BadLogin) // PR7
	case m.users.Full():
		m.emit(s, busy) // PR15
	case r.bad:
		m.replyAndClose(s, badRqstBody, BadLogin) // PR4
	case m.inUse(r.name):
		m.replyAndClose(s, inUse, InUse) // PR5
	default: // PR3
		m.users.Add(s.ID.Slot(), r.name)
		m.list = nil
		s.LoggedIn = true
		m.text = appendHello(m.text, r.name)
		m.frames = append(m.frames, Frame{To: s.ID.Slot(), Text: m.text})
	}
}

// handleRequest executes a line of a user.
func (m *Machine) handleRequest(s *state.Session, r request) {
	switch {
	case r.verb == unknown || r.verb == helloFrom:
		m.reply(s, badRqstHdr) // PR6, PR16
	case r.bad:
		m.reply(s, badRqstBody) // PR17
	case r.verb == list:
		m.reply(s, listOK) // PR8
	default:
		m.send(s, r)
	}
}

// send forwards a message (PR10-PR14). Its reply is pending until the receipt comes back.
func (m *Machine) send(s *state.Session, r request) {
	target, ok := m.users.Lookup(r.name)
	switch {
	case ok:
		m.text = appendDelivery(m.text, m.users.Name(s.ID.Slot()), r.message)
		m.frames = append(m.frames, Frame{
			To:      target,
			Text:    m.text,
			Receipt: Receipt{Owner: s.ID, Place: s.Append(state.Unresolved)},
		})
	case m.validName(r.name):
		m.reply(s, badDestUser) // PR13
	default:
		m.reply(s, badRqstBody) // PR17: no user can have that name
	}
}

// Complete is told what became of the frame with a receipt: SEND-OK if it was sent (PR12),
// BAD-DEST-USER if it was lost (PR13, PR14). It returns the replies that may leave now. s is the
// session of the receipt's owner, which must not be closed.
func (m *Machine) Complete(s *state.Session, place uint32, sent bool) []Frame {
	m.begin()
	reply := badDestUser
	if sent {
		reply = sendOK
	}
	for _, reply := range s.Resolve(place, reply) {
		m.emit(s, reply)
	}
	return m.frames
}

// Close logs a client out: its name is free (TR3), and no frame is for it any more. A client that is not
// logged in, as after its Last frame, need not be closed.
func (m *Machine) Close(s *state.Session) {
	if s.LoggedIn {
		m.users.Remove(s.ID.Slot())
		s.LoggedIn = false
		m.list = nil
	}
}

// reply answers a request at once, or in its turn if an earlier reply is pending.
func (m *Machine) reply(s *state.Session, reply state.Reply) {
	if s.Pending() {
		s.Append(reply)
		return
	}
	m.emit(s, reply)
}

// emit appends the frame of a reply to the answer.
func (m *Machine) emit(s *state.Session, reply state.Reply) {
	f := Frame{To: s.ID.Slot(), Text: texts[reply]}
	if reply == listOK {
		if m.list == nil {
			m.list, m.shared = makeList(m.users), new(Shared)
		}
		f.Text, f.Shared = m.list, m.shared
	}
	m.frames = append(m.frames, f)
}

// replyAndClose answers a request with the client's last frame.
func (m *Machine) replyAndClose(s *state.Session, reply state.Reply, reason Reason) {
	m.frames = append(m.frames, Frame{To: s.ID.Slot(), Text: texts[reply], Last: reason})
}

func (m *Machine) inUse(name []byte) bool {
	_, ok := m.users.Lookup(name)
	return ok
}

// begin makes room for the answer to a call.
func (m *Machine) begin() {
	m.frames, m.text = m.frames[:0], m.text[:0]
	if cap(m.text) > maxScratch {
		m.text = nil
	}
}
