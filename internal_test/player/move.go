package player

import (
	"slices"
	"strings"
	"time"

	"chatd/internal_test/conversation"
)

// Await waits until a condition holds. It gives up when nothing has moved for the patience.
func (p *Player) Await(patience time.Duration, holds func() bool) bool {
	moved := time.Now()
	deadline := moved.Add(patience)
	defer func() { p.waited = time.Since(moved).Round(10 * time.Millisecond) }()
	for {
		if p.Move() {
			moved = time.Now()
			deadline = moved.Add(patience)
		}
		if holds() {
			return true
		}
		if !p.Backend.Wait(p.Clients, time.Until(deadline)) {
			return false
		}
	}
}

// Move writes and reads what can be written and read now, and reports whether that was anything.
func (p *Player) Move() (moved bool) {
	for _, c := range p.Clients {
		if !c.Gone && c.End == nil {
			moved = c.write() || moved
			moved = !c.Stalled && c.read() || moved
		}
	}
	return moved
}

func (c *Client) write() (moved bool) {
	if len(c.Unsaid) > 0 {
		n := c.Conn.Write(c.Unsaid)
		c.Unsaid, moved = c.Unsaid[n:], n > 0
	}
	if c.closing && !c.closed && len(c.Unsaid) == 0 {
		c.Conn.CloseWrite()
		c.closed, moved = true, true
	}
	return moved
}

func (c *Client) read() (moved bool) {
	for c.End == nil {
		c.Heard = slices.Grow(c.Heard, 64<<10)
		var n int
		n, c.End = c.Conn.Read(c.Heard[len(c.Heard):cap(c.Heard)])
		c.Heard = c.Heard[:len(c.Heard)+n]
		if n == 0 && c.End == nil {
			break
		}
		moved = true
	}
	return moved
}

// Same compares two lines. The rules give the names of LIST-OK no order.
func (p *Player) Same(got, want string) bool {
	want = p.rename(want)
	names, isList := strings.CutPrefix(want, "LIST-OK ")
	heard, ok := strings.CutPrefix(got, "LIST-OK ")
	if p.Loose && isList && ok {
		return slices.Equal(sortedNames(heard), sortedNames(names))
	}
	return got == want
}

func sortedNames(line string) []string {
	names := strings.Split(strings.TrimSuffix(line, "\n"), ",")
	slices.Sort(names)
	return names
}

// Show makes bytes readable: a plain line as it is, all else quoted.
func Show(text string) string {
	line, ended := strings.CutSuffix(text, "\n")
	plain := conversation.Quote([]byte(line))
	if ended && len(line) < 120 && plain == `"`+line+`"` && line == strings.TrimSpace(line) && line != "" {
		return line
	}
	shown := conversation.Quote([]byte(text))
	if !ended {
		shown += ", without a line end"
	}
	return shown
}
