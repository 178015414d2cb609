package docs_test

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"chatd/internal_test/mistakes"
)

// An exercise is a section of docs/exercises.md, as far as a machine can do it: edits to the code,
// and commands with what they say then.
type exercise struct {
	title    string
	edits    []mistakes.Edit
	commands []exerciseCommand
}

// An exerciseCommand is run by the shell. Each expected line is one of its output, in order; there may be
// others between.
type exerciseCommand struct {
	line     string
	expected []string
}

var exerciseFence = regexp.MustCompile("(?ms)^```(diff|console)\n(.*?)^```$")

// readExercises takes the exercises with commands out of the document. Other fences than diff and
// console are for the reader alone.
func readExercises(t *testing.T) (all []exercise) {
	t.Helper()
	text, err := os.ReadFile("../../docs/exercises.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, section := range strings.Split("\n"+string(text), "\n## ")[1:] {
		title, body, _ := strings.Cut(section, "\n")
		e := exercise{title: title}
		for _, block := range exerciseFence.FindAllStringSubmatch(body, -1) {
			if block[1] == "diff" {
				e.edits = append(e.edits, parseDiff(t, title, block[2])...)
			} else {
				e.commands = append(e.commands, parseConsole(t, title, block[2])...)
			}
		}
		switch {
		case len(e.commands) > 0:
			all = append(all, e)
		case len(e.edits) > 0:
			t.Errorf("%s: an edit, and no command that judges it", title)
		}
	}
	return all
}

// parseDiff reads a diff of whole lines, without line numbers: "--- FILE" before the edits of a file,
// "@@" between two of them.
func parseDiff(t *testing.T, title, text string) (edits []mistakes.Edit) {
	t.Helper()
	for line := range strings.Lines(text) {
		last := len(edits) - 1
		switch {
		case strings.HasPrefix(line, "--- "):
			edits = append(edits, mistakes.Edit{File: strings.TrimSpace(line[4:])})
		case last < 0 || !strings.ContainsAny(line[:1], "@-+ "):
			t.Fatalf("%s: a diff has %q where a file or an edit must stand", title, line)
		case line == "@@\n":
			edits = append(edits, mistakes.Edit{File: edits[last].File})
		case line[0] == '-':
			edits[last].Old += line[1:]
		case line[0] == '+':
			edits[last].New += line[1:]
		default: // a blank: a line that stays
			edits[last].Old += line[1:]
			edits[last].New += line[1:]
		}
	}
	return edits
}

func parseConsole(t *testing.T, title, text string) (commands []exerciseCommand) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if c, ok := strings.CutPrefix(line, "$ "); ok {
			commands = append(commands, exerciseCommand{line: c})
			continue
		}
		if len(commands) == 0 {
			t.Fatalf("%s: a console has %q before any command", title, line)
		}
		last := &commands[len(commands)-1]
		last.expected = append(last.expected, line)
	}
	return commands
}

var slow = flag.Bool("slow", false, "run the commands of the exercises, too")

// What docs/exercises.md says that a judge says, it says: each edit is made in a copy of the
// module, and with -slow the commands are run there. Each of them builds the module again.
func TestExercisesSayWhatHappens(t *testing.T) {
	exercises := readExercises(t)
	if len(exercises) < 8 {
		t.Fatalf("%d exercises have commands, expected 8 at least", len(exercises))
	}
	for _, e := range exercises {
		t.Run(e.title, func(t *testing.T) {
			t.Parallel()
			scratch := t.TempDir()
			if err := copyForExercise("../..", scratch); err != nil {
				t.Fatal(err)
			}
			edited, err := mistakes.Apply(scratch, e.edits)
			if err != nil {
				t.Fatal(err)
			}
			for file, text := range edited {
				if err := os.WriteFile(filepath.Join(scratch, file), text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if !*slow {
				t.Skip("the edits can be made; -slow also runs the commands")
			}
			for _, c := range e.commands {
				c.run(t, scratch)
			}
		})
	}
}

// An exercise that makes a mistake makes one that the simulation is tried on too.
func TestExercisesMakeTheSameMistakes(t *testing.T) {
	others := map[string]bool{
		"10. Write at once":          true, // is right
		"11. Make it edge-triggered": true, // changes the kernel in memory
	}
	for _, e := range readExercises(t) {
		if len(e.edits) == 0 || others[e.title] {
			continue
		}
		edited, err := mistakes.Apply("../..", e.edits)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(mistakes.All, func(m mistakes.Mistake) bool {
			same, err := mistakes.Apply("../..", m.Edits)
			return err == nil && maps.EqualFunc(edited, same, bytes.Equal)
		}) {
			t.Errorf("%s: no mistake of internal_test/mistakes has these edits", e.title)
		}
	}
}

// copyForExercise copies what git would, but not the history.
func copyForExercise(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		relative, _ := filepath.Rel(from, path)
		target := filepath.Join(to, relative)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == ".git":
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case !entry.Type().IsRegular() || entry.Name() == ".git" || relative == "chatd":
			return nil
		}
		text, err := os.ReadFile(path)
		return errors.Join(err, os.WriteFile(target, text, 0o644))
	})
}

// run runs a command and compares what it says.
func (c exerciseCommand) run(t *testing.T, dir string) {
	t.Helper()
	program, _, _ := strings.Cut(c.line, " ")
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("no %s: %v", program, err)
	}
	shell := exec.Command("sh", "-c", c.line)
	shell.Dir = dir
	shell.Env = append(shell.Environ(), "GOFLAGS=-vet=off -buildvcs=false -trimpath -ldflags=-w")
	output, err := shell.CombinedOutput()
	rest := string(output)
	for _, line := range c.expected {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*")
		at := regexp.MustCompile(`(?m)^` + pattern + `$`).FindStringIndex(rest)
		if at == nil {
			t.Fatalf("%s (%v) should say\n\t%s\nand says\n%.4000s", c.line, err, line, output)
		}
		rest = rest[at[1]:]
	}
	if len(c.expected) == 0 && err != nil {
		t.Fatalf("%s: %v\n%.4000s", c.line, err, output)
	}
}
