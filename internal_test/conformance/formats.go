package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A format writes results for a program.
type format func(o *options, w io.Writer, results []result) error

var formats = map[string]format{
	"json":       func(o *options, w io.Writer, results []result) error { return writeJSON(w, o.jsonReport(results)) },
	"junit":      writeJUnit,
	"gradescope": writeGradescope,
	"mermaid":    writeMermaid,
}

// report writes the files that --report asks for.
func (o *options) report(results []result) error {
	for _, asked := range o.reports {
		name, path, _ := strings.Cut(asked, "=")
		file, err := os.Create(path)
		if err != nil {
			return err
		}
		err = formats[name](o, file, results)
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isHidden reports whether a student is not to see a case (--hide).
func (o *options) isHidden(r result) bool { return slices.ContainsFunc(o.hidden, r.is) }

// text is what a report tells of one case.
func (r result) text() string {
	parts := append(r.diagram(), r.reason, r.trace)
	return strings.TrimSpace(strings.Join(parts, "\n"))
}

type junitCase struct {
	Name    string     `xml:"name,attr"`
	Class   string     `xml:"classname,attr"`
	Time    string     `xml:"time,attr"`
	Skipped *junitText `xml:"skipped"`
	Failure *junitText `xml:"failure"`
	Out     string     `xml:"system-out,omitempty"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

func writeJUnit(o *options, w io.Writer, results []result) error {
	suite := junitSuite{Name: "conformance"}
	total := 0.0
	for _, r := range results {
		if o.isHidden(r) {
			continue
		}
		total += r.duration.Seconds()
		c := junitCase{Name: r.ID + " " + r.Title, Class: "conformance." + r.rule(), Time: seconds(r.duration.Seconds())}
		switch r.verdict {
		case failed:
			c.Failure = &junitText{firstLine(r.reason), string(r.Level), printable(r.text())}
			suite.Failures++
		case skipped, unjudged:
			c.Skipped = &junitText{Message: firstLine(r.reason)}
			suite.Skipped++
		case observed, differs:
			c.Out = string(r.verdict) + ": " + printable(r.reason)
		}
		suite.Cases = append(suite.Cases, c)
	}
	suite.Tests, suite.Time = len(suite.Cases), seconds(total)
	io.WriteString(w, xml.Header)
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	err := encoder.Encode(suite)
	io.WriteString(w, "\n")
	return err
}

func seconds(s float64) string { return strconv.FormatFloat(s, 'f', 3, 64) }

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return printable(line)
}

// printable leaves out what terminals act on and XML may not hold.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}

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
			if t.Status == "passed" && r.verdict != skipped {
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

func (o *options) summary(results []result) string {
	t := count(results)
	return fmt.Sprintf("%d passed, %d failed, %d observed, %d differ where the rules are silent, %d skipped, %d not judged (seed %d)",
		t[passed], t[failed], t[observed], t[differs], t[skipped], t[unjudged], o.seed)
}

// points are what rules and cases are worth.
type points map[string]float64

// readPoints reads a file of lines such as "PR12 5" or "PR12/oneself 2".
func readPoints(path string, cases []testCase) (points, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p := make(points)
	for line := range strings.SplitSeq(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		value, err := strconv.ParseFloat(words[len(words)-1], 64)
		if err != nil || len(words) != 2 || value < 0 {
			return nil, fmt.Errorf("%s: %q is not a rule or a case, and its points", path, line)
		}
		if !slices.ContainsFunc(cases, func(c testCase) bool { return c.ID == words[0] || c.rule() == words[0] && c.Level == must }) {
			return nil, fmt.Errorf("%s: no case that must hold is called %s", path, words[0])
		}
		p[words[0]] = value
	}
	return p, nil
}

// each is what each case is worth. The points of a rule are shared by its cases that must hold.
func (p points) each(results []result) map[string]float64 {
	worth := make(map[string]float64)
	sharers := make(map[string]int)
	for _, r := range results {
		if _, own := p[r.ID]; r.Level == must && !own {
			sharers[r.rule()]++
		}
	}
	for _, r := range results {
		own, has := p[r.ID]
		switch rule, ok := p[r.rule()]; {
		case has:
			worth[r.ID] = own
		case r.Level != must:
		case ok:
			worth[r.ID] = rule / float64(sharers[r.rule()])
		case p == nil:
			worth[r.ID] = 1
		}
	}
	return worth
}

// writeMermaid draws the conversations of the cases that failed.
func writeMermaid(o *options, w io.Writer, results []result) error {
	clean := strings.NewReplacer(";", "#59;", "#", "#35;", "\n", " ")
	for _, r := range results {
		if r.verdict != failed && r.verdict != observed || o.isHidden(r) {
			continue
		}
		fmt.Fprintf(w, "## %s %s\n\n```mermaid\nsequenceDiagram\n", r.ID, r.Title)
		for i, e := range r.record {
			who, text := strings.ReplaceAll(e.Who, " ", "_"), clean.Replace(printable(e.Text))
			switch {
			case e.Who == "server":
				fmt.Fprintf(w, "    Note over server: %s\n", text)
			case e.Did == said:
				fmt.Fprintf(w, "    %s->>server: %s\n", who, text)
			case e.Did == heard:
				fmt.Fprintf(w, "    server->>%s: %s\n", who, text)
			case i == len(r.record)-1 || r.record[i+1].Text != e.Text:
				fmt.Fprintf(w, "    server--x%s: expected %s\n", who, text)
			}
		}
		fmt.Fprintf(w, "    Note over server: %s\n```\n\n", clean.Replace(firstLine(r.reason)))
	}
	return nil
}
