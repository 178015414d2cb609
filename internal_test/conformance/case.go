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
	look level = "look" // the rules do not name it, and it can be seen from outside: it is observed
)

var levels = []level{must, may, look}

// The cases on which others rest. They are played first.
const (
	oneLogin = "PR3/alone"
	together = "TR2/together"
	oneList  = "PR8/alone"
	oneSend  = "PR10/deliver"
)

var first = []string{"TR5/server-is-on", oneLogin, together, oneList, oneSend}

// inOrder is the order in which cases are played: first those on which others rest.
func inOrder(cases []testCase) []testCase {
	byID := make(map[string]testCase)
	for _, c := range cases {
		byID[c.ID] = c
	}
	var ordered []testCase
	var add func(id string)
	add = func(id string) {
		c, waits := byID[id]
		if !waits {
			return // played already, or not asked for
		}
		delete(byID, id)
		for _, needed := range c.Needs {
			add(needed)
		}
		ordered = append(ordered, c)
	}
	for _, id := range first {
		add(id)
	}
	for _, c := range cases {
		add(c.ID)
	}
	return ordered
}

// needs are the cases on which a conversation rests: those of what its clients hear before they hear
// anything else. A conversation of one client needs no second one to be served.
func needs(id string, talk *conversation.Conversation) (needed []string, alone bool) {
	clients := make(map[string]bool)
	heard := make(map[string]bool)
	for _, step := range talk.Steps {
		clients[step.Client] = true
		if step.Action == conversation.Hears {
			word, _, _ := strings.Cut(string(step.Bytes), " ")
			heard[word] = true
		}
	}
	for _, n := range []struct{ word, id string }{{"HELLO", oneLogin}, {"LIST-OK", oneList}, {"DELIVERY", oneSend}} {
		if heard[n.word] && n.id != id && (n.id != oneList || id != oneSend) {
			needed = append(needed, n.id)
		}
	}
	return needed, len(clients) == 1
}

// A testCase is one question to a server.
type testCase struct {
	ID    string // a rule, a slash and a word
	Also  []string
	Level level
	Title string
	Why   string   // in a student's words
	Needs []string // the cases without which this one says nothing
	alone bool     // it has one client
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
	for i := range cases {
		if c := &cases[i]; !c.alone {
			c.Needs = append(c.Needs, together)
		}
	}
	slices.SortStableFunc(cases, func(a, b testCase) int {
		return cmp.Or(compareRules(a.rule(), b.rule()), cmp.Compare(slices.Index(levels, a.Level), slices.Index(levels, b.Level)))
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
	c.Needs, c.alone = needs(c.ID, talk)
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
	if !strings.Contains(c.ID, "/") || c.Title == "" || c.Why == "" || !slices.Contains(levels, c.Level) {
		return fmt.Errorf("an ID with a slash, a level, a title and a why are needed: %+v", c)
	}
	return nil
}

// choose takes the cases that a list asks for, or leaves them out: by rule (PR12), by ID
// (PR12/oneself), or by kind of rule (PR). A case is also chosen by the rules that it is about beside
// its own, and left out only by its own.
func choose(cases []testCase, only, except string) ([]testCase, error) {
	chosen, err := pick(cases, "--only", only)
	if err != nil {
		return nil, err
	}
	left, err := pick(cases, "--skip", except)
	return slices.DeleteFunc(slices.Clone(cases), func(c testCase) bool {
		return only != "" && !slices.ContainsFunc(chosen, c.is) || slices.ContainsFunc(left, c.is)
	}), err
}

func (c testCase) is(other testCase) bool { return c.ID == other.ID }

func pick(cases []testCase, flag, list string) (picked []testCase, err error) {
	for asked := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' }) {
		found := false
		for _, c := range cases {
			byOther := flag == "--only" && slices.Contains(c.Also, asked)
			if asked == c.ID || asked == c.rule()[:2] || asked == c.rule() || byOther {
				picked, found = append(picked, c), true
			}
		}
		if !found {
			return nil, fmt.Errorf("%s %s: there is no such case; --list shows them all", flag, asked)
		}
	}
	return picked, nil
}
