package main

import (
	"math/rand/v2"
	"strings"
)

// A renaming gives the clients of the cases other names in each run, and the short message another
// text, so that a server cannot know them. The new ones are as long as the old ones.
type renaming struct {
	replacer *strings.Replacer
	message  string
}

func newRenaming(seed uint64) *renaming {
	random := rand.New(rand.NewPCG(seed, 0))
	word := func(length int) string {
		letters := make([]byte, length)
		for i := range letters {
			letters[i] = "bcdfghjklmnpqrstvwxz"[random.IntN(20)] // no vowel: no word of the protocol
		}
		return string(letters)
	}
	var pairs []string
	for _, name := range []string{"alice", "bob", "carol", "dave", "erin", "mallory"} {
		other := word(len(name))
		capital := func(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
		pairs = append(pairs, name, other, capital(name), capital(other), strings.ToUpper(name), strings.ToUpper(other))
	}
	for _, name := range []string{"user", "visitor"} {
		other := word(len(name))
		for digit := '0'; digit <= '9'; digit++ {
			pairs = append(pairs, name+string(digit), other+string(digit))
		}
	}
	r := &renaming{message: word(7)}
	pairs = append(pairs, " hi\n", " "+r.message+"\n", " hi\r\n", " "+r.message+"\r\n")
	r.replacer = strings.NewReplacer(pairs...)
	return r
}

func (r *renaming) rename(text string) string {
	text = r.replacer.Replace(text)
	for _, end := range []string{"", `\r\n"`, `\n"`} { // of a line as it is told
		if before, ok := strings.CutSuffix(text, " hi"+end); ok {
			return before + " " + r.message + end
		}
	}
	return text
}
