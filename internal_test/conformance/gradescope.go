package main

import (
	"io"
	"math"
	"strings"
)

// A gradescopeTest is one of the tests in results.json.
type gradescopeTest struct {
	Name       string   `json:"name"`
	Number     string   `json:"number"`
	Score      *float64 `json:"score,omitempty"`
	MaxScore   *float64 `json:"max_score,omitempty"`
	Status     string   `json:"status"`
	Output     string   `json:"output"`
	Tags       []string `json:"tags"`
	Visibility string   `json:"visibility"`
}

type gradescopeReport struct {
	Score         float64          `json:"score"`
	ExecutionTime float64          `json:"execution_time"`
	Output        string           `json:"output"`
	Visibility    string           `json:"visibility"`
	StdoutVisible string           `json:"stdout_visibility"`
	Tests         []gradescopeTest `json:"tests"`
}

// writeGradescope writes a results.json, as
// https://gradescope-autograders.readthedocs.io/en/latest/specs/ describes it. Without --points each
// case that must hold is worth one point.
func writeGradescope(o *options, w io.Writer, results []result) error {
	worth := o.points.each(results)
	report := gradescopeReport{Visibility: "visible", StdoutVisible: "hidden", Tests: []gradescopeTest{}}
	for _, r := range results {
		report.ExecutionTime += r.duration.Seconds()
		t := gradescopeTest{
			Name: r.ID + " " + r.Title, Number: r.rule(), Status: "passed",
			Output: printable(r.text()), Tags: append([]string{r.rule()}, r.Also...), Visibility: "visible",
		}
		if r.verdict == failed || r.verdict == unjudged {
			t.Status = "failed"
		}
		if r.verdict == passed {
			t.Output = ""
		}
		if o.isHidden(r) {
			t.Visibility = "hidden"
		}
		if points, ok := worth[r.ID]; ok {
			score := 0.0
			if r.earns() {
				score = points
			}
			report.Score += score
			t.Score, t.MaxScore = &score, &points
		}
		report.Tests = append(report.Tests, t)
	}
	report.Score = math.Round(report.Score*1e6) / 1e6 // the shares of a rule's points add up to them
	report.Output = printable(strings.Join(append([]string{o.summary(results)}, o.notes...), "\n"))
	return writeJSON(w, report)
}
