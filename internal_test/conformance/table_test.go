package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatd/internal_test/contender"
	"chatd/internal_test/daemon"
)

const (
	page        = "../../docs/conformance.md"
	tableBegins = "<!-- servers -->\n"
	tableEnds   = "<!-- end of servers -->\n"
)

// The table of the servers of this repository in docs/conformance.md is what the program finds. With
// UPDATE=1 the test writes it. chatd passes all cases.
func TestTableInDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), tableBegins)
	table, after, found := strings.Cut(rest, tableEnds)
	if !ok || !found {
		t.Fatalf("%s has no place for the table", page)
	}
	servers := serversOfTable(t)
	rows := make([]string, len(servers))
	t.Run("each", func(t *testing.T) {
		for i, s := range servers {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				for _, timeout := range []string{"1s", "4s", "10s"} { // on a busy machine it may take longer
					if rows[i] = s.row(t, timeout); strings.Contains(table, rows[i]) {
						break
					}
				}
			})
		}
	})
	made := "\n| server | failed | observed | differs |\n|---|---|---|---|\n"
	for i, row := range rows {
		for line := range strings.Lines(table) {
			if strings.HasPrefix(line, "| `"+servers[i].name+"` ") {
				row = cmp.Or(row, line) // if it could not be run here, what the page says stays
			}
		}
		made += row
	}
	made += "\n"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(page, []byte(before+tableBegins+made+tableEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if made != table {
		t.Errorf("%s has\n%s, and the program finds\n%s", page, table, made)
	}
}

// A tableServer is a row of the table.
type tableServer struct{ name, command, missing string }

// serversOfTable are chatd and those of other designs.
func serversOfTable(t *testing.T) (servers []tableServer) {
	t.Helper()
	root, err := contender.Root()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, c := range contender.All() {
		s := tableServer{name: c.Name, command: filepath.Join(folder, c.Name) + " --max-users 16"}
		switch c.Name {
		case "chatd":
			s.command = daemon.Binary(t) + " --max-users 16"
		case "python":
			s.command = pythonServer(t)
		case "netpoll":
			s.missing = "the library may lose a client that half-closes: its row is what was seen once"
		default:
			if err := c.Build(root, folder); err != nil {
				s.missing = err.Error()
			}
		}
		servers = append(servers, s)
	}
	return servers
}

func (s tableServer) row(t *testing.T, timeout string) string {
	t.Helper()
	if s.missing != "" {
		t.Skipf("%s is not judged: %s", s.name, s.missing)
	}
	r := judgeAny(t, "--exec", s.command, "--timeout", timeout)
	if s.name == "chatd" && (r.Passed != len(r.Cases) || len(r.Notes) > 0) {
		t.Errorf("failed: %v, differs: %v, skipped: %v, notes: %q", r.with(failed), r.with(differs), r.with(skipped), r.Notes)
	}
	var cells []string
	for _, v := range []verdict{failed, observed, differs} {
		cells = append(cells, cmp.Or(strings.Join(r.with(v), ", "), "-"))
	}
	return fmt.Sprintf("| `%s` | %s |\n", s.name, strings.Join(cells, " | "))
}
