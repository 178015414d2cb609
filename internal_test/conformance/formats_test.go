package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"testing"
)

// readObject reads a report for a platform.
func readObject(t *testing.T, path string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return object
}

// has checks the fields of an object: those that must be there, and that no other is but the optional.
func has(t *testing.T, what string, object map[string]any, must, may []string) {
	t.Helper()
	for _, field := range must {
		if _, ok := object[field]; !ok {
			t.Errorf("%s has no %s", what, field)
		}
	}
	for field := range object {
		if !slices.Contains(must, field) && !slices.Contains(may, field) {
			t.Errorf("%s has %s, which the format does not know", what, field)
		}
	}
}

// checkGradescope holds a results.json to https://gradescope-autograders.readthedocs.io/en/latest/specs/
func checkGradescope(t *testing.T, path string) {
	t.Helper()
	report := readObject(t, path)
	has(t, path, report, []string{"score", "tests"}, []string{"execution_time", "output", "visibility", "stdout_visibility"})
	visibility := []any{"visible", "hidden", "after_due_date", "after_published"}
	for _, test := range report["tests"].([]any) {
		test := test.(map[string]any)
		has(t, path, test, []string{"name", "status"}, []string{"number", "score", "max_score", "output", "tags", "visibility"})
		if !slices.Contains(visibility, test["visibility"]) || test["status"] != "passed" && test["status"] != "failed" {
			t.Errorf("%s: visibility %v, status %v", test["name"], test["visibility"], test["status"])
		}
	}
}

// checkClassroom50 holds a result.json to the schema result-v1 and to what the schema cannot say.
func checkClassroom50(t *testing.T, path string) {
	t.Helper()
	report := readObject(t, path)
	has(t, path, report, []string{
		"schema", "classroom", "assignment", "assignment_type", "owner", "submission", "commit", "release",
		"review", "datetime", "score", "max-score", "tests",
	}, nil)
	for field, form := range map[string]string{
		"schema": "^classroom50/result/v1$", "assignment_type": "^individual$", "owner": "^ann$", "submission": "^submit/",
		"datetime": `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, "review": "^https://host/commit$",
	} {
		if text, ok := report[field].(string); !ok || !regexp.MustCompile(form).MatchString(text) {
			t.Errorf("%s is %v", field, report[field])
		}
	}
	score, most := 0.0, 0.0
	for _, test := range report["tests"].([]any) {
		test := test.(map[string]any)
		has(t, path, test, []string{"test-name", "passed", "score", "max-score"}, []string{"output"})
		points, worth := test["score"].(float64), test["max-score"].(float64)
		if points != float64(int(points)) || worth != float64(int(worth)) || points > worth || worth < 0 {
			t.Errorf("%s: %v of %v points", test["test-name"], points, worth)
		}
		score, most = score+points, most+worth
	}
	if score != report["score"] || most != report["max-score"] || most != 7 || score != 6 {
		t.Errorf("the score is %v of %v, that of the tests %v of %v; expected 6 of 7", report["score"], report["max-score"], score, most)
	}
}
