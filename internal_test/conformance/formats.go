package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A format writes results for a program.
type format func(o *options, w io.Writer, results []result) error

var formats = map[string]format{
	"json":        func(o *options, w io.Writer, results []result) error { return writeJSON(w, o.jsonReport(results)) },
	"junit":       writeJUnit,
	"gradescope":  writeGradescope,
	"classroom50": writeClassroom50,
	"mermaid":     writeMermaid,
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

func (o *options) summary(results []result) string {
	t := count(results)
	return fmt.Sprintf("%d passed, %d failed, %d observed, %d differ where the rules are silent, %d skipped, %d not judged (seed %d)",
		t[passed], t[failed], t[observed], t[differs], t[skipped], t[unjudged], o.seed)
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
