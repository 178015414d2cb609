package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"time"
)

// A classroom50Report is the result.json that an autograder.py of Classroom 50 leaves. Its schema is
// https://github.com/foundation50/classroom50/blob/main/schemas/result-v1.schema.json
type classroom50Report struct {
	Schema         string            `json:"schema"`
	Classroom      string            `json:"classroom"`
	Assignment     string            `json:"assignment"`
	AssignmentType string            `json:"assignment_type"`
	Owner          string            `json:"owner"`
	Submission     string            `json:"submission"`
	Commit         string            `json:"commit"`
	Release        string            `json:"release"`
	Review         string            `json:"review"`
	Datetime       string            `json:"datetime"`
	Score          int               `json:"score"`
	MaxScore       int               `json:"max-score"`
	Tests          []classroom50Test `json:"tests"`
}

type classroom50Test struct {
	Name     string `json:"test-name"`
	Passed   bool   `json:"passed"`
	Score    int    `json:"score"`
	MaxScore int    `json:"max-score"`
	Output   string `json:"output,omitempty"`
}

// writeClassroom50 takes the identity of the submission from the environment, as the runner of
// Classroom 50 gives it. Scores are whole there: the shares of a rule's points are rounded so that they
// add up. The platform has no hidden tests: of a hidden case only the points are told.
func writeClassroom50(o *options, w io.Writer, results []result) error {
	commit := os.Getenv("COMMIT_URL")
	report := classroom50Report{
		Schema: "classroom50/result/v1", Classroom: os.Getenv("CLASSROOM"), Assignment: os.Getenv("ASSIGNMENT"),
		AssignmentType: cmp.Or(os.Getenv("ASSIGNMENT_TYPE"), "individual"),
		Owner:          cmp.Or(os.Getenv("OWNER"), os.Getenv("USERNAME")), Submission: os.Getenv("SUBMISSION_TAG"),
		Commit: commit, Release: os.Getenv("RELEASE_URL"), Review: cmp.Or(os.Getenv("REVIEW_URL"), commit),
		Datetime: time.Now().UTC().Format(time.RFC3339), Tests: []classroom50Test{},
	}
	worth, exact, hidden := o.points.each(results), 0.0, 0
	for _, r := range results {
		points, ok := worth[r.ID]
		if !ok {
			continue
		}
		exact += points
		t := classroom50Test{Name: r.ID + " " + r.Title, Passed: r.earns(), MaxScore: int(math.Round(exact)) - report.MaxScore}
		if t.Passed {
			t.Score = t.MaxScore
		} else {
			t.Output = printable(r.text())
		}
		if o.isHidden(r) {
			hidden++
			t.Name, t.Output = fmt.Sprintf("hidden %d", hidden), ""
		}
		report.MaxScore += t.MaxScore
		report.Score += t.Score
		report.Tests = append(report.Tests, t)
	}
	return writeJSON(w, report)
}
