// Package Model is the protocol in its plainest form, to compare the machine and the server with.
package model

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Model is the protocol in its plainest form, written from docs/protocol.md alone. It is told each
// line of each client, in the order in which the machine carries them out, and what became of each
// DELIVERY. From that it knows what each client must receive.
type Model struct {
	MaxUsers int
	MaxName  int
	Users    []*Client // in login order
}

// A Client is a client as the model sees it.
type Client struct {
	Name    string   // empty until the client has logged in
	replies []*reply // in the order of the requests, from the first that is pending on
	Output  []byte   // everything that the client must receive, from the first byte on
	Done    bool     // nothing more is added to Output
}

// A reply is the answer to a request, once that is known.
type reply struct {
	known bool
	list  bool // LIST-OK with the users at the moment at which it leaves
	text  string
}

// A Delivery is a message that has been forwarded, and the reply that depends on it.
type Delivery struct {
	From, To *Client
	End      int // how many bytes of Output the target has with this delivery
	reply    *reply
}

// Line carries out a line of a client.
func (m *Model) Line(s *Client, text []byte, tooLong bool) *Delivery {
	if s.Name == "" {
		m.login(s, string(text), tooLong)
		return nil
	}
	return m.request(s, string(text), tooLong)
}

func (m *Model) login(s *Client, text string, tooLong bool) {
	header, name, _ := strings.Cut(text, " ")
	switch {
	case header != "HELLO-FROM":
		m.replyAndClose(s, "BAD-RQST-HDR\n")
	case len(m.Users) >= m.MaxUsers:
		m.reply(s, reply{text: "BUSY\n"})
	case tooLong || !m.validName(name):
		m.replyAndClose(s, "BAD-RQST-BODY\n")
	case m.find(name) != nil:
		m.replyAndClose(s, "IN-USE\n")
	default:
		s.Name = name
		m.Users = append(m.Users, s)
		m.reply(s, reply{text: "HELLO " + name + "\n"})
	}
}

func (m *Model) request(s *Client, text string, tooLong bool) *Delivery {
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
		to.Output = append(to.Output, "DELIVERY "+s.Name+" "+message+"\n"...)
		s.replies = append(s.replies, r)
		return &Delivery{From: s, To: to, End: len(to.Output), reply: r}
	}
	return nil
}

// Complete is told what became of a delivery (promise 1).
func (m *Model) Complete(d *Delivery, sent bool) {
	d.reply.known, d.reply.text = true, "BAD-DEST-USER\n"
	if sent {
		d.reply.text = "SEND-OK\n"
	}
	m.release(d.From)
}

// Logout is the end of a client: it receives nothing from now on, and its name is free (promise 6).
func (m *Model) Logout(s *Client) {
	if i := slices.Index(m.Users, s); i >= 0 {
		m.Users = slices.Delete(m.Users, i, i+1)
	}
	s.replies, s.Done = nil, true
}

func (m *Model) reply(s *Client, r reply) {
	r.known = true
	s.replies = append(s.replies, &r)
	m.release(s)
}

func (m *Model) replyAndClose(s *Client, text string) {
	m.reply(s, reply{text: text})
	m.Logout(s)
}

// release lets the replies leave that are known, in the order of the requests (promise 2).
func (m *Model) release(s *Client) {
	for len(s.replies) > 0 && s.replies[0].known {
		text := s.replies[0].text
		if s.replies[0].list {
			text = "LIST-OK " + strings.Join(m.names(), ",") + "\n"
		}
		s.Output = append(s.Output, text...)
		s.replies = s.replies[1:]
	}
}

func (m *Model) names() (names []string) {
	for _, s := range m.Users {
		names = append(names, s.Name)
	}
	return names
}

func (m *Model) find(name string) *Client {
	for _, s := range m.Users {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// ListPending reports whether a LIST of this client waits for an earlier reply. The machine carries
// out no further line until that has left.
func (s *Client) ListPending() bool { return len(s.replies) > 0 && s.replies[len(s.replies)-1].list }

func (m *Model) validName(name string) bool {
	invalid := func(r rune) bool {
		return r == ' ' || r == ',' || unicode.Is(unicode.Cc, r) || strings.ContainsRune("\u2028\u2029", r) ||
			strings.ContainsRune("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", r)
	}
	return name != "" && len(name) <= m.MaxName && utf8.ValidString(name) && !strings.ContainsFunc(name, invalid)
}
