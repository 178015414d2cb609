package main

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A model is the protocol in its plainest form, written from docs/protocol.md alone: it has all the
// memory it likes and never waits. It is told what each client said, in the order in which it was
// carried out, and what became of each delivery; what each client is to hear, it knows itself.
type model struct {
	maxUsers int
	maxName  int
	users    []*party // in the order in which they logged in
}

// A party is a client as the model sees it.
type party struct {
	name      string    // empty until it has logged in
	owed      []*answer // to its requests, in order, from the first that is not known on
	said      []byte    // all that it is to hear, from the first byte on
	dismissed bool      // it has been told its last words
}

// An answer is what a request is answered with, once that is known.
type answer struct {
	known bool
	list  bool // of all users at the moment at which it leaves
	text  string
}

// A delivery is a message on its way, and the answer that depends on it.
type delivery struct {
	from, to *party
	end      int // how many bytes to has heard when it has heard this
	answer   *answer
}

// hear lets a client say one line.
func (m *model) hear(p *party, text []byte, tooLong bool) *delivery {
	if p.name == "" {
		m.greet(p, string(text), tooLong)
		return nil
	}
	return m.serve(p, string(text), tooLong)
}

// greet carries out a line of a client that is new.
func (m *model) greet(p *party, text string, tooLong bool) {
	header, name, _ := strings.Cut(text, " ")
	switch {
	case header != "HELLO-FROM":
		m.dismiss(p, "BAD-RQST-HDR\n")
	case len(m.users) >= m.maxUsers:
		m.reply(p, answer{text: "BUSY\n"})
	case tooLong || !m.isName(name):
		m.dismiss(p, "BAD-RQST-BODY\n")
	case m.find(name) != nil:
		m.dismiss(p, "IN-USE\n")
	default:
		p.name = name
		m.users = append(m.users, p)
		m.reply(p, answer{text: "HELLO " + name + "\n"})
	}
}

// serve carries out a line of a user.
func (m *model) serve(p *party, text string, tooLong bool) *delivery {
	header, body, hasBody := strings.Cut(text, " ")
	name, message, _ := strings.Cut(strings.TrimLeft(body, " "), " ")
	switch {
	case header == "LIST" && !hasBody:
		m.reply(p, answer{list: true})
	case header == "LIST", header == "SEND" && (tooLong || message == "" || !m.isName(name)):
		m.reply(p, answer{text: "BAD-RQST-BODY\n"})
	case header != "SEND":
		m.reply(p, answer{text: "BAD-RQST-HDR\n"})
	case m.find(name) == nil:
		m.reply(p, answer{text: "BAD-DEST-USER\n"})
	default:
		to, a := m.find(name), &answer{}
		to.said = append(to.said, "DELIVERY "+p.name+" "+message+"\n"...)
		p.owed = append(p.owed, a)
		return &delivery{from: p, to: to, end: len(to.said), answer: a}
	}
	return nil
}

// settle says what became of a delivery (promise 1).
func (m *model) settle(d *delivery, sent bool) {
	d.answer.known, d.answer.text = true, "BAD-DEST-USER\n"
	if sent {
		d.answer.text = "SEND-OK\n"
	}
	m.speak(d.from)
}

// logout is the end of a client: it is told nothing from now on, and its name is free (promise 6).
func (m *model) logout(p *party) {
	if i := slices.Index(m.users, p); i >= 0 {
		m.users = slices.Delete(m.users, i, i+1)
	}
	p.owed, p.dismissed = nil, true
}

func (m *model) reply(p *party, a answer) {
	a.known = true
	p.owed = append(p.owed, &a)
	m.speak(p)
}

// speak lets the answers leave that are known, in the order of the requests (promise 2).
func (m *model) speak(p *party) {
	for len(p.owed) > 0 && p.owed[0].known {
		text := p.owed[0].text
		if p.owed[0].list {
			text = "LIST-OK " + strings.Join(m.names(), ",") + "\n"
		}
		p.said = append(p.said, text...)
		p.owed = p.owed[1:]
	}
}

func (m *model) dismiss(p *party, text string) {
	m.reply(p, answer{text: text})
	m.logout(p)
}

func (m *model) names() (names []string) {
	for _, p := range m.users {
		names = append(names, p.name)
	}
	return names
}

func (m *model) find(name string) *party {
	for _, p := range m.users {
		if p.name == name {
			return p
		}
	}
	return nil
}

// listWaits reports whether a LIST of this client's waits for an earlier answer. Until it has left,
// no more is asked of the server.
func (p *party) listWaits() bool { return len(p.owed) > 0 && p.owed[len(p.owed)-1].list }

func (m *model) isName(name string) bool {
	odd := func(r rune) bool {
		return r == ' ' || r == ',' || unicode.Is(unicode.Cc, r) || strings.ContainsRune("\u2028\u2029", r) ||
			strings.ContainsRune("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", r)
	}
	return name != "" && len(name) <= m.maxName && utf8.ValidString(name) && !strings.ContainsFunc(name, odd)
}
