package conversation

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

var (
	unseen   = regexp.MustCompile(`[\x00-\x1f\x7f\x{fffd}]| $`)
	repeated = regexp.MustCompile(`^\{([^{}*]+)\*([0-9]{1,7})\}`)
)

// expand makes bytes of the text of a step. The escapes are those of Go's strings; {x*n} is x, n
// times.
func expand(text string) ([]byte, error) {
	if unseen.MatchString(text) {
		return nil, errors.New("a character that cannot be seen; write it as an escape, such as \\x20")
	}
	var out []byte
	for text != "" {
		if m := repeated.FindStringSubmatch(text); m != nil {
			part, err := expand(m[1])
			if err != nil {
				return nil, err
			}
			times, _ := strconv.Atoi(m[2]) // cannot fail: the pattern says so
			out = append(out, bytes.Repeat(part, times)...)
			text = text[len(m[0]):]
			continue
		}
		if strings.HasPrefix(text, "{") {
			return nil, errors.New("not a repetition; a { as such is written \\x7b")
		}
		r, multibyte, rest, err := strconv.UnquoteChar(text, 0)
		if err != nil {
			return nil, fmt.Errorf("no such escape: %.10q", text)
		}
		if multibyte {
			out = utf8.AppendRune(out, r)
		} else {
			out = append(out, byte(r))
		}
		text = rest
	}
	return out, nil
}

// Quote shows bytes in a message about a test: quoted, and not all of them if there are many.
func Quote(b []byte) string {
	const show = 60
	if len(b) <= 2*show {
		return strconv.Quote(string(b))
	}
	return fmt.Sprintf("%q...%q (%d bytes)", b[:show], b[len(b)-show:], len(b))
}
