package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"chatd/internal_test/mistakes"
	"chatd/internal_test/tables"
)

const (
	page          = "docs/simulation.md"
	sceneHeader   = "| scene | what happens | bound | schedules | seconds | mistakes found |"
	mistakeHeader = "| mistake | found without luck by |"
)

// found is which scenes find a mistake, and with a bound of how many choices.
type found struct {
	bound  int
	scenes []string
	err    error
}

// String is a cell of the table.
func (f found) String() string {
	if f.scenes == nil {
		return "seeds only"
	}
	return fmt.Sprintf("%d: %s", f.bound, strings.Join(f.scenes, ", "))
}

var broken = regexp.MustCompile(`^scene (\S+): (.*)`)

// tryScenes makes a mistake and goes through the scenes, with bound 1 and, if that finds nothing, with the
// bound that each has in go test.
func tryScenes(root string, m mistakes.Mistake) (f found) {
	scratch, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return found{err: err}
	}
	defer os.RemoveAll(scratch)
	binary, _, err := build(root, scratch, m)
	if err != nil {
		return found{err: err}
	}
	for f.bound = 1; f.bound <= 2 && f.scenes == nil && f.err == nil; f.bound++ {
		args := []string{"-exhaust"}
		if f.bound == 1 {
			args = append(args, "-bound", "1")
		}
		f.scenes, f.err = explore(binary, args...)
	}
	f.bound--
	return f
}

// explore runs the scenes and returns those that break a rule. It replays the path of each. A scene that
// does not end, or a process that dies, has been found too.
func explore(binary string, args ...string) (scenes []string, err error) {
	c := command("", binary, args...)
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	ends := time.AfterFunc(time.Hour, func() { c.Process.Kill() })
	defer ends.Stop()
	seen := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if match := broken.FindStringSubmatch(lines.Text()); match != nil {
			scenes, seen = append(scenes, match[1]), match[2]
		} else if _, replay, ok := strings.Cut(lines.Text(), "./internal_test/simulation "); ok {
			text, _ := exec.Command(binary, strings.Fields(replay)...).Output()
			if !strings.Contains(string(text), seen) {
				return nil, fmt.Errorf("%s is not %s when it is replayed", replay, seen)
			}
		}
	}
	if c.Wait() != nil && scenes == nil {
		scenes = []string{"it does not end"}
	}
	return scenes, nil
}

// byScenes prints which scenes find each mistake, and writes that to the page.
func byScenes(root string, all []mistakes.Mistake, update bool) {
	fmt.Println(mistakeHeader + "\n|---|---|")
	var results []found
	onAllCores(all, func(m mistakes.Mistake) found { return tryScenes(root, m) }, func(m mistakes.Mistake, f found) {
		if f.err != nil {
			fatal(fmt.Errorf("%s: %w", m.Story, f.err))
		}
		fmt.Printf("| %s | %s |\n", m.Story, f)
		results = append(results, f)
	})
	if update {
		if err := writeScenes(root, all, results); err != nil {
			fatal(err)
		}
	}
}

// writeScenes writes the tables of docs/simulation.md: what each scene finds, and by what each mistake is
// found.
func writeScenes(root string, all []mistakes.Mistake, results []found) error {
	file := filepath.Join(root, page)
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	by := map[string]int{}
	var rows [][]string
	for i, m := range all {
		rows = append(rows, []string{m.Story, results[i].String()})
		for _, scene := range results[i].scenes {
			by[scene]++
		}
	}
	now, err := tables.Replace(string(text), mistakeHeader, rows)
	if err != nil {
		return err
	}
	scenes, err := tables.Rows(now, sceneHeader)
	if err != nil {
		return err
	}
	for _, row := range scenes {
		row[len(row)-1] = strconv.Itoa(by[row[0]])
	}
	if now, err = tables.Replace(now, sceneHeader, scenes); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(now), 0o644)
}
