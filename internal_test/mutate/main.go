// Mutate shows what the tests do not see. It makes every small mistake of a few kinds in the product code,
// one at a time, and runs the tests until one fails. A mistake that no test notices is a survivor: it
// changes nothing that a test could see, and survivors.txt says why, or a test is missing.
//
//	go run ./internal_test/mutate                      all mutants; goes on where it was stopped
//	go run ./internal_test/mutate state poller/read.go those below these paths
//	go run ./internal_test/mutate -since main          those in functions that have changed since a commit
//	go run ./internal_test/mutate -sample 50           some, others on each day
//	go run ./internal_test/mutate -list                names them and runs nothing
//	go run ./internal_test/mutate -coverage            what the tests reach, and what none reaches
//
// The exit status is 1 if there is a survivor that survivors.txt does not explain.
//
// All mutants are compiled once, into a copy of the module: an environment variable says which of them a
// process has. Each test then runs once without a mutant, so it is known which mutants it reaches, and how
// long it takes. A mutant is judged by the tests that reach it: those of its own package, the simulation, and then
// the black-box tests. A test that takes ten times as long as without the mutant has noticed it.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	o := options{}
	flag.StringVar(&o.work, "work", filepath.Join(os.TempDir(), "chatd-mutate"), "folder of the copy and of the results")
	flag.StringVar(&o.since, "since", "", "only functions that have changed since this commit")
	flag.IntVar(&o.sample, "sample", 0, "only so many mutants; 0: all")
	flag.BoolVar(&o.again, "again", false, "judge the survivors of earlier runs again")
	flag.BoolVar(&o.list, "list", false, "name the mutants and run nothing")
	flag.BoolVar(&o.coverage, "coverage", false, "write what the tests reach, and judge nothing")
	flag.StringVar(&o.levels, "levels", "unit,simulation,black-box", "the tests that judge")
	flag.Parse()
	o.paths = flag.Args()
	survivors, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
	if survivors > 0 {
		os.Exit(1)
	}
}

type options struct {
	work, since, levels string
	sample              int
	again, list         bool
	coverage            bool
	paths               []string
}

// run judges the mutants of chatd and returns the number of survivors that are not explained.
func run(o options) (survivors int, err error) {
	m, err := loadChatd()
	if err != nil {
		return 0, err
	}
	wanted, err := o.choose(m)
	if err != nil {
		return 0, err
	}
	if len(wanted) == 0 {
		fmt.Println("no mutants")
		return 0, nil
	}
	if o.list {
		for _, w := range wanted {
			fmt.Println(w.key())
		}
		return 0, nil
	}
	ledger, err := readLedger(filepath.Join(m.root, "internal_test/mutate/survivors.txt"))
	if err != nil {
		return 0, err
	}
	j := judge{module: m, work: o.work, units: chatdTests(o.levels), patience: 5 * time.Second}
	if err := j.prepare(); err != nil {
		return 0, err
	}
	if o.coverage {
		coverage(os.Stdout, &j, ledger)
		return 0, nil
	}
	results, err := j.all(wanted, o.again)
	if err != nil {
		return 0, err
	}
	return report(os.Stdout, wanted, results, ledger), nil
}

// chatdTests are the folders whose tests judge, by level.
func chatdTests(levels string) (units []unit) {
	for _, level := range []struct {
		name    string
		folders []string
	}{
		{"unit", []string{".", "state", "protocol", "poller", "poller/linux", "poller/service"}},
		{"simulation", []string{"internal_test/simulation"}},
		{"black-box", []string{
			"internal_test/input", "internal_test/output", "internal_test/accept",
			"internal_test/process", "internal_test/peers", "internal_test/conformance",
		}},
	} {
		if strings.Contains(levels, level.name) {
			for _, folder := range level.folders {
				units = append(units, unit{level: level.name, folder: folder})
			}
		}
	}
	return units
}

// loadChatd finds the mutants of chatd.
func loadChatd() (*module, error) {
	file, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return nil, err
	}
	return load(filepath.Dir(strings.TrimSpace(string(file))),
		"main.go", "protocol", "state", "poller", "poller/linux", "poller/service")
}
