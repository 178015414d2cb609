// Package conversation reads conversations between clients and the server, written as text: what
// each client sends and receives, and when it stops reading or goes. protocol/testdata/README.md explains
// the format. The same files are run against protocol.Machine without a socket and against the
// daemon over TCP.
package conversation

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// A Conversation is one file, understood.
type Conversation struct {
	Users   int // how many may be logged in at a time
	MaxLine int // the longest line of a user, in bytes without the line end
	Steps   []Step
}

// A Step is what one client does or hears.
type Step struct {
	Client string
	Action Action
	Bytes  []byte // of Says and Hears, with the line ends

	Number int    // of the line in the file
	Source string // that line
}

func (s Step) String() string { return fmt.Sprintf("line %d: %s", s.Number, s.Source) }

// An Action is the kind of a step.
type Action string

const (
	Says         Action = "says"          // written in one piece, and not waited for
	Hears        Action = "hears"         // the next line from the server
	HearsNothing Action = "hears nothing" // but what earlier steps have told
	Closed       Action = "closed"        // the server has ended the connection, and said nothing before
	Stalls       Action = "stalls"        // reads no more
	Drains       Action = "drains"        // reads again
	HalfCloses   Action = "half-closes"   // ends its own side and goes on reading
	Leaves       Action = "leaves"        // half-closes, then is closed
	Resets       Action = "resets"        // goes without a word
)

const (
	defaultUsers   = 16
	defaultMaxLine = 1 << 20
)

// Load reads a file.
func Load(path string) (*Conversation, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

var (
	spoken = regexp.MustCompile(`^([a-z][a-z0-9]*)(>>|>|<)(?: (.*))?$`)
	acted  = regexp.MustCompile(`^([a-z][a-z0-9]*) (hears nothing|closed|stalls|drains|half-closes|leaves|resets)$`)
)

// Parse understands the text of a file.
func Parse(text string) (*Conversation, error) {
	c := &Conversation{Users: defaultUsers, MaxLine: defaultMaxLine}
	r := rules{}
	for i, source := range strings.Split(text, "\n") {
		if source == "" || source[0] == '#' {
			continue
		}
		if options, ok := strings.CutPrefix(source, "limits "); ok && len(c.Steps) == 0 {
			if err := c.limit(options); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			continue
		}
		step, err := parseStep(source)
		if err == nil {
			err = r.check(step)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		step.Number = i + 1
		c.Steps = append(c.Steps, step)
	}
	return c, r.checkEnd()
}

// limit reads the options of the server.
func (c *Conversation) limit(options string) error {
	for option := range strings.FieldsSeq(options) {
		name, value, _ := strings.Cut(option, "=")
		n, err := strconv.Atoi(value)
		switch {
		case err != nil || n < 1:
			return fmt.Errorf("%q is not a limit", option)
		case name == "users":
			c.Users = n
		case name == "line":
			c.MaxLine = n
		default:
			return fmt.Errorf("no limit is called %q", name)
		}
	}
	return nil
}

func parseStep(source string) (Step, error) {
	if m := acted.FindStringSubmatch(source); m != nil {
		return Step{Client: m[1], Action: Action(m[2]), Source: source}, nil
	}
	m := spoken.FindStringSubmatch(source)
	if m == nil {
		return Step{}, errors.New("not a step")
	}
	text, err := expand(m[3])
	if err != nil {
		return Step{}, err
	}
	step := Step{Client: m[1], Action: Says, Bytes: text, Source: source}
	if m[2] == "<" {
		step.Action = Hears
	}
	if m[2] != ">>" {
		step.Bytes = append(step.Bytes, '\n')
	}
	return step, nil
}
