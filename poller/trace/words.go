package trace

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"chatd/poller"

	"golang.org/x/sys/unix"
)

const (
	nameLen = 24 // bytes of a name that are shown
	textLen = 64 // bytes of a line that are shown
)

// String is the party's name and its ID: a name may come again, an ID does not.
func (p *party) String() string {
	switch {
	case p == nil:
		return "somebody who has gone"
	case p.standing != "":
		return p.standing
	case p.name != "":
		return p.name + " (" + p.id.String() + ")"
	case !p.connected():
		return "descriptor " + strconv.Itoa(p.id.Slot())
	}
	return p.id.String()
}

// safe is the beginning of a text in a form that no terminal obeys and that is whole UTF-8: what
// cannot be printed is written as in Go.
func safe(text []byte, most int) string {
	beginning, more := cut(text, most)
	quoted := strconv.Quote(beginning)
	return quoted[1:len(quoted)-1] + more
}

// quote is the same in quotes, which end before what is left out.
func quote(text []byte, most int) string {
	beginning, more := cut(text, most)
	return strconv.Quote(beginning) + more
}

// cut takes at most so many bytes, and tears no character apart.
func cut(text []byte, most int) (beginning, more string) {
	if len(text) <= most {
		return string(text), ""
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return string(text[:end]), "..."
}

// conditions puts readiness into words.
func conditions(r poller.Readiness) string { return words(r, "readable", "writable", "ended") }

func words(r poller.Readiness, readable, writable, ended string) string {
	var all []string
	for i, word := range []string{readable, writable, ended} {
		if r&(1<<i) != 0 {
			all = append(all, word)
		}
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, "+")
}

// appendStory appends what a call was about. Both ways of writing a trace tell it in these words.
func (e *event) appendStory(to []byte) []byte {
	switch {
	case e.err == unix.EAGAIN && e.call == accept:
		return append(to, "nobody else waits (EAGAIN)"...)
	case e.err != nil:
		return fmt.Appendf(to, "%v (%s)", e.err, unix.ErrnoName(errno(e.err)))
	}
	switch e.call {
	case accept:
		return fmt.Appendf(to, "a client, who has descriptor %d now", e.fd)
	case read:
		if e.n == 0 {
			return append(to, "end of input"...)
		}
		return fmt.Appendf(to, "%d bytes %s", e.n, quote(e.bytes, textLen))
	case write:
		return fmt.Appendf(to, "%d of %d bytes %s", e.n, e.of, quote(e.bytes, textLen))
	case shutdown:
		return append(to, "is told that this was all (FIN)"...)
	case closed:
		return append(to, "the descriptor is free again"...)
	case armed:
		return fmt.Appendf(to, "is waited for: %s", words(e.interest, "read", "write", ""))
	case opened:
		return append(to, "is here, and nobody yet"...)
	case leave:
		return append(to, "is logged out"...)
	case due:
		return e.appendTold(fmt.Appendf(to, "the DELIVERY to %v has been sent", e.to))
	case lost:
		return e.appendTold(fmt.Appendf(to, "the DELIVERY to %v will never be sent", e.to))
	}
	return e.appendLine(to)
}

func errno(err error) unix.Errno {
	number, _ := err.(unix.Errno)
	return number
}

// appendLine appends what the machine was given and what it made of it.
func (e *event) appendLine(to []byte) []byte {
	switch text, whole := strings.CutSuffix(string(e.bytes), "\n"); {
	case e.n == 0:
		return append(to, "waits for a reply that is owed first"...)
	case !whole:
		return e.appendTold(fmt.Appendf(to, "%s (the end has not come)", safe([]byte(text), textLen)))
	case len(e.told) == 0:
		return fmt.Appendf(to, "%s  =>  nothing to be said yet", safe([]byte(text), textLen))
	default:
		return e.appendTold(append(to, safe([]byte(text), textLen)...))
	}
}

// manyTold is how many frames of one answer are shown.
const manyTold = 4

func (e *event) appendTold(to []byte) []byte {
	for i, t := range e.told {
		if i == manyTold {
			return fmt.Appendf(to, ", and %d more", len(e.told)-manyTold)
		}
		join := ", "
		if i == 0 {
			join = "  =>  "
		}
		text, _ := strings.CutSuffix(string(t.text), "\n")
		to = fmt.Appendf(to, "%sto %v: %s", join, t.to, safe([]byte(text), textLen))
		if t.owed != nil {
			to = fmt.Appendf(to, " [%v is owed a reply]", t.owed)
		}
		if t.last {
			to = append(to, " [then the end]"...)
		}
	}
	return to
}
