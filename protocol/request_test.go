package protocol

import (
	"regexp"
	"testing"
	"unicode/utf8"
)

// The requests said a second time, as patterns, to compare with what parse says.
var (
	hasHeader = regexp.MustCompile(`(?s)^(HELLO-FROM|LIST|SEND)(?: |$)`)
	goodHello = regexp.MustCompile(`(?s)^HELLO-FROM ([^\x00- ,\x7f]+)$`)
	goodList  = regexp.MustCompile(`^LIST$`)
	goodSend  = regexp.MustCompile(`(?s)^SEND  *([^ ]+) (.+)$`)
)

func FuzzRequest(f *testing.F) {
	for _, line := range []string{
		"HELLO-FROM alice", "HELLO-FROM", "HELLO-FROM ", "HELLO-FROM a,b", "HELLO-FROM \xff", "HELLO-FROM ë",
		"LIST", "LIST ", "LIST x", "SEND bob hi", "SEND  bob  hi ", "SEND bob", "SEND bob ", "SEND bob  ", "SEND   ",
		"SEND a,b hi", "SEND bob \x00\xff\n", "", " ", " LIST", "list", "SEND-OK", "DELIVERY a b", "SEND\tbob hi",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := parse(line{text: text})
		header := hasHeader.FindSubmatch(text)
		if header == nil {
			if r.verb != unknown {
				t.Fatalf("%q is taken for a request: %+v", text, r)
			}
			return
		}
		var name, message string
		good := false
		switch string(header[1]) {
		case "HELLO-FROM":
			if m := goodHello.FindSubmatch(text); m != nil && utf8.Valid(text) {
				good, name = true, string(m[1])
			}
		case "LIST":
			good = goodList.Match(text)
		case "SEND":
			if m := goodSend.FindSubmatch(text); m != nil {
				good, name, message = true, string(m[1]), string(m[2])
			}
		}
		if r.verb != verbs[string(header[1])] || r.bad == good {
			t.Fatalf("%q: got %+v, want the verb %s, good is %v", text, r, header[1], good)
		}
		if good && (string(r.name) != name || string(r.message) != message) {
			t.Errorf("%q: got the name %q and the message %q, want %q and %q", text, r.name, r.message, name, message)
		}
	})
}

var verbs = map[string]verb{"HELLO-FROM": helloFrom, "LIST": list, "SEND": send}

// A line that is too long earns the error that its header earns, whatever of it is kept beyond the
// header.
func TestC2ErrorOfALineTooLong(t *testing.T) {
	for text, want := range map[string]verb{
		"HELLO-FROM alice": helloFrom,
		"LIST all":         list,
		"SEND bob hi":      send,
		"SEND           ":  send,
		"HELLO-FROMxxxxx":  unknown, // the header has not ended, so it is longer than any that is known
		"LISTLISTLISTLIST": unknown,
		"                ": unknown,
		"list x          ": unknown,
	} {
		for _, kept := range []int{headerLen, len(text)} {
			r := parse(line{text: []byte(text[:min(kept, len(text))]), tooLong: true})
			if r.verb != want || want != unknown && !r.bad {
				t.Errorf("too long and beginning with %q: got %+v, want the verb %d, bad", text[:min(kept, len(text))], r, want)
			}
		}
	}
}

// headerLen is what the longest header needs, and the others fit in.
func TestHeaderLen(t *testing.T) {
	longest := 0
	for header := range verbs {
		longest = max(longest, len(header+" "))
	}
	if headerLen != longest {
		t.Errorf("headerLen is %d, the longest header and its space take %d", headerLen, longest)
	}
}
