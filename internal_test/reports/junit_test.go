// Package reports reads a report of internal_test/conformance with a library that others use to read
// such reports. It is a module of its own, so that the library is no requirement of chatd.
package reports

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/joshdk/go-junit"
)

// A reader of JUnit's XML finds the same cases and verdicts as the JSON report has.
func TestJUnit(t *testing.T) {
	python, err := exec.Command("python3", "-c", "import sys; print(sys.executable, end='')").Output()
	if err != nil {
		t.Skipf("no Python here: %v", err)
	}
	folder := t.TempDir()
	program, xml, all := filepath.Join(folder, "conformance"), filepath.Join(folder, "junit.xml"), filepath.Join(folder, "all.json")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "./internal_test/conformance")
	build.Dir = "../.."
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	judge := exec.Command(program, "--exec", string(python)+" internal_test/conformance/testdata/naive.py", "--timeout", "1s",
		"--only", "PR3,PR5,PR7,PR17", "--report", "junit="+xml, "--report", "json="+all)
	judge.Dir = build.Dir
	if output, err := judge.CombinedOutput(); judge.ProcessState.ExitCode() != 1 {
		t.Fatalf("%v, expected exit status 1: %s", err, output)
	}
	var report struct {
		Failed, Skipped, Unjudged int
		Cases                     []struct{ ID string }
	}
	text, err := os.ReadFile(all)
	if err == nil {
		err = json.Unmarshal(text, &report)
	}
	if err != nil {
		t.Fatal(err)
	}
	suites, err := junit.IngestFile(xml)
	if err != nil || len(suites) != 1 {
		t.Fatalf("%v, %d suites", err, len(suites))
	}
	got := suites[0].Totals
	if got.Tests != len(report.Cases) || got.Failed != report.Failed || got.Skipped != report.Skipped+report.Unjudged ||
		report.Failed == 0 || got.Duration <= 0 {
		t.Errorf("the reader finds %+v, and the JSON report has %d cases: %d failed, %d skipped, %d not judged",
			got, len(report.Cases), report.Failed, report.Skipped, report.Unjudged)
	}
	for _, test := range suites[0].Tests {
		if test.Status == junit.StatusFailed && test.Error.Error() == "" {
			t.Errorf("%s failed without a text", test.Name)
		}
	}
}
