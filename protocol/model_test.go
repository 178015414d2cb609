package protocol_test

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The replies that are always the same. A client compares them byte for byte.
const (
	sendOK      = "SEND-OK\n"
	badDestUser = "BAD-DEST-USER\n"
	badRqstHdr  = "BAD-RQST-HDR\n"
	badRqstBody = "BAD-RQST-BODY\n"
	inUse       = "IN-USE\n"
	busy        = "BUSY\n"
)

// A model is the protocol once more, for comparison, written from docs/protocol.md: as plain as can be,
// without a thought for speed or memory. It is told each line that is carried out and what became of each
// delivery, and knows what each client must be sent.
type model struct {
	maxUsers int
	maxName  int
	users    []*party // in login order
}

// A party is a client of the model.
type party struct {
	user  string    // its name; empty before login
	owed  []*answer // in the order of the requests, from the first that is not known on
	said  []byte    // what the client must be sent, and has not been
	ended bool      // nothing more is for it
}

// An answer is the reply to one request. The list is known when it leaves.
type answer struct {
	known, list bool
	text        string
}

// A delivery is a message on its way.
type delivery struct {
	from   *party
	answer *answer
}

// hear carries out a line.
func (m *model) hear(p *party, text string, tooLong bool) *delivery {
	header, body, hasBody := strings.Cut(text, " ")
	if p.user == "" {
		m.login(p, header, body, tooLong)
		return nil
	}
	name, message, _ := strings.Cut(strings.TrimLeft(body, " "), " ")
	switch {
	case header == "LIST" && !hasBody:
		m.reply(p, answer{list: true})
	case header == "LIST", header == "SEND" && (tooLong || message == "" || !m.isName(name)):
		m.reply(p, answer{text: badRqstBody})
	case header != "SEND":
		m.reply(p, answer{text: badRqstHdr})
	case m.find(name) == nil:
		m.reply(p, answer{text: badDestUser})
	default:
		to, a := m.find(name), &answer{}
		to.said = append(to.said, "DELIVERY "+p.user+" "+message+"\n"...)
		p.owed = append(p.owed, a)
		return &delivery{p, a}
	}
	return nil
}

// login carries out a line of a client that is not logged in.
func (m *model) login(p *party, header, name string, tooLong bool) {
	switch {
	case header != "HELLO-FROM":
		m.replyAndClose(p, badRqstHdr)
	case len(m.users) >= m.maxUsers:
		m.reply(p, answer{text: busy})
	case tooLong || !m.isName(name):
		m.replyAndClose(p, badRqstBody)
	case m.find(name) != nil:
		m.replyAndClose(p, inUse)
	default:
		p.user = name
		m.users = append(m.users, p)
		m.reply(p, answer{text: "HELLO " + name + "\n"})
	}
}

// complete is told what became of a delivery (promise 1).
func (m *model) complete(d *delivery, sent bool) {
	d.answer.known, d.answer.text = true, badDestUser
	if sent {
		d.answer.text = sendOK
	}
	m.release(d.from)
}

// logout is the end of a client: its name is free (promise 6).
func (m *model) logout(p *party) {
	m.users = slices.DeleteFunc(m.users, func(u *party) bool { return u == p })
	p.owed, p.ended = nil, true
}

func (m *model) reply(p *party, a answer) {
	a.known = true
	p.owed = append(p.owed, &a)
	m.release(p)
}

func (m *model) replyAndClose(p *party, text string) {
	m.reply(p, answer{text: text})
	m.logout(p)
}

// release lets the replies leave that are known, in the order of the requests (promise 2).
func (m *model) release(p *party) {
	for len(p.owed) > 0 && p.owed[0].known {
		text := p.owed[0].text
		if p.owed[0].list {
			var names []string
			for _, u := range m.users {
				names = append(names, u.user)
			}
			text = "LIST-OK " + strings.Join(names, ",") + "\n"
		}
		p.said = append(p.said, text...)
		p.owed = p.owed[1:]
	}
}

func (m *model) find(name string) *party {
	for _, p := range m.users {
		if p.user == name {
			return p
		}
	}
	return nil
}

// listWaits reports whether a LIST waits for an earlier reply. Nothing behind it is carried out.
func (p *party) listWaits() bool { return len(p.owed) > 0 && p.owed[len(p.owed)-1].list }

func (m *model) isName(name string) bool {
	odd := func(r rune) bool {
		return r == ' ' || r == ',' || unicode.Is(unicode.Cc, r) || strings.ContainsRune("\u2028\u2029", r) ||
			strings.ContainsRune("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", r)
	}
	return name != "" && len(name) <= m.maxName && utf8.ValidString(name) && !strings.ContainsFunc(name, odd)
}
