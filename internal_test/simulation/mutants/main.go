// Mutants asks whether the simulation can find anything: it makes one small mistake at a time in a
// copy of the module and counts the seeds until the simulation sees it. A mistake that it does not
// see is a check that is missing, or no mistake.
//
//	go run ./internal_test/simulation/mutants        a table of all, in Markdown
//	go run ./internal_test/simulation/mutants due    those whose story has this word in it
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

const (
	seedsNone = 2_000 // without any mistake
	seedsEach = 20_000
)

func main() {
	root, err := moduleRoot()
	if err != nil {
		fatal(err)
	}
	survivors := 0
	fmt.Println("| mistake | seeds | what was seen |\n|---|---|---|")
	for _, m := range append([]mutant{{story: "none"}}, mutants...) {
		if len(os.Args) > 1 && !strings.Contains(m.story, os.Args[1]) {
			continue
		}
		seeds, seen, err := try(root, m)
		if err != nil {
			fatal(fmt.Errorf("%s: %w", m.story, err))
		}
		if (seen == "") != (m.edits == nil) {
			survivors++
			seen = "**" + cmp.Or(seen, "nothing") + "**"
		}
		fmt.Printf("| %s | %d | %s |\n", m.story, seeds, seen)
	}
	if survivors > 0 {
		fatal(fmt.Errorf("%d surprises", survivors))
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "mutants:", err)
	os.Exit(1)
}

func moduleRoot() (string, error) {
	file, err := exec.Command("go", "env", "GOMOD").Output()
	return filepath.Dir(strings.TrimSpace(string(file))), err
}

// try makes a mutant in a copy of the module and runs the simulation on it. seen is empty if
// nothing was.
func try(root string, m mutant) (seeds int, seen string, err error) {
	scratch, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return 0, "", err
	}
	defer os.RemoveAll(scratch)
	if err := copyModule(root, scratch); err != nil {
		return 0, "", err
	}
	for _, e := range m.edits {
		if err := e.apply(scratch); err != nil {
			return 0, "", err
		}
	}
	build := exec.Command("go", "build", "-o", "simulate", "./internal_test/simulation")
	build.Dir = scratch
	if out, err := build.CombinedOutput(); err != nil {
		return 0, "", fmt.Errorf("%w\n%s", err, out)
	}
	if m.edits == nil {
		return simulate(filepath.Join(scratch, "simulate"), seedsNone)
	}
	return simulate(filepath.Join(scratch, "simulate"), seedsEach)
}

// copyModule copies what the simulation is built from.
func copyModule(from, to string) error {
	for _, dir := range []string{"state", "protocol", "poller", "internal_test/simulation"} {
		if err := os.CopyFS(filepath.Join(to, dir), os.DirFS(filepath.Join(from, dir))); err != nil {
			return err
		}
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(from, file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, file), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// apply makes an edit. A text that does not stand there exactly once is an error: the code has
// moved on, and the mutant has to.
func (e edit) apply(root string) error {
	path := filepath.Join(root, e.file)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if n := bytes.Count(text, []byte(e.old)); n != 1 {
		return fmt.Errorf("%q stands %d times in %s", e.old, n, e.file)
	}
	return os.WriteFile(path, bytes.Replace(text, []byte(e.old), []byte(e.new), 1), 0o644)
}

var (
	verdict  = regexp.MustCompile(`^seed (\d+): (.*)`)
	progress = regexp.MustCompile(`^(\d+) seeds`)
)

// simulate runs one seed after the other until one of them fails. A run that does not come forward or
// that dies is one that has been seen too.
func simulate(binary string, seeds int) (n int, seen string, err error) {
	c := exec.Command(binary, "-seeds", strconv.Itoa(seeds))
	c.Env = append(os.Environ(), "GOMAXPROCS=1")
	out, err := c.StdoutPipe()
	if err != nil {
		return 0, "", err
	}
	if err := c.Start(); err != nil {
		return 0, "", err
	}
	done := -1
	for lines := bufio.NewScanner(out); seen == "" && lines.Scan(); {
		if found := verdict.FindStringSubmatch(lines.Text()); found != nil {
			n, _ = strconv.Atoi(found[1])
			seen = strings.ReplaceAll(found[2], "|", "\\|")
		} else if found := progress.FindStringSubmatch(lines.Text()); found != nil {
			if n, _ = strconv.Atoi(found[1]); n == done && n < seeds {
				seen = "it does not end"
			}
			done = n
		}
	}
	if seen != "" {
		c.Process.Kill()
		c.Wait()
		return n + 1, seen, nil
	}
	if err := c.Wait(); err != nil {
		return 0, fmt.Sprintf("it dies: %v", err), nil
	}
	return seeds, "", nil
}
