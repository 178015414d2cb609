package docs_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatd/internal_test/conversation"
	"chatd/internal_test/daemon"
	"chatd/internal_test/player"
)

const tourFile = "../../docs/tour.md"

// A tourBlock is a fence of docs/tour.md: something that is done (console, conversation), or what is
// seen then (trace, strace). Other fences are for the reader alone.
type tourBlock struct {
	kind, text string
	steps      []conversation.Step
}

var tourFence = regexp.MustCompile("(?ms)^```(console|conversation|trace|strace)\n(.*?)^```$")

// readTour takes the blocks out of the document. Its conversations are one, in pieces.
func readTour(t *testing.T) (document string, blocks []*tourBlock) {
	t.Helper()
	text, err := os.ReadFile(tourFile)
	if err != nil {
		t.Fatal(err)
	}
	talk := ""
	for _, fence := range tourFence.FindAllStringSubmatch(string(text), -1) {
		b := &tourBlock{kind: fence[1], text: fence[2]}
		if blocks = append(blocks, b); b.kind == "conversation" {
			talk += b.text
		}
	}
	whole, err := conversation.Parse(talk)
	if err != nil {
		t.Fatalf("%s, of the conversations together: %v", tourFile, err)
	}
	rest, line := whole.Steps, 0
	for _, b := range blocks {
		if b.kind != "conversation" {
			continue
		}
		line += strings.Count(b.text, "\n")
		n := 0
		for n < len(rest) && rest[n].Number <= line {
			n++
		}
		b.steps, rest = rest[:n], rest[n:]
	}
	return string(text), blocks
}

// What docs/tour.md says that the trace shows, it shows: the tour is taken, step by step, and the
// trace is compared as far as it has come. Between its blocks nothing is left out but where a line
// says "…". With -update, blocks without such a line are written afresh.
func TestTourShowsWhatHappens(t *testing.T) {
	t.Parallel()
	document, blocks := readTour(t)
	v := &tour{t: t}
	for len(blocks) > 0 {
		var seen []*tourBlock
		v.do(blocks[0])
		for blocks = blocks[1:]; len(blocks) > 0 && (blocks[0].kind == "trace" || blocks[0].kind == "strace"); blocks = blocks[1:] {
			if blocks[0].kind == "trace" {
				seen = append(seen, blocks[0])
			}
		}
		if len(seen) == 0 {
			continue
		}
		if *update {
			document = v.correct(document, seen)
		} else {
			v.compare(seen)
		}
	}
	if status := v.daemon.Wait(t); status != 0 {
		t.Errorf("the tour ends with status %d, expected 0", status)
	}
	if *update {
		if err := os.WriteFile(tourFile, []byte(document), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A tour does what the document says, with a daemon of its own.
type tour struct {
	*player.Player
	t      *testing.T
	daemon *daemon.Daemon
	shown  string // the document's trace, as far as it has been compared
	trace  string // the daemon's, so far

	inexact bool // how many turns there have been is not known
}

// do does what a block says.
func (v *tour) do(b *tourBlock) {
	v.t.Helper()
	for _, step := range b.steps {
		v.Play(step)
	}
	if b.kind != "console" {
		return
	}
	command, output, _ := strings.Cut(b.text, "\n")
	flags, starts := strings.CutPrefix(command, "$ go run . ")
	switch {
	case starts:
		v.start(append(strings.Fields(flags), "--poller", "epoll")...) // whatever the others take
		if said := v.daemon.Stdout.String(); said != output {
			v.t.Errorf("%s says %q, the tour %q", command, said, output)
		}
	case strings.HasPrefix(command, "$ kill -TERM "):
		v.daemon.Signal(v.t, syscall.SIGTERM)
	default:
		v.t.Fatalf("the tour has a command that this test does not know: %s", command)
	}
}

func (v *tour) start(flags ...string) {
	v.t.Helper()
	v.daemon = daemon.Start(v.t, flags...)
	v.Player = player.New(v.t, &player.TCP{Address: v.daemon.Address})
}

// compare waits until the daemon's trace is what the tour has shown so far.
func (v *tour) compare(seen []*tourBlock) {
	v.t.Helper()
	for _, b := range seen {
		v.shown += b.text
	}
	pattern := tourPattern(v.shown)
	for deadline := time.Now().Add(daemon.Patience); ; time.Sleep(time.Millisecond) {
		v.Move()
		v.trace = tourTrace(v.daemon.Stderr.String())
		if pattern.MatchString(v.trace) {
			return
		}
		if time.Now().After(deadline) {
			v.t.Fatalf("the tour shows\n%s\nand the trace is\n%s\nand differs from here on:\n%s",
				v.shown, v.trace, firstDifference(v.shown, v.trace))
		}
	}
}

// tourPattern matches a trace that says the same. In a line "…" stands for anything, alone for any
// number of lines.
func tourPattern(shown string) *regexp.Regexp {
	pattern := regexp.QuoteMeta(withoutBlankLines(shown))
	pattern = regexp.MustCompile(`(?m)^…\n`).ReplaceAllString(pattern, `(?:.*\n)*?`)
	return regexp.MustCompile("^" + strings.ReplaceAll(pattern, "…", ".*") + "$")
}

// firstDifference is what a trace has from the first line on that is not as the tour shows it.
func firstDifference(shown, trace string) string {
	lines := strings.SplitAfter(withoutBlankLines(shown), "\n")
	same := 0
	for i := range lines {
		pattern := strings.TrimSuffix(tourPattern(strings.Join(lines[:i], "")).String(), "$")
		if at := regexp.MustCompile(pattern).FindStringIndex(trace); at != nil {
			same = at[1]
		}
	}
	return trace[same:]
}

var (
	logLine        = regexp.MustCompile(`(?m)^time=.*\n`)
	interrupted    = regexp.MustCompile(`(?m)^  slept .*\(EINTR\)\n  wait .*\n`)
	sleepTime      = regexp.MustCompile(`(?m)^(  slept +)\S+ +`)
	descriptorOrID = regexp.MustCompile(`\bdescriptor (\d+)|\b(\d+)\.\d+\b`)
	callLine       = regexp.MustCompile(`(?m)^  (\w+) +(\S+(?: \(\S+\))?) +(.*)$`)
	blankLine      = regexp.MustCompile(`(?m)^\n`)
)

func withoutBlankLines(text string) string { return blankLine.ReplaceAllString(text, "") }

// tourTrace is a trace as the tour has it: without what is no trace, without times, and with the
// descriptors numbered afresh.
func tourTrace(stderr string) string {
	text := withoutBlankLines(logLine.ReplaceAllString(stderr, ""))
	text = interrupted.ReplaceAllString(text, "")
	text = renumber(sleepTime.ReplaceAllString(text, "$1… "), descriptorOrID, 9)
	return callLine.ReplaceAllStringFunc(text, func(line string) string { // the columns again
		part := callLine.FindStringSubmatch(line)
		return fmt.Sprintf("  %-8s %-15s %s", part[1], part[2], part[3])
	})
}

// renumber gives descriptors the numbers that they have on a terminal, in the order in which they
// appear: how many a process has before the first client depends on what starts it.
func renumber(text string, where *regexp.Regexp, first int) string {
	var order []string
	out, rest := "", 0
	for _, at := range where.FindAllStringSubmatchIndex(text, -1) {
		from, to := max(at[2], at[len(at)-2]), max(at[3], at[len(at)-1])
		n := text[from:to]
		if !slices.Contains(order, n) {
			order = append(order, n)
		}
		out += text[rest:from] + fmt.Sprint(first+slices.Index(order, n))
		rest = to
	}
	return out + text[rest:]
}

// correct puts into the document what the trace has more than before, once nothing more comes.
func (v *tour) correct(document string, seen []*tourBlock) string {
	v.t.Helper()
	before := v.trace
	for last := time.Now(); time.Since(last) < 300*time.Millisecond; time.Sleep(time.Millisecond) {
		v.Move()
		if now := tourTrace(v.daemon.Stderr.String()); now != v.trace {
			v.trace, last = now, time.Now()
		}
	}
	lines := strings.SplitAfter(strings.TrimPrefix(v.trace, before), "\n")
	v.t.Logf("new:\n%s", strings.Join(lines, ""))
	for i, b := range seen {
		if strings.HasPrefix(b.text, "…\n") || strings.Contains(b.text, "\n…\n") {
			v.inexact = true
			return document // to be mended by hand
		}
		n := min(strings.Count(withoutBlankLines(b.text), "\n"), len(lines))
		if i == len(seen)-1 {
			n = len(lines)
		}
		text := strings.Join(lines[:n], "")
		if v.inexact {
			text = regexp.MustCompile(`(?m)^turn \d+`).ReplaceAllString(text, "turn …")
		}
		text = strings.ReplaceAll(text, "\nturn", "\n\nturn")
		lines = lines[n:]
		document = strings.Replace(document, "```trace\n"+b.text+"```", "```trace\n"+text+"```", 1)
	}
	return document
}
