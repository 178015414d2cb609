package docs_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite what docs/faults.md and docs/tour.md say of the tests and the trace")

// faultsPerSection is how many faults there are of each letter. A number is never given to another
// fault, so this changes only when one is added.
var faultsPerSection = map[byte]int{'A': 16, 'B': 16, 'C': 18, 'D': 17, 'E': 9, 'F': 12, 'G': 19, 'H': 7}

// docs/faults.md names each fault, and the levels of the tests that provoke it. A row without a test says
// why there is none.
func TestFaultsTable(t *testing.T) {
	const path = "../../docs/faults.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tests := testsOfFaults(t, "../..")
	lines, found := strings.Split(string(text), "\n"), make(map[string]bool)
	for i, line := range lines {
		row := parseRow(line)
		if row == nil {
			continue
		}
		if found[row.id] {
			t.Errorf("%s has two rows", row.id)
		}
		found[row.id] = true
		expected := row.expected(tests[row.id])
		delete(tests, row.id)
		if *update {
			lines[i] = expected.String()
		} else if *row != expected {
			t.Errorf("%s is said to be tested at the levels %q, but it is at %q: see -update", row.id, row.level, expected.level)
		}
		if !expected.isHonest() {
			t.Errorf("%s has no test, and says %q instead of why", row.id, expected.level)
		}
	}
	for _, id := range faultIDs() {
		if !found[id] {
			t.Errorf("%s has no row", id)
		}
	}
	for id, strays := range tests {
		t.Errorf("%s is no fault's number, but %v carries it", id, strays)
	}
	if *update {
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func faultIDs() (ids []string) {
	for section, count := range faultsPerSection {
		for n := range count {
			if id := fmt.Sprintf("%c%d", section, n+1); id != "G14" { // a number that was never given
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// A faultRow is one row of the table.
type faultRow struct{ id, done, does, level string }

var tableRow = regexp.MustCompile(`^\| ([A-Z]\d+) \|([^|]*)\|([^|]*)\|([^|]*)\|$`)

// parseRow returns nil for a line that is not one fault's.
func parseRow(line string) *faultRow {
	cells := tableRow.FindStringSubmatch(line)
	if cells == nil {
		return nil
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return &faultRow{cells[1], cells[2], cells[3], cells[4]}
}

func (r *faultRow) String() string {
	return fmt.Sprintf("| %s | %s | %s | %s |", r.id, r.done, r.does, r.level)
}

// levels are those of tests, in the order of the page.
const levels = "USPR"

// expected is the row as the tests would have it: all their levels. Without a test, what the row says is
// left, unless it says that there are some.
func (r *faultRow) expected(tests []faultTest) faultRow {
	row := *r
	var found []string
	for _, level := range strings.Split(levels, "") {
		if slices.ContainsFunc(tests, func(t faultTest) bool { return t.level == level }) {
			found = append(found, level)
		}
	}
	if len(found) > 0 || strings.Trim(row.level, levels+" ") == "" {
		row.level = strings.Join(found, " ")
	}
	return row
}

// isHonest reports whether a row has tests or says why not.
func (r *faultRow) isHonest() bool {
	return r.level != "" && strings.Trim(r.level, levels+" ") == "" ||
		r.level == "not built yet" || strings.HasPrefix(r.level, "no test: ")
}
