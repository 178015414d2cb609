package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// A path is a source that takes one way through the tree of all choices. At each choice it takes 0, the
// way in which nothing unusual happens, except at most bound times. With next it goes through all such
// ways, depth first. There is no state but the choices themselves, so a path is replayed, or an
// exploration continued, from its text.
type path struct {
	bound  int
	left   int   // how often it may still differ from 0 in this run
	at     int   // the choice that comes next
	chosen []int // in this run so far, and the beginning that is given
	of     []int // between how many; 0: not known yet
}

// spent reports whether no more choice can differ from 0.
func (p *path) spent() bool { return p.left == 0 }

// begin is called before a run.
func (p *path) begin() { p.at, p.left = 0, p.bound }

// Choose is source.Choose. Where nothing else than 0 may be chosen, it is no choice.
func (p *path) Choose(n int, what string) int {
	if n == 1 || p.left == 0 {
		return 0
	}
	if p.at == len(p.chosen) {
		p.chosen, p.of = append(p.chosen, 0), append(p.of, 0)
	}
	if p.of[p.at] == 0 {
		p.of[p.at] = n
	}
	i := p.chosen[p.at]
	if p.of[p.at] != n || i >= n {
		panic(fmt.Sprintf("choice %d (%s) is %d of %d, and was one of %d: the same choices led to another state", p.at, what, i, n, p.of[p.at]))
	}
	if i > 0 {
		p.left--
	}
	p.at++
	return i
}

// next goes on to the next path. It reports whether there is one.
func (p *path) next() bool {
	last := p.at - 1
	for last >= 0 && p.chosen[last]+1 == p.of[last] {
		last--
	}
	if last < 0 {
		return false
	}
	p.chosen, p.of = p.chosen[:last+1], p.of[:last+1]
	p.chosen[last]++
	return true
}

// String is the choices that are not 0, each as its place and what was chosen: 17:3,42:1; - is the usual course.
func (p *path) String() string {
	var b strings.Builder
	for at, chosen := range p.chosen {
		if chosen > 0 {
			fmt.Fprintf(&b, ",%d:%d", at, chosen)
		}
	}
	return cmp.Or(strings.TrimPrefix(b.String(), ","), "-")
}

// parsePath reads what String writes. The path differs from 0 as often as the text says; with a larger
// bound, next goes on from there.
func parsePath(text string) (*path, error) {
	p := &path{}
	for pair := range strings.SplitSeq(text, ",") {
		if pair == "" || pair == "-" {
			continue
		}
		before, after, _ := strings.Cut(pair, ":")
		at, err := strconv.Atoi(before)
		chosen, err2 := strconv.Atoi(after)
		if err != nil || err2 != nil || at < len(p.chosen) || chosen < 1 {
			return nil, fmt.Errorf("%q is no choice that comes after the one before it", pair)
		}
		p.chosen = append(append(p.chosen, make([]int, at-len(p.chosen))...), chosen)
		p.bound++
	}
	p.of = make([]int, len(p.chosen))
	return p, nil
}
