package protocol

import (
	"bytes"
	"unicode/utf8"
)

// A verb is the header of a request: the bytes before the first space.
type verb uint8

const (
	unknown verb = iota
	helloFrom
	list
	send
)

// A request is one line of a client, understood. bad says that the header is good and the body is
// not (PR4, PR17); a header that is not good is the verb unknown (PR7, PR16).
type request struct {
	verb    verb
	bad     bool
	name    []byte // HELLO-FROM: the client's; SEND: the target's
	message []byte // SEND
}

// parse understands a line. Of a line that is too long, the beginning is enough: its header, and
// the space behind it, decide which error the line earns.
func parse(l line) request {
	header, body, hasBody := bytes.Cut(l.text, space)
	switch string(header) {
	case "HELLO-FROM":
		return request{verb: helloFrom, name: body, bad: l.tooLong || !validName(body)}
	case "LIST":
		return request{verb: list, bad: hasBody}
	case "SEND":
		target, message, _ := bytes.Cut(bytes.TrimLeft(body, " "), space)
		return request{verb: send, name: target, message: message, bad: l.tooLong || len(message) == 0}
	}
	return request{verb: unknown}
}

var space = []byte(" ")

// validName reports whether a client may be called so. A name becomes part of everyone's LIST-OK
// and must not be able to break a line, a list or a terminal: no space and no comma (UR1, UR2), no
// control byte, whole UTF-8. Nothing else about it is judged.
func validName(name []byte) bool {
	for _, b := range name {
		if b <= ' ' || b == ',' || b == 0x7F {
			return false
		}
	}
	return len(name) > 0 && utf8.Valid(name)
}
