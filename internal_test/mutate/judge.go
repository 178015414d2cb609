package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A unit is the tests of one folder.
type unit struct {
	level, folder string
	binary        string
	tests         []*test
}

// A test is what is known of one test without a mutant.
type test struct {
	name    string
	took    time.Duration
	reached []byte // by mutant
}

// A judge runs tests on a copy of a module.
type judge struct {
	module  *module
	work    string
	units   []unit
	path    string // PATH of the tests: its go command has built the program already
	learned string // folder of what learn knows; another one if any file has changed
	dropped map[int]bool
	// How long a mutant may take, beside ten times the normal time.
	patience time.Duration
	mu       sync.Mutex
	unsound  map[string]bool // tests that have failed without a mutant
}

func (j *judge) copyOf(name string) string { return filepath.Join(j.work, "copy", name) }

// prepare makes the copy and learns what each test reaches.
func (j *judge) prepare() error {
	j.unsound, j.dropped = make(map[string]bool), make(map[int]bool)
	if err := j.copyModule(); err != nil {
		return err
	}
	if err := j.build(); err != nil {
		return err
	}
	return j.learn()
}

// copyModule copies the files that git knows or would know.
func (j *judge) copyModule() error {
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = j.module.root
	names, err := list.Output()
	if err != nil {
		return fmt.Errorf("%v: %w", list, err)
	}
	os.RemoveAll(j.copyOf("."))
	sum := sha256.New()
	defer func() { j.learned = filepath.Join(j.work, fmt.Sprintf("learned-%x", sum.Sum(nil)[:6])) }()
	for name := range strings.SplitSeq(strings.Trim(string(names), "\x00"), "\x00") {
		info, err := os.Stat(filepath.Join(j.module.root, name))
		if err != nil || !info.Mode().IsRegular() {
			continue // deleted, or a link
		}
		text, err := os.ReadFile(filepath.Join(j.module.root, name))
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, ".go") && !strings.HasPrefix(name, "internal_test/mutate/") {
			fmt.Fprintf(sum, "%s %d\n%s", name, len(text), text)
		}
		if err := os.MkdirAll(filepath.Dir(j.copyOf(name)), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(j.copyOf(name), text, info.Mode()); err != nil {
			return err
		}
	}
	return nil
}

var compileError = regexp.MustCompile(`(?m)^(?:vet: )?(?:\./)?([^:\s]+\.go):(\d+):\d+: (.*)$`)

// build compiles the copy, without the mutants that do not compile: first those of a line that may have
// the wrong type, and if that does not help all mutants of the line.
func (j *judge) build() error {
	tried := make(map[string]bool)
	known := filepath.Join(j.learned, "dropped")
	if text, err := os.ReadFile(known); err == nil {
		for n := range strings.FieldsSeq(string(text)) {
			id, _ := strconv.Atoi(n)
			j.dropped[id] = true
		}
	}
	folders := []string{"build", "-gcflags=-e"}
	for _, f := range j.module.files {
		if folder := "./" + filepath.Dir(f.name); !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	for {
		if err := j.module.write(j.copyOf("."), j.dropped); err != nil {
			return err
		}
		if len(j.dropped) > 0 { // likely to compile, and then no second build is needed
			folders = slices.DeleteFunc(folders, func(f string) bool { return f == "-gcflags=-e" })
		}
		out, err := j.command("go", folders...).CombinedOutput()
		if err == nil {
			break
		}
		before := len(j.dropped)
		for _, found := range compileError.FindAllStringSubmatch(string(out), -1) {
			line, _ := strconv.Atoi(found[2])
			again := tried[found[1]+found[2]]
			tried[found[1]+found[2]] = true
			for _, f := range j.module.files {
				for _, e := range f.edits {
					from, to := bytes.Count(f.text[:e.start], []byte("\n"))+1, bytes.Count(f.text[:e.end], []byte("\n"))+1
					if f.name == found[1] && from <= line && line <= to &&
						(again || e.mutant.kind == "constant" || e.mutant.kind == "operator" || e.mutant.kind == "swapped") {
						j.dropped[e.mutant.id] = true
					}
				}
			}
		}
		if len(j.dropped) == before {
			return fmt.Errorf("the copy does not compile:\n%s", out)
		}
	}
	var numbers []string
	for id := range j.dropped {
		numbers = append(numbers, strconv.Itoa(id))
	}
	os.MkdirAll(j.learned, 0o755)
	os.WriteFile(known, []byte(strings.Join(numbers, "\n")), 0o644)
	fmt.Fprintf(os.Stderr, "%d mutants, %d of them do not compile\n", len(j.module.mutants), len(j.dropped))
	for i := range j.units {
		u := &j.units[i]
		u.binary = filepath.Join(j.work, "bin", strings.ReplaceAll(u.folder, "/", "-")+".test")
		if out, err := j.command("go", "test", "-c", "-vet=off", "-o", u.binary, "./"+u.folder).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", u.folder, err, out)
		}
	}
	return j.shadowGo()
}

// shadowGo puts a go command in front of the other one that does not build the program again for each
// run of a black-box test.
func (j *judge) shadowGo() error {
	real, err := exec.LookPath("go")
	if err != nil {
		return err
	}
	folder := filepath.Join(j.work, "bin")
	program := filepath.Join(folder, "program")
	if out, err := j.command("go", "build", "-buildvcs=false", "-o", program, ".").CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	j.path = folder + ":" + os.Getenv("PATH")
	script := fmt.Sprintf("#!/bin/sh\n[ \"$1 $2 $3 $5\" = \"build -buildvcs=false -o %s\" ] && exec cp %s \"$4\"\nexec %s \"$@\"\n",
		j.module.path, program, real)
	return os.WriteFile(filepath.Join(folder, "go"), []byte(script), 0o755)
}

func (j *judge) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir, c.Env = j.copyOf("."), append(os.Environ(), "CGO_ENABLED=0")
	return c
}

// An outcome is what became of some tests. failed is empty if they passed.
type outcome struct {
	failed string
	took   time.Duration
}

const late = "(timeout)"

var failure = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// run runs tests of a unit, of one mutant or of none (-1), until one fails.
func (j *judge) run(u unit, tests []string, mutant int, limit time.Duration, env ...string) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	// A mutant may ask for memory without end.
	c := exec.CommandContext(ctx, "sh", "-c", `ulimit -v 8000000; exec "$@"`, "sh",
		u.binary, "-test.failfast", "-test.run=^("+strings.Join(tests, "|")+")$")
	c.Dir, c.Env = j.copyOf(u.folder), append(os.Environ(), append(env, "PATH="+j.path)...)
	if mutant >= 0 {
		c.Env = append(c.Env, "MUTANT="+strconv.Itoa(mutant))
	}
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = time.Second
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	began := time.Now()
	err := c.Run()
	result := outcome{took: time.Since(began)}
	switch found := failure.FindStringSubmatch(out.String()); {
	case err == nil:
	case ctx.Err() != nil:
		result.failed = late
	case found != nil:
		result.failed = found[1]
	case errors.Is(err, exec.ErrWaitDelay): // passed, and left a process behind
	default:
		result.failed = "(panic)"
	}
	return result
}

// learn runs each test alone, without a mutant.
func (j *judge) learn() error {
	var jobs []func()
	for i := range j.units {
		u := &j.units[i]
		list := exec.Command(u.binary, "-test.list", "^(Test|Fuzz|Example)")
		list.Dir = j.copyOf(u.folder)
		list.Env = append(os.Environ(), "PATH="+j.path)
		out, err := list.Output()
		if err != nil {
			return fmt.Errorf("%v: %w", list, err)
		}
		for name := range strings.FieldsSeq(string(out)) {
			if !strings.HasPrefix(name, "Test") && !strings.HasPrefix(name, "Fuzz") && !strings.HasPrefix(name, "Example") {
				continue
			}
			jobs = append(jobs, func() {
				t := &test{name: name}
				reached := filepath.Join(j.learned, strings.ReplaceAll(u.folder, "/", "-")+"-"+name)
				took, err := os.ReadFile(reached + ".took")
				if err != nil {
					os.MkdirAll(j.learned, 0o755)
					os.WriteFile(reached, make([]byte, len(j.module.mutants)+1), 0o644)
					result := j.run(*u, []string{name}, -1, 5*time.Minute, "MUTANTS_REACHED="+reached)
					if took = []byte(result.took.String()); result.failed != "" {
						fmt.Fprintf(os.Stderr, "%s: %s fails without a mutant and judges none\n", u.folder, name)
						took = nil
					}
					os.WriteFile(reached+".took", took, 0o644)
				}
				if t.took, err = time.ParseDuration(string(took)); err != nil {
					return // it has failed
				}
				t.reached, _ = os.ReadFile(reached)
				j.mu.Lock()
				defer j.mu.Unlock()
				u.tests = append(u.tests, t)
			})
		}
	}
	parallel(jobs, func(done int) { progress("tests without a mutant", done, len(jobs)) })
	for i := range j.units {
		slices.SortFunc(j.units[i].tests, func(a, b *test) int { return int(a.took - b.took) })
	}
	return nil
}

func parallel(jobs []func(), after func(done int)) {
	var wait sync.WaitGroup
	next := make(chan func())
	var mu sync.Mutex
	done := 0
	for range runtime.NumCPU() {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for job := range next {
				job()
				mu.Lock()
				done++
				after(done)
				mu.Unlock()
			}
		}()
	}
	for _, job := range jobs {
		next <- job
	}
	close(next)
	wait.Wait()
}

func progress(what string, done, all int) {
	if done%50 == 0 || done == all {
		fmt.Fprintf(os.Stderr, "%s: %d of %d\n", what, done, all)
	}
}

// A result is the verdict on a mutant: killed at a level, survived, or reached by no test.
type result struct{ verdict, by string }

const (
	survived   = "survived"
	notReached = "not reached"
)

// all judges mutants, but those that have a result from an earlier run.
func (j *judge) all(wanted []*mutant, again bool) (map[string]result, error) {
	path := filepath.Join(j.work, "results.txt")
	results := make(map[string]result)
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(f) >= 6 {
			results[strings.Join(f[:4], "\t")] = result{f[4], f[5]}
		}
	}
	if again {
		maps.DeleteFunc(results, func(_ string, r result) bool { return r.verdict == survived || r.verdict == notReached })
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var jobs []func()
	for _, w := range wanted {
		if _, known := results[w.key()]; known || j.dropped[w.id] {
			continue
		}
		jobs = append(jobs, func() {
			began := time.Now()
			r := j.judge(w)
			j.mu.Lock()
			defer j.mu.Unlock()
			results[w.key()] = r
			fmt.Fprintf(file, "%s\t%s\t%s\t%.1f s\n", w.key(), r.verdict, r.by, time.Since(began).Seconds())
		})
	}
	parallel(jobs, func(done int) { progress("mutants judged", done, len(jobs)) })
	return results, nil
}

const (
	quick      = 100 * time.Millisecond // tests that take less run first
	atMostEach = 30 * time.Second       // of black-box tests for one mutant, those that take least
)

// judge runs the tests that reach a mutant until one fails.
func (j *judge) judge(w *mutant) result {
	reached := false
	for _, u := range j.units {
		if u.level == "unit" && u.folder != filepath.Dir(w.file) {
			continue // another package's tests would take long, and the simulation reaches more
		}
		var batches [2][]*test
		total := time.Duration(0)
		for _, t := range u.tests {
			if t.reached[w.id] == 0 {
				continue
			}
			reached = true
			if total += t.took; u.level == "black-box" && total > atMostEach && total > t.took {
				break
			}
			if t.took < quick {
				batches[0] = append(batches[0], t)
			} else {
				batches[1] = append(batches[1], t)
			}
		}
		for _, batch := range batches {
			if by := j.fails(u, batch, w); by != "" {
				return result{u.level, by}
			}
		}
	}
	if !reached {
		return result{notReached, ""}
	}
	return result{survived, ""}
}

// fails says which of some tests fails because of a mutant; empty: none.
func (j *judge) fails(u unit, tests []*test, w *mutant) string {
	for {
		var names []string
		normal := time.Duration(0)
		for _, t := range tests {
			j.mu.Lock()
			if !j.unsound[u.folder+t.name] {
				names, normal = append(names, t.name), normal+t.took
			}
			j.mu.Unlock()
		}
		if names == nil {
			return ""
		}
		limit := 10*normal + j.patience
		result := j.run(u, names, w.id, limit)
		if result.failed == late {
			// A slow machine is not the mutant's doing: without it the tests must now take less than a quarter.
			if again := j.run(u, names, -1, limit); again.failed != "" || again.took > limit/4 {
				for _, t := range tests {
					t.took = max(t.took, again.took/time.Duration(len(tests)))
				}
				continue
			}
		}
		if result.failed == "" || result.failed == late || result.failed == "(panic)" || u.level == "unit" && result.took < 5*time.Second {
			return result.failed
		}
		// A test that waits may fail on a busy machine: it must fail again, and pass without the mutant.
		if j.run(u, []string{result.failed}, -1, limit).failed != "" {
			fmt.Fprintf(os.Stderr, "%s: %s fails without a mutant too and judges no more\n", u.folder, result.failed)
			j.mu.Lock()
			j.unsound[u.folder+result.failed] = true
			j.mu.Unlock()
			continue
		}
		if j.run(u, []string{result.failed}, w.id, limit).failed != "" {
			return result.failed
		}
	}
}
