package main

import (
	"fmt"
	"io"
	"strings"
)

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
