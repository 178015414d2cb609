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
var faultsPerSection = map[byte]int{'A': 15, 'B': 15, 'C': 15, 'D': 16, 'E': 8, 'F': 7, 'G': 13, 'H': 7}

// docs/faults.md names each fault, and the tests that cover it. It says neither more nor less than
// the tests do themselves: a row without a test says why there is none.
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
			t.Errorf("%s is said to be covered by %q (%s), but it is by %q (%s): see -update",
				row.id, row.covered, row.level, expected.covered, expected.level)
		}
		if !expected.isHonest() {
			t.Errorf("%s has no test, and says %q instead of why", row.id, expected.covered)
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
			ids = append(ids, fmt.Sprintf("%c%d", section, n+1))
		}
	}
	return ids
}

// A faultRow is one row of the table.
type faultRow struct{ id, done, does, covered, level string }

var tableRow = regexp.MustCompile(`^\| ([A-Z]\d+) \|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|$`)

// parseRow returns nil for a line that is not one fault's.
func parseRow(line string) *faultRow {
	cells := tableRow.FindStringSubmatch(line)
	if cells == nil {
		return nil
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return &faultRow{cells[1], cells[2], cells[3], cells[4], cells[5]}
}

func (r *faultRow) String() string {
	return fmt.Sprintf("| %s | %s | %s | %s | %s |", r.id, r.done, r.does, r.covered, r.level)
}

// expected is the row as the tests would have it: those of each folder behind its name, and all
// their levels. Without a test, what the row says is left, but for the names of tests.
func (r *faultRow) expected(tests []faultTest) faultRow {
	row := *r
	if len(tests) == 0 {
		if row.level = "-"; strings.HasPrefix(row.covered, "`") {
			row.covered = ""
		}
		return row
	}
	var names, levels []string
	folder := ""
	for _, test := range tests {
		name := test.name
		if test.folder != folder {
			folder = test.folder
			name = "`" + folder + "` " + name
		}
		names = append(names, name)
		if !slices.Contains(levels, test.level) {
			levels = append(levels, test.level)
		}
	}
	slices.SortFunc(levels, func(a, b string) int { return strings.Index("USPR", a) - strings.Index("USPR", b) })
	row.covered, row.level = strings.Join(names, ", "), strings.Join(levels, " ")
	return row
}

// isHonest reports whether a row has tests or says why not.
func (r *faultRow) isHonest() bool {
	return strings.HasPrefix(r.covered, "`") || r.covered == "not built yet" || strings.HasPrefix(r.covered, "no test: ")
}
