package protocol_test

import (
	"slices"
	"strings"
)

// A model is the protocol once more, for comparison: as plain as can be, without a thought for
// speed or memory. It says which frames each call of a Machine must answer with.
type model struct {
	max, limit int
	users      []*person // in login order
}

// A person is a client of the model.
type person struct {
	name string
	gone bool      // has had its last frame, or was closed
	rest string    // of a line that has not ended
	owed []*answer // in the order of the requests
}

// An answer is "" until it is known. The list is known when it leaves.
type answer struct{ text string }

const theList = "the list"

// A saying is what the machine must say.
type saying struct {
	to     *person
	text   string
	last   bool
	waited *answer // of a DELIVERY
}

func (m *model) find(name string) *person {
	for _, p := range m.users {
		if p.name == name {
			return p
		}
	}
	return nil
}

func (m *model) remove(p *person) {
	p.gone = true
	m.users = slices.DeleteFunc(m.users, func(u *person) bool { return u == p })
}

// input is told a piece of what p says, up to one line end.
func (m *model) input(p *person, piece string) []saying {
	if p.gone {
		return nil
	}
	p.rest += piece
	line, ended := strings.CutSuffix(p.rest, "\n")
	line = strings.TrimSuffix(line, "\r")
	tooLong := len(line) > m.limit
	user := m.find(p.name) == p
	full := len(m.users) == m.max
	if !ended && (user || !tooLong || full && strings.HasPrefix(line, "HELLO-FROM ")) {
		return nil
	}
	p.rest = ""
	if user {
		return m.serve(p, line, tooLong)
	}
	return m.greet(p, line, tooLong, full)
}

// greet is the upper half of the table.
func (m *model) greet(p *person, line string, tooLong, full bool) []saying {
	header, name, _ := strings.Cut(line, " ")
	switch {
	case header != "HELLO-FROM":
		return m.dismiss(p, badRqstHdr)
	case full:
		return []saying{{to: p, text: busy}}
	case tooLong || !isName(name):
		return m.dismiss(p, badRqstBody)
	case m.find(name) != nil:
		return m.dismiss(p, inUse)
	}
	p.name = name
	m.users = append(m.users, p)
	return []saying{{to: p, text: "HELLO " + name + "\n"}}
}

func (m *model) dismiss(p *person, text string) []saying {
	p.gone = true
	return []saying{{to: p, text: text, last: true}}
}

// serve is the lower half.
func (m *model) serve(p *person, line string, tooLong bool) []saying {
	header, body, hasBody := strings.Cut(line, " ")
	target, message, _ := strings.Cut(strings.TrimLeft(body, " "), " ")
	text := badRqstHdr
	switch {
	case header == "LIST" && !hasBody:
		text = theList
	case header == "LIST", header == "SEND" && (tooLong || message == "" || !isName(target)):
		text = badRqstBody
	case header == "SEND" && m.find(target) == nil:
		text = badDestUser
	case header == "SEND":
		a := new(answer)
		p.owed = append(p.owed, a)
		return []saying{{to: m.find(target), text: "DELIVERY " + p.name + " " + message + "\n", waited: a}}
	}
	p.owed = append(p.owed, &answer{text})
	return m.leave(p)
}

// settle is told what became of a DELIVERY that p had sent.
func (m *model) settle(p *person, a *answer, sent bool) []saying {
	a.text = badDestUser
	if sent {
		a.text = sendOK
	}
	if p.gone {
		return nil
	}
	return m.leave(p)
}

// leave lets the answers leave that are known, in order.
func (m *model) leave(p *person) (out []saying) {
	for len(p.owed) > 0 && p.owed[0].text != "" {
		text := p.owed[0].text
		if text == theList {
			text = m.list()
		}
		out = append(out, saying{to: p, text: text})
		p.owed = p.owed[1:]
	}
	return out
}

func (m *model) list() string {
	names := make([]string, len(m.users))
	for i, u := range m.users {
		names[i] = u.name
	}
	return "LIST-OK " + strings.Join(names, ",") + "\n"
}
