package main

import (
	"encoding/xml"
	"io"
)

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
