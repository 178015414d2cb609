package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// readLedger reads survivors.txt: why each survivor that a run may have is no missing test, by its key.
func readLedger(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	reasons := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		end := strings.LastIndexByte(line, '\t')
		if strings.Count(line, "\t") != 4 || len(line[end+1:]) < 10 {
			return nil, fmt.Errorf("%s: not file, function, kind, text and reason, with tabs between: %q", path, line)
		}
		if reasons[line[:end]] != "" {
			err = errors.Join(err, fmt.Errorf("%s: twice: %q", path, line[:end]))
		}
		reasons[line[:end]] = line[end+1:]
	}
	return reasons, err
}

// report writes a table of the results, and the survivors that the ledger does not explain, and returns
// how many these are.
func report(out io.Writer, wanted []*mutant, results map[string]result, ledger map[string]string) (unexplained int) {
	levels := []string{"unit", "simulation", "black-box"}
	fmt.Fprintln(out, "| code | mutants | killed by a unit test | by the simulation | by a black-box test | explained | survivors |\n|---|---|---|---|---|---|---|")
	counts := make(map[string]map[string]int)
	var folders []string
	var lines []string
	for _, w := range wanted {
		r, judged := results[w.key()]
		if !judged {
			continue // it does not compile
		}
		folder := strings.TrimSuffix(filepath.Dir(w.file), ".")
		if folder == "" {
			folder = "main"
		}
		if counts[folder] == nil {
			counts[folder] = make(map[string]int)
			folders = append(folders, folder)
		}
		for _, row := range []string{folder, "all"} {
			if counts[row] == nil {
				counts[row] = make(map[string]int)
			}
			c := counts[row]
			c["mutants"]++
			switch {
			case slices.Contains(levels, r.verdict):
				c[r.verdict]++
			case ledger[w.key()] != "":
				c["explained"]++
			default:
				c["survivors"]++
			}
		}
		if !slices.Contains(levels, r.verdict) && ledger[w.key()] == "" {
			lines = append(lines, fmt.Sprintf("%s\t%s (line %d)", w.key(), r.verdict, w.first))
		}
	}
	for _, folder := range append(folders, "all") {
		c := counts[folder]
		fmt.Fprintf(out, "| %s | %d | %d | %d | %d | %d | %d |\n", folder,
			c["mutants"], c["unit"], c["simulation"], c["black-box"], c["explained"], c["survivors"])
	}
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
	return len(lines)
}

// coverage writes how many statements and outcomes of conditions the tests of each level reach, and those
// that none reaches, with the ledger's reason. A statement is one that can be removed, or the beginning of a
// function. Each part of a condition has two outcomes; only the mutant that reverses an outcome asks for it.
func coverage(out io.Writer, j *judge, ledger map[string]string) {
	levels := []string{"unit", "simulation", "black-box"}
	reached := make(map[string]map[int]bool)
	for _, u := range j.units {
		if reached[u.level] == nil {
			reached[u.level] = make(map[int]bool)
		}
		for _, t := range u.tests {
			for id, hit := range t.reached {
				if hit != 0 {
					reached[u.level][id] = true
				}
			}
		}
	}
	type row struct{ all, byAny, unit, simulation, blackBox int }
	rows := make(map[string]*[2]row) // of a folder: statements, outcomes
	var folders, missed []string
	for _, w := range j.module.mutants {
		kind := 0
		switch w.kind {
		case "removed", "return":
		case "condition":
			kind = 1
		default:
			continue
		}
		if j.dropped[w.id] {
			continue
		}
		folder := filepath.Dir(w.file)
		if rows[folder] == nil {
			rows[folder] = new([2]row)
			folders = append(folders, folder)
		}
		if rows["all"] == nil {
			rows["all"] = new([2]row)
		}
		hit := [3]int{}
		for i, level := range levels {
			if reached[level][w.id] {
				hit[i] = 1
			}
		}
		for _, name := range []string{folder, "all"} {
			r := &rows[name][kind]
			r.all++
			r.byAny += max(hit[0], hit[1], hit[2])
			r.unit, r.simulation, r.blackBox = r.unit+hit[0], r.simulation+hit[1], r.blackBox+hit[2]
		}
		if max(hit[0], hit[1], hit[2]) == 0 {
			missed = append(missed, fmt.Sprintf("| `%s` | `%s` | `%s` | %s |", w.file, w.function, w.text, cmp.Or(ledger[w.key()], "**not explained**")))
		}
	}
	fmt.Fprintln(out, "| code | statements | reached | unit | simulation | black-box | outcomes | reached | unit | simulation | black-box |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|---|---|---|")
	for _, folder := range append(folders, "all") {
		fmt.Fprintf(out, "| %s", strings.Replace(folder, ".", "main", 1))
		for _, r := range rows[folder] {
			fmt.Fprintf(out, " | %d | %d | %d | %d | %d", r.all, r.byAny, r.unit, r.simulation, r.blackBox)
		}
		fmt.Fprintln(out, " |")
	}
	fmt.Fprintln(out, "\n| file | function | not reached | why |\n|---|---|---|---|")
	fmt.Fprintln(out, strings.Join(missed, "\n"))
}

// choose picks the mutants that the options ask for.
func (o options) choose(m *module) (wanted []*mutant, err error) {
	changed := map[string][][2]int{}
	if o.since != "" {
		if changed, err = changedLines(m.root, o.since); err != nil {
			return nil, err
		}
	}
	for _, w := range m.mutants {
		below := len(o.paths) == 0 || slices.ContainsFunc(o.paths, func(p string) bool {
			p = strings.TrimPrefix(filepath.Clean(p), "./")
			return w.file == p || filepath.Dir(w.file) == p
		})
		isNew := o.since == "" || slices.ContainsFunc(changed[w.file], func(lines [2]int) bool {
			return lines[0] <= w.last && w.first <= lines[1]
		})
		if below && isNew {
			wanted = append(wanted, w)
		}
	}
	if o.sample > 0 && o.sample < len(wanted) {
		today := rand.New(rand.NewPCG(uint64(time.Now().YearDay()), 0))
		today.Shuffle(len(wanted), func(i, j int) { wanted[i], wanted[j] = wanted[j], wanted[i] })
		wanted = wanted[:o.sample]
	}
	return wanted, nil
}

var hunk = regexp.MustCompile(`^@@ -\S+ \+(\d+)(?:,(\d+))? @@`)

// changedLines are the lines of each file that differ from a commit, as first and last.
func changedLines(root, since string) (map[string][][2]int, error) {
	diff := exec.Command("git", "diff", "-U0", "--no-prefix", since, "--", "*.go")
	diff.Dir = root
	out, err := diff.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %w", diff, err)
	}
	changed, name := make(map[string][][2]int), ""
	for line := range bytes.Lines(out) {
		if file, ok := strings.CutPrefix(strings.TrimSuffix(string(line), "\n"), "+++ "); ok {
			name = file
		} else if found := hunk.FindSubmatch(line); found != nil {
			first, _ := strconv.Atoi(string(found[1]))
			n, err := strconv.Atoi(string(found[2]))
			if err != nil {
				n = 1
			}
			changed[name] = append(changed[name], [2]int{first, max(first, first+n-1)})
		}
	}
	return changed, nil
}
