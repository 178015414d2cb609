package conversation_test

import (
	"path/filepath"
	"strings"
	"testing"

	"chatd/internal_test/conversation"
)

// says makes the bytes of a step that has this text.
func says(t *testing.T, text string) string {
	t.Helper()
	c, err := conversation.Parse("alice> " + text)
	if err != nil {
		t.Fatalf("Parse of the text %q: %v", text, err)
	}
	return string(c.Steps[0].Bytes)
}

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		``:                 "\n",
		`LIST`:             "LIST\n",
		` two  spaces`:     " two  spaces\n",
		`\r\n\t\\\x00\xff`: "\r\n\t\\\x00\xff\n",
		`ë\u00eb`:          "ëë\n",
		`"'`:               "\"'\n",
		`a{b*3}c`:          "abbbc\n",
		`{ab*2}{\x20*2}`:   "abab  \n",
		`{x*0}`:            "\n",
		`}*`:               "}*\n",
	} {
		if got := says(t, text); got != want {
			t.Errorf("the text %q: got %q, want %q", text, got, want)
		}
	}
}

func TestSteps(t *testing.T) {
	c, err := conversation.Parse(strings.Join([]string{
		"# a comment", "limits users=2 line=64", "", "a>> L", "a> IST", "a>", "a< LIST-OK",
		"a stalls", "a drains", "a hears nothing", "a half-closes", "a closed", "b leaves", "c resets",
	}, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		client string
		action conversation.Action
		bytes  string
		number int
	}{
		{"a", conversation.Says, "L", 4},
		{"a", conversation.Says, "IST\n", 5},
		{"a", conversation.Says, "\n", 6},
		{"a", conversation.Hears, "LIST-OK\n", 7},
		{"a", conversation.Stalls, "", 8},
		{"a", conversation.Drains, "", 9},
		{"a", conversation.HearsNothing, "", 10},
		{"a", conversation.HalfCloses, "", 11},
		{"a", conversation.Closed, "", 12},
		{"b", conversation.Leaves, "", 13},
		{"c", conversation.Resets, "", 14},
	}
	if c.Users != 2 || c.MaxLine != 64 || len(c.Steps) != len(want) {
		t.Fatalf("got %d users, lines of %d, %d steps; want 2, 64, %d", c.Users, c.MaxLine, len(c.Steps), len(want))
	}
	for i, w := range want {
		s := c.Steps[i]
		if s.Client != w.client || s.Action != w.action || string(s.Bytes) != w.bytes || s.Number != w.number {
			t.Errorf("step %d is %+v, want %+v", i, s, w)
		}
	}
}

func TestRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no step":              "alice says hi",
		"no client":            "> LIST",
		"no space":             "alice>LIST",
		"an unknown limit":     "limits names=3\na>",
		"no number":            "limits users=many\na>",
		"a limit too late":     "a>\nlimits users=2",
		"an unknown escape":    `a> \q`,
		"a space at the end":   "a> LIST ",
		"a tab":                "a> LI\tST",
		"a carriage return":    "a> LIST\r",
		"no repetition":        "a> {x}",
		"says after leaving":   "a leaves\na> LIST",
		"hears after a reset":  "a resets\na< HELLO",
		"says when silent":     "a half-closes\na> LIST",
		"hears in a stall":     "a stalls\na< HELLO\na drains",
		"a drain without one":  "a drains",
		"stalls for ever":      "a stalls",
		"unproved":             "a hears nothing\na> LIST",
		"unproved by a reset":  "a hears nothing\na resets",
		"unproved by nothing":  "a< HELLO\na hears nothing",
		"unproved by a friend": "a hears nothing\nb< HELLO",
	} {
		if _, err := conversation.Parse(text); err == nil {
			t.Errorf("%s: %q is accepted", name, text)
		}
	}
}

func TestEveryFileParses(t *testing.T) {
	paths, _ := filepath.Glob("../../protocol/testdata/*.txt")
	if len(paths) == 0 {
		t.Fatal("no files")
	}
	for _, path := range paths {
		if _, err := conversation.Load(path); err != nil {
			t.Error(err)
		}
	}
}
