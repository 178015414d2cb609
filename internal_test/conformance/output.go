package main

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// An output keeps the beginning and the end of what a server prints, however much that is.
type output struct {
	mu    sync.Mutex
	first []byte
	last  []byte
	total int
}

const mostOutput = 64 << 10 // bytes at either end

// Write never fails: a server that prints must not wait for a reader.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := min(len(p), mostOutput-len(o.first))
	o.first = append(o.first, p[:n]...)
	o.last = append(o.last, p...)
	if len(o.last) > 2*mostOutput {
		o.last = append(o.last[:0], o.last[len(o.last)-mostOutput:]...)
	}
	o.total += len(p)
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.first)
}

func (o *output) length() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.total
}

// since is what was printed from some length on, as far as it is kept.
func (o *output) since(length int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := min(o.total-length, len(o.last))
	return strings.ReplaceAll(string(o.last[len(o.last)-n:]), "\r", "")
}

// traces begin what the usual languages print for an error that was not handled.
var traces = []string{"Traceback (most recent call last)", "Exception in thread", "Exception ignored in", "panic: ", "fatal error: "}

// trace is the first such message in a text, in at most so many lines.
func trace(text string, most int) string {
	at := -1
	for _, t := range traces {
		if i := strings.Index(text, t); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	if at < 0 {
		return ""
	}
	text = text[at:]
	if next := strings.Index(text, "\nException in thread"); next > 0 { // that of another thread
		text = text[:next]
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) > most {
		lines = append(append(lines[:1:1], "..."), lines[len(lines)-most+2:]...)
	}
	return strings.Join(lines, "\n")
}

var exception = regexp.MustCompile(`(?m)^[\w.]*(?:Error|Exception): .*|^panic: .*`)

// exceptions are the errors in a text, each once: threads may print several at the same time.
func exceptions(text string) string {
	var found []string
	for _, line := range exception.FindAllString(text, -1) {
		if !slices.Contains(found, line) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "; ")
}
