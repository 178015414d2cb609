package docs_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"chatd/internal_test/daemon"
)

// TestFlagsAreToldEverywhere: the flags of chatd --help are those of the man page, in its synopsis
// and one by one, of the README's table, and of the completion: none is missing, and none is there
// that the program does not have.
func TestFlagsAreToldEverywhere(t *testing.T) {
	t.Parallel()
	help, err := exec.Command(daemon.Binary(t), "--help").Output()
	if err != nil {
		t.Fatalf("chatd --help: %v", err)
	}
	expected := flagsIn(joined(regexp.MustCompile(`(?m)^ {2,6}(-.*?)(?: {2}|$)`), string(help)))
	if len(expected) < 10 {
		t.Fatalf("chatd --help names the flags %v, expected more", expected)
	}
	manual, readme := contents(t, "../../docs/chatd.8"), contents(t, "../../README.md")
	told := map[string][]string{
		"the man page's synopsis":     flagsOfMacros(between(t, manual, ".Sh SYNOPSIS\n", ".Sh DESCRIPTION\n")),
		"the man page's list":         flagsOfMacros(joined(regexp.MustCompile(`(?m)^\.It (Fl .*)$`), manual)),
		"the README's table of flags": flagsIn(joined(regexp.MustCompile("(?m)^\\| (`-.*?) \\|"), readme)),
	}
	if _, err := exec.LookPath("bash"); err == nil {
		told["the completion"] = flagsIn(complete(t, "chatd", "-"))
	}
	for where, flags := range told {
		for _, flag := range expected {
			if !slices.Contains(flags, flag) {
				t.Errorf("%s lacks %s, which chatd --help names", where, flag)
			}
		}
		for _, flag := range flags {
			if !slices.Contains(expected, flag) {
				t.Errorf("%s has %s, which chatd --help does not name", where, flag)
			}
		}
	}
}

// TestManualIsWellFormed: mandoc(1) finds nothing to say of the man page. That it does not find the
// pages to which this one refers says something of the machine alone.
func TestManualIsWellFormed(t *testing.T) {
	t.Parallel()
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Skipf("this test needs mandoc: %v", err)
	}
	said, _ := exec.Command(mandoc, "-T", "lint", "../../docs/chatd.8").Output() // the status tells of the worst
	for line := range strings.Lines(string(said)) {
		if !strings.Contains(line, "referenced manual not found") {
			t.Error(line)
		}
	}
}

// TestCompletion: what bash offers after the words of a command line.
func TestCompletion(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skipf("this test needs bash: %v", err)
	}
	for _, test := range []struct{ line, offered string }{
		{"chatd --po", "--port --poller"},
		{"chatd --port 5378 --max-u", "--max-users"},
		{"chatd --log-level ", "debug info warn error"},
		{"chatd --log-level d", "debug"},
		{"chatd --log-level = w", "warn"}, // bash makes three words of --log-level=w
		{"chatd --log-level =", "debug info warn error"},
		{"chatd --poller e", "epoll"},
		{"chatd --max-users ", ""},
		{"chatd --stats-file ../../docs/chatd.b", "../../docs/chatd.bash-completion"},
	} {
		if offered := complete(t, strings.Split(test.line, " ")...); offered != test.offered {
			t.Errorf("after %q bash offers %q, expected %q", test.line, offered, test.offered)
		}
	}
}

// complete is what the completion offers in place of the last word.
func complete(t *testing.T, words ...string) string {
	t.Helper()
	const script = `source ../../docs/chatd.bash-completion
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		$(complete -p chatd | sed 's/.*-F \([^ ]*\).*/\1/')
		echo "${COMPREPLY[*]}"`
	output, err := exec.Command("bash", append([]string{"-uc", script, "bash"}, words...)...).Output()
	if err != nil {
		t.Fatalf("bash completes %q: %v", words, err)
	}
	return strings.TrimSpace(string(output))
}

var flagWritten = regexp.MustCompile("(?:^|[\\s,`])(--?[a-z][a-z-]*)")

// flagsIn is the flags in a text, as -a and --address.
func flagsIn(text string) (flags []string) {
	for _, match := range flagWritten.FindAllStringSubmatch(text, -1) {
		flags = append(flags, match[1])
	}
	return flags
}

// flagsOfMacros is the flags in lines of mdoc(7), which leaves out one dash: Fl a , -address.
func flagsOfMacros(text string) (flags []string) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		for i, word := range words {
			if word[0] == '-' || i > 0 && words[i-1] == "Fl" {
				flags = append(flags, "-"+word)
			}
		}
	}
	return flags
}

// joined is the first group of every match.
func joined(pattern *regexp.Regexp, text string) string {
	var found []string
	for _, match := range pattern.FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return strings.Join(found, "\n")
}

func between(t *testing.T, text, start, end string) string {
	t.Helper()
	_, text, found := strings.Cut(text, start)
	text, _, ended := strings.Cut(text, end)
	if !found || !ended {
		t.Fatalf("there is no part between %q and %q", start, end)
	}
	return text
}

func contents(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
