package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A progress is one line on a terminal that is written again each second. Without a terminal it is
// nil and says nothing.
type progress struct {
	w        io.Writer
	doing    string
	next     time.Duration
	messages int // when the line was last written
}

// newProgress is nil unless the writer is a terminal.
func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != nil {
		return nil
	}
	return &progress{w: f}
}

const clearLine = "\r\033[K"

// say says what is being done now.
func (p *progress) say(format string, args ...any) {
	if p != nil {
		p.doing, p.messages, p.next = fmt.Sprintf(format, args...), 0, now()+time.Second
		fmt.Fprint(p.w, clearLine, p.doing)
	}
}

// tick writes the line again if a second is over.
func (p *progress) tick(messages, errors int) {
	if p == nil || now() < p.next {
		return
	}
	fmt.Fprintf(p.w, "%s%s: %d messages/s, %d errors", clearLine, p.doing, messages-p.messages, errors)
	p.messages, p.next = messages, now()+time.Second
}

// restart is for when the messages are counted from 0 again.
func (p *progress) restart() {
	if p != nil {
		p.messages = 0
	}
}

// clear takes the line away.
func (p *progress) clear() {
	if p != nil {
		fmt.Fprint(p.w, clearLine)
	}
}
