// Package protocol turns bytes into transitions and outbound frames. It could be moved onto carrier
// pigeons without an edit: it knows no socket, no clock and no goroutine, and what it answers
// depends on nothing but the calls it has had.
//
// # Theory of operation
//
// One Machine serves all clients. It is called when a client has come (Open), has said something
// (Input) or has gone (Close), and when it is known what became of a frame (Complete). It answers
// with frames and never waits.
//
// A SEND makes two clients hear something, and the order is the heart of the protocol: SEND-OK may
// be said only when the DELIVERY has really been sent (PR12). So the DELIVERY leaves with a
// Receipt, the sender is owed a reply, and the replies to what it asks meanwhile queue behind that
// one, in its session. When the receipt comes back the reply is known, and the known ones at the
// head of the queue leave. Deliveries from others do not queue there: one slow target does not make
// its senders look slow.
package protocol

import "chatd/state"

// A Machine is the protocol, for all clients together. It is not safe for concurrent use: one
// thread calls it, and every answer is exact at one instant of that thread.
type Machine struct {
	sessions state.Sessions
	users    *state.Registry
	maxLine  int // bytes

	list   []byte  // the reply to LIST; nil after the list has changed
	shared *Shared // its
	frames []Frame // the answer to the present call
	text   []byte  // the bytes of those frames that are not shared
}

// maxScratch is how large a buffer is kept for the text of frames, in bytes.
const maxScratch = 64 << 10

// NewMachine makes a machine for at most maxUsers users at a time, with lines of at most maxLine
// bytes without the line end.
func NewMachine(maxUsers, maxLine int) *Machine {
	return &Machine{users: state.NewRegistry(maxUsers), maxLine: maxLine}
}

// Users is the number of clients that are logged in.
func (m *Machine) Users() int { return m.users.Len() }

// Open says that a client has connected. It is asked nothing and owed nothing.
func (m *Machine) Open(id state.ID) { m.sessions.Open(id) }

// Input carries out what a client said: at most one line of in, which is one byte at least, cut
// from the stream at any place. It returns how many bytes it has used up and the frames that follow
// from them, which are good until the next call. The caller comes again with the rest, when it
// likes: that is how it shares its time out and slows a client down.
//
// Input uses up nothing if the client must have a reply that it is owed first. It then has to be
// called again after a Complete for that client. After a client's Last frame it throws all input
// away.
func (m *Machine) Input(id state.ID, in []byte) (n int, frames []Frame) {
	m.begin()
	s := m.sessions.Find(id)
	if s == nil {
		return len(in), nil
	}
	if m.mustWait(s) {
		return 0, nil
	}
	l, n, ended := m.cut(s, in)
	switch {
	case !ended && !l.tooLong:
		return n, nil
	case s.User && ended:
		m.serve(id, s, parse(l))
	case s.User: // a line too long is answered when it ends: without an end it is no request
		return n, nil
	default:
		m.greet(id, s, parse(l), ended)
	}
	if ended {
		m.endLine(s)
	}
	return n, m.frames
}

// greet carries out a line of a client that has not logged in. The order of the checks is the order
// of precedence. A stranger's line that is too long is answered before it ends, if the answer
// closes.
func (m *Machine) greet(id state.ID, s *state.Session, r request, ended bool) {
	switch {
	case r.verb != helloFrom:
		m.dismiss(id, badRqstHdr, BadLogin) // PR7
	case m.users.Full():
		if ended {
			m.reply(id, s, busy) // PR15
		}
	case r.bad:
		m.dismiss(id, badRqstBody, BadLogin) // PR4
	case m.known(r.name):
		m.dismiss(id, inUse, InUse) // PR5
	default: // PR3
		m.users.Add(id.Slot(), r.name)
		m.list = nil
		s.User = true
		m.text = appendHello(m.text, r.name)
		m.frames = append(m.frames, Frame{To: id, Text: m.text, Login: true})
	}
}

// serve carries out a line of a user.
func (m *Machine) serve(id state.ID, s *state.Session, r request) {
	switch {
	case r.verb == unknown || r.verb == helloFrom:
		m.reply(id, s, badRqstHdr) // PR6, PR16
	case r.bad:
		m.reply(id, s, badRqstBody) // PR17
	case r.verb == list:
		m.reply(id, s, listOK) // PR8
	default:
		m.send(id, s, r)
	}
}

// send forwards a message (PR10-PR14). The reply to it is owed until the delivery is settled.
func (m *Machine) send(id state.ID, s *state.Session, r request) {
	target, ok := m.users.Lookup(r.name)
	switch {
	case ok:
		m.text = appendDelivery(m.text, m.users.Name(id.Slot()), r.message)
		m.frames = append(m.frames, Frame{
			To:      m.sessions.ID(target),
			Text:    m.text,
			Receipt: Receipt{Owner: id, Slot: m.sessions.Busy(s).Owe(state.Pending)},
		})
	case validName(r.name):
		m.reply(id, s, badDestUser) // PR13
	default:
		m.reply(id, s, badRqstBody) // PR17: nobody can have that name
	}
}

// Complete says what became of the frame that carried the receipt, and so makes the reply to a SEND
// known: SEND-OK if the frame was sent (PR12), BAD-DEST-USER if not (PR13, PR14). It answers with
// the replies that may now leave. If the owner has gone there is nothing to say to anybody.
func (m *Machine) Complete(receipt Receipt, sent bool) []Frame {
	m.begin()
	s := m.sessions.Find(receipt.Owner)
	if s == nil {
		return nil
	}
	reply := badDestUser
	if sent {
		reply = sendOK
	}
	a := s.Activity()
	a.Fill(receipt.Slot, reply)
	for {
		reply, ok := a.Next()
		if !ok {
			break
		}
		m.say(receipt.Owner, reply)
	}
	m.sessions.Rest(s)
	return m.frames
}

// Close says that a client has gone or will say nothing more. Its name is free from now on (TR3),
// and no frame is addressed to it any more. After a Last frame there is nothing left to close,
// which is no error.
func (m *Machine) Close(id state.ID) {
	s := m.sessions.Find(id)
	if s == nil {
		return
	}
	if s.User {
		m.users.Remove(id.Slot())
		m.list = nil
	}
	m.sessions.Close(id)
}

// Held is how many bytes are kept for a client here: of a line that has not ended, and of replies
// that wait.
func (m *Machine) Held(id state.ID) int {
	if s := m.sessions.Find(id); s != nil {
		return s.Activity().Size()
	}
	return 0
}

// mustWait reports whether a client's next line has to wait for a reply that the client is owed.
// Replies that queue are numbers, not texts, but the text of a LIST-OK is long: one may queue, no
// more.
func (m *Machine) mustWait(s *state.Session) bool {
	a := s.Activity()
	return a.Owing() && a.Last() == listOK
}

// reply answers a request now, or in its turn if an earlier reply is owed.
func (m *Machine) reply(id state.ID, s *state.Session, reply state.Reply) {
	if a := s.Activity(); a.Owing() {
		a.Owe(reply)
		return
	}
	m.say(id, reply)
}

// say hands a reply out.
func (m *Machine) say(id state.ID, reply state.Reply) {
	if reply != listOK {
		m.frames = append(m.frames, Frame{To: id, Text: texts[reply]})
		return
	}
	if m.list == nil {
		m.list, m.shared = makeList(m.users), new(Shared)
	}
	m.frames = append(m.frames, Frame{To: id, Text: m.list, Shared: m.shared})
}

// dismiss answers a request and closes. What the client says after it is not carried out.
func (m *Machine) dismiss(id state.ID, reply state.Reply, reason Reason) {
	m.frames = append(m.frames, Frame{To: id, Text: texts[reply], Last: reason})
	m.sessions.Close(id)
}

func (m *Machine) known(name []byte) bool {
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
