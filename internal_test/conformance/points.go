package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// points are what rules and cases are worth.
type points map[string]float64

// readPoints reads a file of lines such as "PR12 5" or "PR12/oneself 2".
func readPoints(path string, cases []testCase) (points, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p := make(points)
	for line := range strings.SplitSeq(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		value, err := strconv.ParseFloat(words[len(words)-1], 64)
		if err != nil || len(words) != 2 || value < 0 {
			return nil, fmt.Errorf("%s: %q is not a rule or a case, and its points", path, line)
		}
		if !slices.ContainsFunc(cases, func(c testCase) bool { return c.ID == words[0] || c.rule() == words[0] && c.Level == must }) {
			return nil, fmt.Errorf("%s: no case that must hold is called %s", path, words[0])
		}
		p[words[0]] = value
	}
	return p, nil
}

// each is what each case is worth. The points of a rule are shared by its cases that must hold.
func (p points) each(results []result) map[string]float64 {
	worth := make(map[string]float64)
	sharers := make(map[string]int)
	for _, r := range results {
		if _, own := p[r.ID]; r.Level == must && !own {
			sharers[r.rule()]++
		}
	}
	for _, r := range results {
		own, has := p[r.ID]
		switch rule, ok := p[r.rule()]; {
		case has:
			worth[r.ID] = own
		case r.Level != must:
		case ok:
			worth[r.ID] = rule / float64(sharers[r.rule()])
		case p == nil:
			worth[r.ID] = 1
		}
	}
	return worth
}

// earns reports whether a case gets its points: an observation takes none away.
func (r result) earns() bool {
	return r.verdict == passed || r.verdict == observed || r.verdict == differs
}
