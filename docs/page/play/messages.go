package play

import (
	"bytes"
	"fmt"
	"strings"

	"chatd/poller/memkernel"
)

// owed is a SEND of an earlier turn whose DELIVERY is not with the kernel.
func (j *judge) owed(v *view) *send {
	for _, s := range v.sends {
		if s.line >= v.answered && !s.delivered && s.turn < j.run.Turns && s.target != nil && !s.target.gone {
			return s
		}
	}
	return nil
}

func (j *judge) read(v *view, c memkernel.Call) {
	switch {
	case c.Err != nil:
		return
	case c.N == 0:
		if !v.ended {
			j.effects++
		}
		v.ended = true
		return
	}
	j.effects++
	if v.last {
		return // it is discarded
	}
	if s := j.owed(v); s != nil {
		j.fail(promisePressure, "client %s is read although its SEND to %s waits: %s does not take its messages. A client that goes on sending fills the server's memory.",
			v.letter, s.to, s.to)
	}
	v.in = append(v.in, c.Data...)
	for {
		line, rest, ok := bytes.Cut(v.in, []byte("\n"))
		if !ok {
			return
		}
		v.in = rest
		text := strings.TrimSuffix(string(line), "\r")
		if name, ok := strings.CutPrefix(text, "HELLO-FROM "); ok && len(v.lines) == 0 {
			v.claimed = name
		}
		if body, ok := strings.CutPrefix(text, "SEND "); ok && v.claimed != "" {
			to, message, _ := strings.Cut(strings.TrimLeft(body, " "), " ")
			if message != "" {
				s := &send{from: v, line: len(v.lines), to: to, target: j.named(to), text: message, turn: j.run.Turns}
				j.sends, v.sends = append(j.sends, s), append(v.sends, s)
			}
		}
		v.lines = append(v.lines, text)
	}
}

// write looks at each line that the kernel has taken whole.
func (j *judge) write(v *view, data string) {
	v.out = append(v.out, data...)
	for {
		line, rest, ok := bytes.Cut(v.out, []byte("\n"))
		if !ok {
			return
		}
		v.out = rest
		if text, ok := strings.CutPrefix(string(line), "DELIVERY "); ok {
			j.delivery(v, text)
		} else {
			j.reply(v, string(line))
		}
	}
}

func (j *judge) delivery(v *view, text string) {
	var found *send
	for _, s := range j.sends {
		fits := !s.delivered && !s.from.last && s.to == v.claimed && s.from.claimed+" "+s.text == text
		if fits && (s.target == v || found == nil) { // it may have logged in since
			found = s
		}
		if fits && s.target == v {
			break
		}
	}
	if found == nil {
		j.fail(promiseStream, "client %s gets %q, which is not what a client has sent to it, or comes a second time.", v.letter, "DELIVERY "+text)
		return
	}
	found.delivered = true
}

func (j *judge) reply(v *view, reply string) {
	word, rest, _ := strings.Cut(reply, " ")
	if v.answered >= len(v.lines) {
		if word == "BUSY" && len(v.lines) == 0 {
			return // there was no descriptor for it
		}
		half := "nothing"
		if len(v.in) > 0 {
			half = fmt.Sprintf("%q, which is no whole line", v.in)
		}
		j.fail(promiseLines, "client %s gets %q. It has had a reply to each line that it has sent; since then, the loop has read %s.", v.letter, reply, half)
		return
	}
	line := v.lines[v.answered]
	header, body, _ := strings.Cut(line, " ")
	wrong := false
	switch word {
	case "HELLO":
		wrong = header != "HELLO-FROM" || rest != body
		v.name = body
	case "SEND-OK":
		j.sendOK(v, reply)
	case "LIST-OK":
		wrong = header != "LIST"
	case "IN-USE", "BAD-RQST-HDR", "BAD-RQST-BODY":
		v.last = v.name == ""
	case "BAD-DEST-USER", "BUSY":
	default:
		wrong = true
	}
	if wrong {
		j.fail(promiseStream, "client %s gets %q as the reply to %q.", v.letter, reply, line)
	}
	v.answered++
}

func (j *judge) sendOK(v *view, reply string) {
	for _, s := range v.sends {
		if s.line != v.answered {
			continue
		}
		if !s.delivered {
			j.fail(promiseSendOK, "client %s gets SEND-OK for %q, and the kernel has not taken the last byte of its DELIVERY to %s.", v.letter, s.text, s.to)
		}
		return
	}
	j.fail(promiseStream, "client %s gets %q as the reply to %q.", v.letter, reply, v.lines[v.answered])
}

// named is the connection of a user, or of a client that asks for the name and has no reply yet.
func (j *judge) named(user string) (found *view) {
	for _, c := range j.run.Clients {
		v := j.byFD[c.FD]
		if v == nil || v.claimed != user || v.last || v.ended || user == "" {
			continue
		}
		if found == nil || v.name == user {
			found = v
		}
	}
	return found
}
