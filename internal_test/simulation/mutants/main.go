// Mutants shows what the simulation can find: it makes one mistake of internal_test/mistakes at a time
// and counts the seeds until a rule is broken. For a mistake that no seed finds it runs the scenarios. A
// mistake that neither finds is a rule that is missing, or no mistake.
//
//	go run ./internal_test/simulation/mutants           a table of all, in Markdown
//	go run ./internal_test/simulation/mutants receipt   those with this word in their story
//	go run ./internal_test/simulation/mutants -scenes   which scenes find them, without luck
package main

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"chatd/internal_test/mistakes"
)

const (
	seedsNone = 2_000 // without a mistake
	seedsEach = 20_000
	simulator = "./internal_test/simulation"
)

func main() {
	scenes := flag.Bool("scenes", false, "go through the scenes instead of seeds")
	update := flag.Bool("update", false, "with -scenes, write the tables of docs/simulation.md")
	flag.Parse()
	root, err := moduleRoot()
	if err != nil {
		fatal(err)
	}
	var chosen []mistakes.Mistake
	for _, m := range mistakes.All {
		if strings.Contains(m.Story, flag.Arg(0)) {
			chosen = append(chosen, m)
		}
	}
	if *scenes {
		byScenes(root, chosen, *update && flag.NArg() == 0)
	} else {
		bySeeds(root, append([]mistakes.Mistake{{Story: "none"}}, chosen...))
	}
}

// onAllCores calls f for each mistake, and print for each result, in their order.
func onAllCores[T any](all []mistakes.Mistake, f func(mistakes.Mistake) T, print func(mistakes.Mistake, T)) {
	results := make([]chan T, len(all))
	free := make(chan bool, runtime.NumCPU())
	for i, m := range all {
		results[i] = make(chan T, 1)
		go func() {
			free <- true
			results[i] <- f(m)
			<-free
		}()
	}
	for i, m := range all {
		print(m, <-results[i])
	}
}

func bySeeds(root string, all []mistakes.Mistake) {
	surprises := 0
	fmt.Println("| mistake | found by seed | what was seen |\n|---|---|---|")
	onAllCores(all, func(m mistakes.Mistake) result { return try(root, m) }, func(m mistakes.Mistake, r result) {
		if r.err != nil {
			fatal(fmt.Errorf("%s: %w", m.Story, r.err))
		}
		if (r.seen == "") != (m.Edits == nil) {
			surprises++
			r.seen = "**" + cmp.Or(r.seen, "nothing") + "**"
		}
		fmt.Printf("| %s | %s | %s |\n", m.Story, r.by, r.seen)
	})
	if surprises > 0 {
		fatal(fmt.Errorf("%d surprises", surprises))
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

// A result is what became of a mistake. by is the first seed that breaks a rule, or the scenario that
// fails; seen is empty if neither does.
type result struct {
	by, seen string
	err      error
}

// try makes a mistake and runs the simulation on it.
func try(root string, m mistakes.Mistake) (r result) {
	scratch, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return result{err: err}
	}
	defer os.RemoveAll(scratch)
	binary, overlay, err := build(root, scratch, m)
	if err != nil {
		return result{err: err}
	}
	seeds := seedsEach
	if m.Edits == nil {
		seeds = seedsNone
	}
	if r.by, r.seen, r.err = simulate(binary, seeds); r.seen == "" && r.err == nil {
		if by, seen := scenarios(root, overlay); seen != "" {
			r.by, r.seen = by, seen
		}
	}
	r.seen = strings.ReplaceAll(r.seen, "|", "\\|")
	return r
}

// build builds the simulation with a mistake in a directory.
func build(root, scratch string, m mistakes.Mistake) (binary, overlay string, err error) {
	if overlay, err = mistakes.Overlay(root, scratch, m.Edits); err != nil {
		return "", "", err
	}
	binary = filepath.Join(scratch, "simulate")
	if out, err := command(root, "go", "build", "-overlay", overlay, "-o", binary, simulator).CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("%w\n%s", err, out)
	}
	return binary, overlay, nil
}

func command(root, name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir, c.Env = root, append(os.Environ(), "GOMAXPROCS=1")
	return c
}

var (
	verdict  = regexp.MustCompile(`^seed (\d+): (.*)`)
	progress = regexp.MustCompile(`^(\d+) seeds`)
	failure  = regexp.MustCompile(`(?m)^--- FAIL: (\w+)[^\n]*\n *([^\n]*)`)
)

// simulate runs one seed after the other until one of them fails. A run that does not end, or that
// dies, has been found too.
func simulate(binary string, seeds int) (by, seen string, err error) {
	c := command("", binary, "-seeds", strconv.Itoa(seeds))
	out, err := c.StdoutPipe()
	if err != nil {
		return "", "", err
	}
	if err := c.Start(); err != nil {
		return "", "", err
	}
	by = fmt.Sprint("none of ", seeds)
	done := ""
	for lines := bufio.NewScanner(out); seen == "" && lines.Scan(); {
		if found := verdict.FindStringSubmatch(lines.Text()); found != nil {
			by, seen = found[1], found[2]
		} else if found := progress.FindStringSubmatch(lines.Text()); found != nil {
			if found[1] == done && done != strconv.Itoa(seeds) {
				by, seen = done, "it does not end"
			}
			done = found[1]
		}
	}
	if seen != "" {
		c.Process.Kill()
		c.Wait()
	} else if err := c.Wait(); err != nil {
		by, seen = done, fmt.Sprintf("it dies: %v", err)
	}
	return by, seen, nil
}

// scenarios runs the tests of the simulation other than the seeds.
func scenarios(root, overlay string) (by, seen string) {
	out, err := command(root, "go", "test", "-overlay", overlay, "-timeout", "3m", "-run", "^Test[A-G]", simulator).CombinedOutput()
	if err == nil {
		return "", ""
	}
	found := failure.FindSubmatch(out)
	if found == nil {
		return "the scenarios", fmt.Sprintf("they die: %v", err)
	}
	return string(found[1]), string(found[2])
}
