package main

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A model is the protocol in its plainest form, written from docs/protocol.md alone. It is told each
// line of each client, in the order in which the machine carries them out, and what became of each
// DELIVERY. From that it knows what each client must receive.
type model struct {
	maxUsers int
	maxName  int
	users    []*session // in login order
}

// A session is a client as the model sees it.
type session struct {
	name    string   // empty until the client has logged in
	replies []*reply // in the order of the requests, from the first that is pending on
	output  []byte   // everything that the client must receive, from the first byte on
	done    bool     // nothing more is added to output
}

// A reply is the answer to a request, once that is known.
type reply struct {
	known bool
	list  bool // LIST-OK with the users at the moment at which it leaves
	text  string
}

// A delivery is a message that has been forwarded, and the reply that depends on it.
type delivery struct {
	from, to *session
	end      int // how many bytes of output the target has with this delivery
	reply    *reply
}

// line carries out a line of a client.
func (m *model) line(s *session, text []byte, tooLong bool) *delivery {
	if s.name == "" {
		m.login(s, string(text), tooLong)
		return nil
	}
	return m.request(s, string(text), tooLong)
}

func (m *model) login(s *session, text string, tooLong bool) {
	header, name, _ := strings.Cut(text, " ")
	switch {
	case header != "HELLO-FROM":
		m.replyAndClose(s, "BAD-RQST-HDR\n")
	case len(m.users) >= m.maxUsers:
		m.reply(s, reply{text: "BUSY\n"})
	case tooLong || !m.validName(name):
		m.replyAndClose(s, "BAD-RQST-BODY\n")
	case m.find(name) != nil:
		m.replyAndClose(s, "IN-USE\n")
	default:
		s.name = name
		m.users = append(m.users, s)
		m.reply(s, reply{text: "HELLO " + name + "\n"})
	}
}

func (m *model) request(s *session, text string, tooLong bool) *delivery {
	header, body, hasBody := strings.Cut(text, " ")
	name, message, _ := strings.Cut(strings.TrimLeft(body, " "), " ")
	switch {
	case header == "LIST" && !hasBody:
		m.reply(s, reply{list: true})
	case header == "LIST", header == "SEND" && (tooLong || message == "" || !m.validName(name)):
		m.reply(s, reply{text: "BAD-RQST-BODY\n"})
	case header != "SEND":
		m.reply(s, reply{text: "BAD-RQST-HDR\n"})
	case m.find(name) == nil:
		m.reply(s, reply{text: "BAD-DEST-USER\n"})
	default:
		to, r := m.find(name), &reply{}
		to.output = append(to.output, "DELIVERY "+s.name+" "+message+"\n"...)
		s.replies = append(s.replies, r)
		return &delivery{from: s, to: to, end: len(to.output), reply: r}
	}
	return nil
}

// complete is told what became of a delivery (promise 1).
func (m *model) complete(d *delivery, sent bool) {
	d.reply.known, d.reply.text = true, "BAD-DEST-USER\n"
	if sent {
		d.reply.text = "SEND-OK\n"
	}
	m.release(d.from)
}

// logout is the end of a client: it receives nothing from now on, and its name is free (promise 6).
func (m *model) logout(s *session) {
	if i := slices.Index(m.users, s); i >= 0 {
		m.users = slices.Delete(m.users, i, i+1)
	}
	s.replies, s.done = nil, true
}

func (m *model) reply(s *session, r reply) {
	r.known = true
	s.replies = append(s.replies, &r)
	m.release(s)
}

func (m *model) replyAndClose(s *session, text string) {
	m.reply(s, reply{text: text})
	m.logout(s)
}

// release lets the replies leave that are known, in the order of the requests (promise 2).
func (m *model) release(s *session) {
	for len(s.replies) > 0 && s.replies[0].known {
		text := s.replies[0].text
		if s.replies[0].list {
			text = "LIST-OK " + strings.Join(m.names(), ",") + "\n"
		}
		s.output = append(s.output, text...)
		s.replies = s.replies[1:]
	}
}

func (m *model) names() (names []string) {
	for _, s := range m.users {
		names = append(names, s.name)
	}
	return names
}

func (m *model) find(name string) *session {
	for _, s := range m.users {
		if s.name == name {
			return s
		}
	}
	return nil
}

// listPending reports whether a LIST of this client waits for an earlier reply. The machine carries
// out no further line until that has left.
func (s *session) listPending() bool { return len(s.replies) > 0 && s.replies[len(s.replies)-1].list }

func (m *model) validName(name string) bool {
	invalid := func(r rune) bool {
		return r == ' ' || r == ',' || unicode.Is(unicode.Cc, r) || strings.ContainsRune("\u2028\u2029", r) ||
			strings.ContainsRune("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", r)
	}
	return name != "" && len(name) <= m.maxName && utf8.ValidString(name) && !strings.ContainsFunc(name, invalid)
}
