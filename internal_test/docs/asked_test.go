package docs_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var (
	namedTest  = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")
	namedFault = regexp.MustCompile(`^[A-H]\d+$`)
)

// docs/asked.md answers each question with faults and tests. Each fault must be a row of docs/faults.md,
// each test must exist, and one of the tests must provoke each fault.
func TestAskedNamesTestsThatExist(t *testing.T) {
	text, err := os.ReadFile("../../docs/asked.md")
	if err != nil {
		t.Fatal(err)
	}
	ids := make(map[string][]string) // of a test
	exists := make(map[string]bool)
	for _, code := range testCode(t, "../..") {
		for name, functions := range code {
			exists[name] = true
			ids[name] = append(ids[name], faultIDsOf(functions[0])...)
		}
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || !strings.Contains(cells[2], "](https://") {
			continue
		}
		rows++
		provoked := make(map[string]bool)
		for _, name := range namedTest.FindAllStringSubmatch(cells[5], -1) {
			if !exists[name[1]] {
				t.Errorf("%s: there is no %s", strings.TrimSpace(cells[1]), name[1])
			}
			for _, id := range ids[name[1]] {
				provoked[id] = true
			}
		}
		for id := range strings.FieldsFuncSeq(cells[4], func(r rune) bool { return r == ',' || r == ' ' }) {
			if !namedFault.MatchString(id) || !provoked[id] {
				t.Errorf("%s: no test of the row provokes %s", strings.TrimSpace(cells[1]), id)
			}
		}
	}
	if rows < 9 {
		t.Errorf("%d rows with a thread, expected 9 at least: the table is not read", rows)
	}
}
