package course

import (
	"cmp"
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
// one on which it rests has failed. It returns the mark of each.
func play(t *testing.T, name, timeout string) map[string]string {
	command := []string{"--exec", filepath.Join(binaries, name) + " " + arguments[name], "--timeout", timeout, "--json"}
	output, err := exec.Command(filepath.Join(binaries, "conformance"), command...).Output()
	var report struct {
		Cases []struct{ ID, Verdict string }
	}
	if json.Unmarshal(output, &report) != nil {
		t.Errorf("%q: %v\n%s", command, err, output)
	}
	got := make(map[string]string)
	for _, c := range report.Cases {
		got[c.ID] = marks[c.Verdict]
	}
	return got
}

// marks stand for verdicts in the table. A case that was not judged has none.
var marks = map[string]string{"pass": passed, "fail": "f", "observed": "o", "differs": "d"}

const passed = "x"

// timeouts are those of the tries: on a busy machine a case may fail, or pass by luck, because of time.
var timeouts = []string{"1s", "2s", "5s", "10s"}

// TestCases plays all cases against all programs: what comes out is what its column in
// docs/course/README.md says.
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
					mark, played := got[id]
					return played && mark == table.marks[p.name][id]
				})
				if len(wrong) == 0 {
					return
				}
			}
			for _, id := range wrong {
				t.Errorf("%s: the table says %q, and it is not so", id, table.marks[p.name][id])
			}
		})
	}
}

// A matrix has the mark of each case for each program.
type matrix struct {
	cases []string // in the order of the suite
	marks map[string]map[string]string
}

// readMatrix reads the table of cases in docs/course/README.md, which has a column for each program.
func readMatrix(t *testing.T, list []program) matrix {
	t.Helper()
	m := matrix{marks: make(map[string]map[string]string)}
	for _, p := range list {
		m.marks[p.name] = make(map[string]string)
	}
	for line := range strings.Lines(read(t, folder+"/README.md")) {
		cells := strings.Split(line, "|")
		if len(cells) != len(list)+3 || !strings.Contains(cells[1], "/") {
			continue
		}
		id := strings.TrimSpace(cells[1])
		m.cases = append(m.cases, id)
		for i, p := range list {
			m.marks[p.name][id] = strings.TrimSpace(cells[i+2])
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
		passes, minutes := m.with(p, passed), readingTime(t, before, p)
		sum += minutes
		fmt.Fprintf(&steps, "| [%s](%s/README.md) | %d | %d | %d | %d |\n", p.name, p.name, countLines(p.code), newLines(t, before, p), len(passes), minutes)
		var text string
		old := m.with(before, passed)
		added := slices.DeleteFunc(slices.Clone(passes), func(id string) bool { return slices.Contains(old, id) })
		lost := slices.DeleteFunc(old, func(id string) bool { return slices.Contains(passes, id) })
		text = fmt.Sprintf("Program %d passes %d of %d cases.", p.number, len(passes), len(m.cases))
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
			cases.WriteString(" " + m.marks[p.name][id] + " |")
		}
		cases.WriteString("\n")
	}
	front := read(t, folder+"/README.md")
	front = between(t, front, "steps", steps.String())
	pages[folder+"/README.md"] = between(t, front, "matrix", "\n"+cases.String()+"\n")
	pages[conformance] = between(t, read(t, conformance), "course", m.summary(list))
	return pages
}

// readingTime is the minutes for the words of a page and of its program's new lines, at 200 a minute.
func readingTime(t *testing.T, before, p program) int {
	words := len(strings.Fields(p.page)) + len(strings.Fields(p.code))*newLines(t, before, p)/countLines(p.code)
	return (words + 199) / 200
}

const conformance = "../../docs/conformance.md"

// summary has a line for each program, with the cases that it does not pass.
func (m matrix) summary(list []program) string {
	text := "\n| program | failed | observed | differs | not judged |\n|---|---|---|---|---|\n"
	for _, p := range list {
		text += "| `" + p.name + "` |"
		for _, mark := range []string{marks["fail"], marks["observed"], marks["differs"]} {
			text += " " + cmp.Or(strings.Join(m.with(p, mark), ", "), "-") + " |"
		}
		text += fmt.Sprintf(" %d |\n", len(m.with(p, "")))
	}
	return text + "\n"
}

// with are the cases that have a mark.
func (m matrix) with(p program, mark string) (ids []string) {
	for _, id := range m.cases {
		if m.marks[p.name][id] == mark {
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
	m := matrix{marks: make(map[string]map[string]string)}
	for line := range strings.Lines(string(output)) {
		m.cases = append(m.cases, strings.Fields(line)[1])
	}
	var all sync.WaitGroup
	for _, p := range list {
		most := make(map[string]string)
		m.marks[p.name] = most
		all.Add(1)
		go func() {
			defer all.Done()
			votes := make(map[[2]string]int)
			for range 3 {
				for id, mark := range play(t, p.name, "2s") {
					votes[[2]string{id, mark}]++
					if votes[[2]string{id, mark}] > 1 {
						most[id] = mark
					}
				}
			}
		}()
	}
	all.Wait()
	front := folder + "/README.md"
	write(t, front, m.pages(t, list)[front])
}
