package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A submission is one folder of --batch, and what came out.
type submission struct {
	Name   string
	Error  string
	Report jsonReport
}

// batch judges each folder below o.batchFolder by a process of its own, o.jobs at a time. The results
// are in o.out; one that is there already is not judged again.
func (o *options) batch(args []string, stdout io.Writer) error {
	folders, err := os.ReadDir(o.batchFolder)
	if err == nil {
		err = os.MkdirAll(o.out, 0o755)
	}
	if err != nil {
		return err
	}
	var all []submission
	for _, folder := range folders {
		if folder.IsDir() && !strings.HasPrefix(folder.Name(), ".") {
			all = append(all, submission{Name: folder.Name()})
		}
	}
	var wait sync.WaitGroup
	var telling sync.Mutex
	places := make(chan bool, o.jobs)
	done := 0
	for i := range all {
		places <- true
		wait.Add(1)
		go func() {
			defer wait.Done()
			defer func() { <-places }()
			s := &all[i]
			began := time.Now()
			fresh := o.judge(s, args)
			telling.Lock()
			defer telling.Unlock()
			done++
			what := fmt.Sprintf("%d passed, %d failed, %d observed, %v", s.Report.Passed, s.Report.Failed, s.Report.Observed, time.Since(began).Round(time.Second/10))
			if s.Error != "" {
				what = firstLine(s.Error)
			} else if !s.Report.Complete {
				what += ", ended early"
			}
			if !fresh {
				what += " (judged before)"
			}
			fmt.Fprintf(stdout, "%d/%d %s: %s\n", done, len(all), s.Name, what)
		}()
	}
	wait.Wait()
	return o.writeTables(all)
}

// judge runs this program for one submission, unless its result is there. It reports whether it did.
func (o *options) judge(s *submission, args []string) (fresh bool) {
	path := filepath.Join(o.out, s.Name+".json")
	if s.read(path) {
		return false
	}
	partial := path + ".partial"
	defer os.Remove(partial)
	program, err := os.Executable()
	if err != nil {
		s.Error = err.Error()
		return true
	}
	command := exec.Command(program, append(slices.Clone(args), "--dir", filepath.Join(o.batchFolder, s.Name), "--report", "json="+partial)...)
	runtime.LockOSThread() // the signal is sent when the thread ends that has started the process (prctl(2))
	defer runtime.UnlockOSThread()
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // a batch that is ended ends its processes
	output, err := command.CombinedOutput()
	os.WriteFile(filepath.Join(o.out, s.Name+".txt"), output, 0o644)
	if os.Rename(partial, path); !s.read(path) {
		s.Error = fmt.Sprintf("%v: %s", err, strings.TrimPrefix(string(output), "conformance: "))
	}
	return true
}

func (s *submission) read(path string) bool {
	text, err := os.ReadFile(path)
	return err == nil && json.Unmarshal(text, &s.Report) == nil
}

// Problem is what kept the submission from being judged whole; empty: nothing.
func (s submission) Problem() string {
	if s.Error == "" && !s.Report.Complete {
		return "ended early"
	}
	return s.Error
}

// VerdictOf is what came out of one case.
func (s submission) VerdictOf(id string) verdict {
	for _, c := range s.Report.Cases {
		if c.ID == id {
			return c.Verdict
		}
	}
	return ""
}

// writeTables writes table.csv and table.html: submissions by cases.
func (o *options) writeTables(all []submission) error {
	var ids []string
	for _, s := range all {
		for _, c := range s.Report.Cases {
			if !slices.Contains(ids, c.ID) {
				ids = append(ids, c.ID)
			}
		}
	}
	file, err := os.Create(filepath.Join(o.out, "table.csv"))
	if err != nil {
		return err
	}
	defer file.Close()
	table := csv.NewWriter(file)
	table.Write(append([]string{"submission", "error", "passed", "failed", "observed"}, ids...))
	for _, s := range all {
		row := []string{s.Name, firstLine(s.Problem()), fmt.Sprint(s.Report.Passed), fmt.Sprint(s.Report.Failed), fmt.Sprint(s.Report.Observed)}
		for _, id := range ids {
			row = append(row, string(s.VerdictOf(id)))
		}
		table.Write(row)
	}
	table.Flush()
	page, err := os.Create(filepath.Join(o.out, "table.html"))
	if err != nil {
		return err
	}
	defer page.Close()
	return errors.Join(table.Error(), tablePage.Execute(page, map[string]any{"IDs": ids, "All": all}))
}

var tablePage = template.Must(template.New("").Funcs(template.FuncMap{
	"sign": func(v verdict) string {
		return map[verdict]string{passed: "✓", failed: "✗", observed: "!", differs: "~", skipped: "–", unjudged: "·"}[v]
	},
	"class": func(v verdict) string { return strings.ReplaceAll(string(v), " ", "-") },
}).Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Conformance</title>
<style>
body { font: 14px sans-serif } table { border-collapse: collapse }
th, td { border: 1px solid #ccc; padding: 2px 4px } thead th { writing-mode: vertical-rl }
.pass { background: #dfd } .fail { background: #fbb } .observed { background: #fd9 } .differs { background: #eef }
</style>
<p>✓ passed, ✗ failed, ! observed, ~ differs where the rules are silent, – skipped, · not judged</p>
<table><thead><tr><th>submission</th><th>failed</th>{{range .IDs}}<th>{{.}}</th>{{end}}</tr></thead>
<tbody>{{range $s := .All}}<tr><th><a href="{{.Name}}.txt">{{.Name}}</a></th><td>{{if .Error}}{{.Error}}{{else}}{{.Report.Failed}}{{with .Problem}}, {{.}}{{end}}{{end}}</td>
{{range $.IDs}}{{$v := $s.VerdictOf .}}<td class="{{class $v}}">{{sign $v}}</td>{{end}}</tr>
{{end}}</tbody></table>
</html>
`))
