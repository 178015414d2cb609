package main

import (
	"cmp"
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"chatd/internal_test/conversation"
)

// A level says how binding a case is.
type level string

const (
	must level = "must" // the lab's rules say it: a server that does otherwise fails
	may  level = "may"  // chatd decided it where the rules are silent: a server that does otherwise differs
)

// A testCase is one question to a server.
type testCase struct {
	ID    string // a rule, a slash and a word
	Also  []string
	Level level
	Title string
	Why   string // in a student's words
	play  func(*trial)
}

// rule is the one under which a case is filed.
func (c testCase) rule() string {
	rule, _, _ := strings.Cut(c.ID, "/")
	return rule
}

//go:embed cases/*.txt
var texts embed.FS

// allCases are those that are told as conversations and those that are programs, in the order of
// the rules.
func allCases() ([]testCase, error) {
	cases := slices.Clone(programs)
	files, err := texts.ReadDir("cases")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := texts.ReadFile("cases/" + file.Name())
		if err != nil {
			return nil, err
		}
		told, err := parseCases(string(text))
		if err != nil {
			return nil, fmt.Errorf("cases/%s: %w", file.Name(), err)
		}
		cases = append(cases, told...)
	}
	slices.SortStableFunc(cases, func(a, b testCase) int {
		return cmp.Or(compareRules(a.rule(), b.rule()), cmp.Compare(b.Level, a.Level)) // must before may
	})
	return cases, nil
}

// compareRules orders PR2 before PR10, and PR before TR before UR.
func compareRules(a, b string) int {
	number := func(rule string) int {
		n, _ := strconv.Atoi(rule[2:])
		return n
	}
	return cmp.Or(cmp.Compare(a[:2], b[:2]), cmp.Compare(number(a), number(b)))
}

// parseCases understands a file: each case is a head and a conversation.
func parseCases(text string) ([]testCase, error) {
	parts := strings.Split("\n"+text, "\ncase ")
	var cases []testCase
	for _, part := range parts[1:] { // what stands before the first head is a comment
		c, err := parseCase(part)
		if err != nil {
			return nil, fmt.Errorf("case %s: %w", c.ID, err)
		}
		cases = append(cases, c)
	}
	return cases, nil
}

func parseCase(text string) (testCase, error) {
	first, rest, _ := strings.Cut(text, "\n")
	id, binding, _ := strings.Cut(first, " ")
	c := testCase{ID: id, Level: level(binding)}
	for more := true; more; {
		line, after, _ := strings.Cut(rest, "\n")
		word, value, _ := strings.Cut(line, " ")
		switch word {
		case "also":
			c.Also = strings.Fields(value)
		case "title":
			c.Title = value
		case "why":
			c.Why = value
		default:
			more = false
			continue
		}
		rest = after
	}
	talk, err := conversation.Parse(rest)
	if err != nil {
		return c, err
	}
	c.play = func(s *trial) {
		for _, step := range talk.Steps {
			s.Play(step)
		}
	}
	return c, c.check()
}

// check refuses a case that a report could not be made of.
func (c testCase) check() error {
	for _, rule := range append(c.Also, c.rule()) {
		if rules[rule] == "" {
			return fmt.Errorf("no rule is called %q", rule)
		}
	}
	if !strings.Contains(c.ID, "/") || c.Title == "" || c.Why == "" || c.Level != must && c.Level != may {
		return fmt.Errorf("an ID with a slash, a level, a title and a why are needed: %+v", c)
	}
	return nil
}

// choose takes the cases that a list asks for: by rule (PR12), by ID (PR12/oneself), or by kind of
// rule (PR). A case is also chosen by the rules that it is about beside its own.
func choose(cases []testCase, only string) ([]testCase, error) {
	if only == "" {
		return cases, nil
	}
	chosen := make(map[string]bool)
	for asked := range strings.SplitSeq(only, ",") {
		found := false
		for _, c := range cases {
			if asked == c.ID || asked == c.rule()[:2] || slices.Contains(append(c.Also, c.rule()), asked) {
				chosen[c.ID], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("--only %s: there is no such case; --list shows them all", asked)
		}
	}
	return slices.DeleteFunc(cases, func(c testCase) bool { return !chosen[c.ID] }), nil
}
