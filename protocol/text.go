package protocol

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"chatd/state"
)

// A verb is the header of a request: the bytes before the first space.
type verb uint8

const (
	unknown verb = iota
	helloFrom
	list
	send
)

// A request is a parsed line. bad says that the header is valid and the body is not (PR4, PR17); an
// invalid header is the verb unknown (PR7, PR16).
type request struct {
	verb    verb
	bad     bool
	name    []byte // HELLO-FROM: the client's; SEND: the target's
	message []byte // SEND
}

// parse parses a line. Of a line that is too long, the header decides which error it gets.
func (m *Machine) parse(l Line) request {
	header, body, hasBody := bytes.Cut(l.Text, space)
	switch string(header) {
	case "HELLO-FROM":
		return request{verb: helloFrom, name: body, bad: l.TooLong || !m.validName(body)}
	case "LIST":
		return request{verb: list, bad: hasBody}
	case "SEND":
		target, message, _ := bytes.Cut(bytes.TrimLeft(body, " "), space)
		return request{verb: send, name: target, message: message, bad: l.TooLong || len(message) == 0}
	}
	return request{verb: unknown}
}

var space = []byte(" ")

// validName reports whether a user may have this name. It becomes part of every LIST-OK and must not
// break a line, a list or a terminal: no space and no comma (UR1, UR2), valid UTF-8, no control
// character and nothing that changes the direction of the text around it.
func (m *Machine) validName(name []byte) bool {
	if len(name) == 0 || len(name) > m.limits.Name || !utf8.Valid(name) {
		return false
	}
	for len(name) > 0 {
		r, size := utf8.DecodeRune(name)
		if r <= ' ' || r == ',' || r >= 0x7F && (unicode.IsControl(r) || breaksLine(r)) {
			return false
		}
		name = name[size:]
	}
	return true
}

// breaksLine reports whether a character separates lines (U+2028, U+2029), or overrides or isolates the
// direction of text (U+202A to U+202E, U+2066 to U+2069).
func breaksLine(r rune) bool {
	return r >= 0x2028 && r <= 0x202E || r >= 0x2066 && r <= 0x2069
}

// The replies by number, as they wait in a session's FIFO; 0 is state.Unresolved.
const (
	sendOK state.Reply = iota + 1
	listOK
	badDestUser
	badRqstHdr
	badRqstBody
	inUse
	busy
)

// texts are the replies that are always the same. Every other text of the server is made by one of the
// functions below.
var texts = [...][]byte{
	sendOK:      []byte("SEND-OK\n"),
	badDestUser: []byte("BAD-DEST-USER\n"),
	badRqstHdr:  []byte("BAD-RQST-HDR\n"),
	badRqstBody: []byte("BAD-RQST-BODY\n"),
	inUse:       []byte("IN-USE\n"),
	busy:        []byte("BUSY\n"),
}

// BusyReply is the reply when no descriptor is available.
func BusyReply() []byte { return texts[busy] }

// appendHello appends the reply to a login (PR3).
func appendHello(text, name []byte) []byte {
	text = append(text, "HELLO "...)
	text = append(text, name...)
	return append(text, '\n')
}

// appendDelivery appends what the target of a SEND receives (PR11).
func appendDelivery(text, sender, message []byte) []byte {
	text = append(text, "DELIVERY "...)
	text = append(text, sender...)
	text = append(text, ' ')
	text = append(text, message...)
	return append(text, '\n')
}

// makeList makes the reply to LIST (PR9).
func makeList(users *state.Registry) []byte {
	text := make([]byte, 0, len("LIST-OK \n")+users.ListLen())
	text = append(text, "LIST-OK "...)
	text = users.AppendList(text)
	return append(text, '\n')
}
