package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// submissions makes a folder with servers in it: a naive one and one that ends at once.
func submissions(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	text, err := os.ReadFile("testdata/naive.py")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"anna": string(text), "ben": "raise SystemExit('no server')\n"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name, "server.py"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// A batch judges each folder once, and again only what has no result.
func TestBatch(t *testing.T) {
	t.Parallel()
	folder, out := submissions(t), t.TempDir()
	args := []string{"--batch", folder, "--out", out, "--exec", python(t) + " server.py", "--timeout", impatience, "--only", "PR3,PR8,UR1"}
	stdout, stderr, status := program(t, args...)
	if status != 0 || !strings.Contains(stdout, "anna: ") || !strings.Contains(stdout, "ben: ") {
		t.Errorf("exit status %d: %s%s", status, stdout, stderr)
	}
	file, err := os.Open(filepath.Join(out, "table.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil || len(rows) != 3 || rows[2][0] != "ben" || rows[2][1] == "" {
		t.Fatalf("%v: %q", err, rows)
	}
	for id, want := range map[string]verdict{oneList: passed, "UR1/space": failed} {
		if i := slices.Index(rows[0], id); i < 0 || rows[1][i] != string(want) {
			t.Errorf("%s: %q, expected %s", id, rows, want)
		}
	}
	page, err := os.ReadFile(filepath.Join(out, "table.html"))
	if err != nil || !strings.Contains(string(page), "UR1/space") {
		t.Errorf("table.html: %v, %s", err, page)
	}
	stdout, _, _ = program(t, args...)
	if !strings.Contains(stdout, "(judged before)") {
		t.Errorf("the second run judges again: %s", stdout)
	}
}

// The folder for Gradescope leaves a results.json with a score, also for a server that does not start.
func TestGradescopeFolder(t *testing.T) {
	t.Parallel()
	folder := submissions(t)
	base := t.TempDir()
	if err := os.CopyFS(filepath.Join(base, "source"), os.DirFS("gradescope")); err != nil {
		t.Fatal(err)
	}
	itself := fmt.Sprintf("#!/bin/sh\nCONFORMANCE_PROGRAM=1 exec %s \"$@\"\n", os.Args[0])
	if err := os.WriteFile(filepath.Join(base, "source", "conformance"), []byte(itself), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, least := range map[string]float64{"anna": 10, "ben": 0} {
		submission := filepath.Join(base, "submission")
		if err := os.RemoveAll(submission); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(submission, os.DirFS(filepath.Join(folder, name))); err != nil {
			t.Fatal(err)
		}
		run := exec.Command("sh", filepath.Join(base, "source", "run_autograder"), "--timeout", impatience, "--only", "PR3,PR8,UR1")
		run.Env = append(os.Environ(), "AUTOGRADER="+base, "PATH="+filepath.Dir(python(t))+":"+os.Getenv("PATH"))
		output, err := run.CombinedOutput()
		var graded gradescopeReport
		text, readErr := os.ReadFile(filepath.Join(base, "results", "results.json"))
		if readErr == nil {
			readErr = json.Unmarshal(text, &graded)
		}
		if readErr != nil || graded.Score < least || graded.Score > 95 || least == 0 && !strings.Contains(graded.Output, "no server") {
			t.Errorf("%s: %v, %v, score %v, %q\n%s", name, err, readErr, graded.Score, graded.Output, output)
		}
	}
}
