package course

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// arguments are the flags with which a program is tested.
var arguments = map[string]string{"10-closing": "--max-users 16"}

// play plays the conformance cases against a program, all in one run, because a case is not judged if
// one on which it rests has failed. It returns whether each passed.
func play(t *testing.T, name, timeout string) map[string]bool {
	command := []string{"--exec", filepath.Join(binaries, name) + " " + arguments[name], "--timeout", timeout, "--json"}
	output, err := exec.Command(filepath.Join(binaries, "conformance"), command...).Output()
	var report struct {
		Cases []struct{ ID, Verdict string }
	}
	if json.Unmarshal(output, &report) != nil {
		t.Errorf("%q: %v\n%s", command, err, output)
	}
	passes := make(map[string]bool)
	for _, c := range report.Cases {
		passes[c.ID] = c.Verdict == "pass"
	}
	return passes
}

// timeouts are those of the tries: on a busy machine a case may fail, or pass by luck, because of time.
var timeouts = []string{"1s", "2s", "5s", "10s"}

// TestCases plays all cases against all programs: each passes those that its column in
// docs/course/README.md marks, and no others.
func TestCases(t *testing.T) {
	if *update {
		updateCases(t)
		return
	}
	list := programs(t)
	table := readMatrix(t, list)
	for _, p := range list {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			wrong := table.cases
			for _, timeout := range timeouts { // until each has had the expected verdict once
				got := play(t, p.name, timeout)
				wrong = slices.DeleteFunc(slices.Clone(wrong), func(id string) bool {
					passes, played := got[id]
					return played && passes == table.passes[p.name][id]
				})
				if len(wrong) == 0 {
					return
				}
			}
			for _, id := range wrong {
				t.Errorf("%s: the table says that it passes: %v, and it is not so", id, table.passes[p.name][id])
			}
		})
	}
}

// A matrix says which cases each program passes.
type matrix struct {
	cases  []string // in the order of the suite
	passes map[string]map[string]bool
}

const mark = "x"

// readMatrix reads the table of cases in docs/course/README.md, which has a column for each program.
func readMatrix(t *testing.T, list []program) matrix {
	t.Helper()
	m := matrix{passes: make(map[string]map[string]bool)}
	for _, p := range list {
		m.passes[p.name] = make(map[string]bool)
	}
	for line := range strings.Lines(read(t, folder+"/README.md")) {
		cells := strings.Split(line, "|")
		if len(cells) != len(list)+3 || !strings.Contains(cells[1], "/") {
			continue
		}
		id := strings.TrimSpace(cells[1])
		m.cases = append(m.cases, id)
		for i, p := range list {
			m.passes[p.name][id] = strings.TrimSpace(cells[i+2]) == mark
		}
	}
	return m
}

// The tables are those that the programs and the matrix make, and the matrix has all cases.
func TestTables(t *testing.T) {
	list := programs(t)
	m := readMatrix(t, list)
	output, err := exec.Command(filepath.Join(binaries, "conformance"), "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(output)) {
		all = append(all, strings.Fields(line)[1])
	}
	if !slices.Equal(all, m.cases) {
		t.Fatalf("the table has the cases %v\nand the suite %v", m.cases, all)
	}
	for file, text := range m.pages(t, list) {
		if *update {
			write(t, file, text)
		} else if read(t, file) != text {
			t.Errorf("%s is not what go test ./internal_test/course -update writes", file)
		}
	}
}

// pages returns the pages with their tables, by file.
func (m matrix) pages(t *testing.T, list []program) map[string]string {
	t.Helper()
	pages := make(map[string]string)
	var steps, cases strings.Builder
	steps.WriteString("| program | lines | new lines | cases passed | minutes to read |\n|---|---|---|---|---|\n")
	head := "| case |"
	for _, p := range list {
		head += fmt.Sprintf(" %d |", p.number)
	}
	cases.WriteString(head + "\n|---" + strings.Repeat("|---", len(list)) + "|\n")
	var before program
	var sum int
	for _, p := range list {
		passed, minutes := m.passed(p), readingTime(t, before, p)
		sum += minutes
		fmt.Fprintf(&steps, "| [%s](%s/README.md) | %d | %d | %d | %d |\n", p.name, p.name, countLines(p.code), newLines(t, before, p), len(passed), minutes)
		var text string
		old := m.passed(before)
		added := slices.DeleteFunc(slices.Clone(passed), func(id string) bool { return slices.Contains(old, id) })
		lost := slices.DeleteFunc(old, func(id string) bool { return slices.Contains(passed, id) })
		text = fmt.Sprintf("Program %d passes %d of %d cases.", p.number, len(passed), len(m.cases))
		if len(added) > 0 {
			text += " New: " + strings.Join(added, ", ") + "."
		}
		if len(lost) > 0 {
			text += " No longer: " + strings.Join(lost, ", ") + "."
		}
		if len(added)+len(lost) == 0 {
			text += " They are those of the program before."
		}
		pages[p.file()] = between(t, p.page, "cases", wrap(text))
		before = p
	}
	fmt.Fprintf(&steps, "| all | | | | %d |\n", sum)
	for _, id := range m.cases {
		cases.WriteString("| " + id + " |")
		for _, p := range list {
			if m.passes[p.name][id] {
				cases.WriteString(" " + mark + " |")
			} else {
				cases.WriteString("  |")
			}
		}
		cases.WriteString("\n")
	}
	front := read(t, folder+"/README.md")
	front = between(t, front, "steps", steps.String())
	pages[folder+"/README.md"] = between(t, front, "matrix", "\n"+cases.String()+"\n")
	return pages
}

// readingTime is the minutes for the words of a page and of its program's new lines, at 200 a minute.
func readingTime(t *testing.T, before, p program) int {
	words := len(strings.Fields(p.page)) + len(strings.Fields(p.code))*newLines(t, before, p)/countLines(p.code)
	return (words + 199) / 200
}

func (m matrix) passed(p program) (ids []string) {
	for _, id := range m.cases {
		if m.passes[p.name][id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// between replaces what stands between two comments of a page.
func between(t *testing.T, page, name, text string) string {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
	head, rest, found := strings.Cut(page, begin)
	_, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("a page has no %q", begin)
	}
	return head + begin + text + end + tail
}

func wrap(text string) (wrapped string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if len(line)+len(word) > 98 {
			wrapped += strings.TrimSpace(line) + "\n"
			line = ""
		}
		line += word + " "
	}
	return wrapped + strings.TrimSpace(line) + "\n"
}

// updateCases plays everything three times, and takes what happens most often.
func updateCases(t *testing.T) {
	list := programs(t)
	output, _ := exec.Command(filepath.Join(binaries, "conformance"), "--list").Output()
	m := matrix{passes: make(map[string]map[string]bool)}
	for line := range strings.Lines(string(output)) {
		m.cases = append(m.cases, strings.Fields(line)[1])
	}
	var all sync.WaitGroup
	for _, p := range list {
		passes := make(map[string]bool)
		m.passes[p.name] = passes
		all.Add(1)
		go func() {
			defer all.Done()
			votes := make(map[string]int)
			for range 3 {
				for id, passed := range play(t, p.name, "2s") {
					if passed {
						votes[id]++
					}
				}
			}
			for _, id := range m.cases {
				passes[id] = votes[id] > 1
			}
		}()
	}
	all.Wait()
	front := folder + "/README.md"
	write(t, front, m.pages(t, list)[front])
}
