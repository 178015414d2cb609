package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"chatd/internal_test/player"
)

// marks are what a verdict is called in a report for people.
var marks = map[verdict]string{passed: "ok", failed: "FAILED", differs: "differs", skipped: "skipped"}

// print tells the result of one case: one line, and more if there is something to understand.
func (r result) print(w io.Writer, verbose bool) {
	fmt.Fprintf(w, "%-9s%-5s%-21s%s\n", marks[r.verdict], r.Level, r.ID, r.Title)
	if r.verdict == passed && !verbose {
		return
	}
	switch r.verdict {
	case failed:
		for _, rule := range append([]string{r.rule()}, r.Also...) {
			fmt.Fprintf(w, "        %s says: %s.\n", rule, rules[rule])
		}
	case differs:
		fmt.Fprintln(w, "        No error: the rules are silent here, and the server decides otherwise than chatd.")
	}
	if r.verdict != skipped {
		fmt.Fprintln(w, "        Why: "+r.Why)
		r.printRecord(w)
	}
	if r.reason != "" {
		fmt.Fprintln(w, indent("=> "+r.reason))
	}
	fmt.Fprintln(w)
}

// printRecord leaves out the expectations but the last one of a case that ended early: those before
// it came true.
func (r result) printRecord(w io.Writer) {
	last := -1
	for i, e := range r.record {
		if e.Did == expected && r.verdict != passed {
			last = i
		}
	}
	for i, e := range r.record {
		if e.Did != expected || i == last {
			fmt.Fprintf(w, "            %-9s %-9s %s\n", e.Who, e.Did, e.Text)
		}
	}
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

func (t tally) print(w io.Writer) {
	fmt.Fprintf(w, "%d passed, %d failed, %d differ where the rules are silent, %d skipped\n",
		t[passed], t[failed], t[differs], t[skipped])
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

// printJSON prints one object with all results.
func printJSON(w io.Writer, results []result, notes []string) error {
	type one struct {
		ID       string   `json:"id"`
		Rules    []string `json:"rules"`
		Title    string   `json:"title"`
		Why      string   `json:"why"`
		Level    level    `json:"level"`
		Verdict  verdict  `json:"verdict"`
		Reason   string   `json:"reason,omitempty"`
		Sent     []string `json:"sent"`
		Expected []string `json:"expected"`
		Got      []string `json:"got"`
	}
	t := count(results)
	report := struct {
		Passed  int      `json:"passed"`
		Failed  int      `json:"failed"`
		Differs int      `json:"differs"`
		Skipped int      `json:"skipped"`
		Notes   []string `json:"notes,omitempty"`
		Cases   []one    `json:"cases"`
	}{t[passed], t[failed], t[differs], t[skipped], notes, []one{}}
	for _, r := range results {
		report.Cases = append(report.Cases, one{
			ID: r.ID, Rules: append([]string{r.rule()}, r.Also...), Title: r.Title, Why: r.Why, Level: r.Level,
			Verdict: r.verdict, Reason: r.reason,
			Sent: lines(r.record, said), Expected: lines(r.record, expected), Got: lines(r.record, heard),
		})
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}
