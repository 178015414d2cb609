package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"chatd/internal_test/player"
)

// version is told in reports. It changes when cases do.
const version = "2"

// marks are what a verdict is called in a report for people.
var marks = map[verdict]string{
	passed: "ok", failed: "FAILED", observed: "observed", differs: "differs", skipped: "skipped", unjudged: "not judged",
}

// print tells the results to people: the failures first and whole, what differs in one line each, and
// what passed only as a number, unless more is asked for.
func (o *options) print(w io.Writer, results []result) {
	shown := slices.DeleteFunc(slices.Clone(results), func(r result) bool { return o.isHidden(r) })
	const most = 8 // cases that are told whole
	whole := 0
	for _, v := range []verdict{failed, observed, differs, skipped, passed} {
		for _, r := range shown {
			switch {
			case r.verdict != v || v == passed && !o.verbose && r.trace == "":
			case o.verbose, (v == failed || v == observed) && whole < most:
				r.print(w, shown)
				whole++
			case v == passed:
				fmt.Fprintf(w, "%-9s%s, but the server has printed: %s\n", marks[v], r.ID, cmp.Or(r.errors, firstLine(r.trace)))
			default:
				reason, _, _ := strings.Cut(r.reason, "\n")
				fmt.Fprintf(w, "%-9s%s: %s\n", marks[v], r.ID, reason)
			}
		}
	}
	if n := len(with(shown, failed)) + len(with(shown, observed)); n > most && !o.verbose {
		fmt.Fprintf(w, "\n%d of %d cases are told whole; --verbose tells all, --only PR5 those of one rule.\n", most, n)
	}
	fmt.Fprintln(w)
	for _, note := range o.notes {
		fmt.Fprintln(w, "Note:", note)
	}
	if o.rest != "" {
		fmt.Fprintf(w, "At rest, %s\n", o.rest)
	}
	fmt.Fprintln(w, o.summary(results))
	if n := len(results) - len(shown); n > 0 {
		fmt.Fprintf(w, "%d of them are hidden\n", n)
	}
	if ids := with(shown, failed); len(ids) > 0 {
		fmt.Fprintf(w, "Failed: %s\n", strings.Join(ids, " "))
	}
}

// with are the IDs of the cases with a verdict.
func with(results []result, v verdict) (ids []string) {
	for _, r := range results {
		if r.verdict == v {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

func (r result) print(w io.Writer, all []result) {
	fmt.Fprintf(w, "%-9s%-5s%s  %s\n", marks[r.verdict], r.Level, r.ID, r.Title)
	if r.verdict == failed {
		fmt.Fprintf(w, "        %s says: %s.\n", r.rule(), rules[r.rule()])
	} else {
		fmt.Fprintln(w, "        Why: "+r.Why)
	}
	for _, line := range r.diagram() {
		fmt.Fprintln(w, "            "+line)
	}
	if r.reason != "" {
		fmt.Fprintln(w, indent("=> "+r.reason))
	}
	if r.trace != "" {
		told := r.trace
		last := told[strings.LastIndexByte(told, '\n')+1:]
		for _, other := range all { // the same error is told whole once
			if strings.HasSuffix(other.trace, last) && other.verdict == r.verdict {
				if other.ID != r.ID {
					told = "(as in " + other.ID + ") " + last
				}
				break
			}
		}
		fmt.Fprintln(w, indent("The server goes on, and has printed: "+told))
	}
	var along []string
	for _, other := range all {
		if other.cause == r.ID {
			along = append(along, other.ID)
		}
	}
	if len(along) > 0 {
		fmt.Fprintf(w, "        Not judged because of it (%d): %s\n", len(along), strings.Join(along, " "))
	}
}

// diagram tells who said what, one line each: > to the server, < from it. The logins at the beginning
// are one line, and of a long case the end is told.
func (r result) diagram() (lines []string) {
	record := r.record
	var logins []string
	for len(record) >= 2 && record[0].Did == said && strings.HasPrefix(record[0].Text, "HELLO-FROM ") {
		i := slices.IndexFunc(record[1:], func(e player.Entry) bool { return e.Did == heard }) + 1
		if i != 2 || record[1].Text != record[2].Text || record[i].Text != "HELLO "+strings.TrimPrefix(record[0].Text, "HELLO-FROM ") {
			break
		}
		logins = append(logins, record[0].Who)
		record = record[i+1:]
	}
	if len(logins) > 0 {
		lines = append(lines, fmt.Sprintf("%-9s log in", strings.Join(logins, ", ")))
	}
	last := -1
	for i, e := range record {
		if e.Did == expected && r.verdict != passed {
			last = i
		}
	}
	for i, e := range record {
		if e.Did == expected && i != last { // those before it came true
			continue
		}
		arrow := map[string]string{said: ">", heard: "<", expected: "<?"}[e.Did]
		lines = append(lines, fmt.Sprintf("%-9s %-2s %s", e.Who, arrow, e.Text))
	}
	if most := 10; len(lines) > most {
		lines = append(append(lines[:2:2], "..."), lines[len(lines)-most+3:]...)
	}
	return lines
}

func indent(text string) string {
	return "        " + strings.ReplaceAll(text, "\n", "\n           ")
}

// A tally counts results by verdict.
type tally map[verdict]int

func count(results []result) tally {
	t := make(tally)
	for _, r := range results {
		t[r.verdict]++
	}
	return t
}

// lines are the entries of one kind, as a grader reads them.
func lines(record []player.Entry, did string) []string {
	all := []string{}
	for _, e := range record {
		if e.Did == did {
			all = append(all, e.Who+": "+e.Text)
		}
	}
	return all
}

// A jsonReport is the whole report for machines.
type jsonReport struct {
	Version  string     `json:"version"`
	Seed     uint64     `json:"seed"`
	Server   string     `json:"server"`
	Seconds  float64    `json:"seconds"`
	Complete bool       `json:"complete"` // the run has not ended early
	Passed   int        `json:"passed"`
	Failed   int        `json:"failed"`
	Observed int        `json:"observed"`
	Differs  int        `json:"differs"`
	Skipped  int        `json:"skipped"`
	Unjudged int        `json:"unjudged"`
	AtRest   string     `json:"at_rest,omitempty"`
	Notes    []string   `json:"notes,omitempty"`
	Cases    []jsonCase `json:"cases"`
}

type jsonCase struct {
	ID       string      `json:"id"`
	Rules    []string    `json:"rules"`
	Title    string      `json:"title"`
	Why      string      `json:"why"`
	Level    level       `json:"level"`
	Verdict  verdict     `json:"verdict"`
	Reason   string      `json:"reason,omitempty"`
	Because  string      `json:"because,omitempty"` // the case that took this one along
	Trace    string      `json:"trace,omitempty"`
	Seconds  float64     `json:"seconds"`
	Sent     []string    `json:"sent"`
	Expected []string    `json:"expected"`
	Got      []string    `json:"got"`
	Record   []jsonEntry `json:"record"` // the same in the order in which it happened
}

type jsonEntry struct {
	Who  string `json:"who"`
	Did  string `json:"did"`
	Text string `json:"text"`
}

func (o *options) jsonReport(results []result) jsonReport {
	t := count(results)
	report := jsonReport{
		version, o.seed, o.command + o.target, 0, o.run.Err() == nil,
		t[passed], t[failed], t[observed], t[differs], t[skipped], t[unjudged], o.rest, o.notes,
		[]jsonCase{},
	}
	for _, r := range results {
		report.Seconds += r.duration.Seconds()
		c := jsonCase{
			ID: r.ID, Rules: append([]string{r.rule()}, r.Also...), Title: r.Title, Why: r.Why, Level: r.Level,
			Verdict: r.verdict, Reason: r.reason, Because: r.cause, Trace: r.trace, Seconds: r.duration.Seconds(),
			Sent: lines(r.record, said), Expected: lines(r.record, expected), Got: lines(r.record, heard), Record: []jsonEntry{},
		}
		for _, e := range r.record {
			c.Record = append(c.Record, jsonEntry{e.Who, e.Did, e.Text})
		}
		report.Cases = append(report.Cases, c)
	}
	return report
}

func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
