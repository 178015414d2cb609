package play

import (
	"strings"
	"testing"
)

// do makes the moves in a new run.
func do(t *testing.T, method string, moves ...string) *Run {
	t.Helper()
	r, err := New(Setup{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	for _, move := range moves {
		if err := r.Do(move); err != nil {
			t.Fatalf("%s: %v", move, err)
		}
	}
	return r
}

var login = []string{"+", "run", "a:HELLO-FROM alice", "run", "+", "run", "b:HELLO-FROM bob", "run"}

// A message is delivered, with each of the three system calls.
func TestMessage(t *testing.T) {
	for _, method := range []string{"epoll", "poll", "select"} {
		r := do(t, method, append(login, "a:SEND bob hello", "run")...)
		if r.Broken != nil {
			t.Errorf("%s: %+v", method, *r.Broken)
		}
		for client, want := range []string{"< SEND-OK", "< DELIVERY alice hello"} {
			if screen := r.Clients[client].Screen; screen[len(screen)-1] != want {
				t.Errorf("%s: client %d sees %q, want %q", method, client, screen, want)
			}
		}
		for _, e := range r.Log {
			t.Log(e.Text)
		}
	}
}

// The stack is that of the real code.
func TestStack(t *testing.T) {
	r := do(t, "epoll", "+", "run", "a:hello", "to:write")
	stack := r.Stack()
	if len(stack) == 0 || stack[0].Func != "Loop.writeQueue" || stack[0].File != "poller/write.go" || stack[0].Line == 0 {
		t.Errorf("got %+v", stack)
	}
}

// A move that is impossible is refused with a reason and changes nothing.
func TestRefusals(t *testing.T) {
	for _, c := range []struct{ moves, refused, reason string }{
		{"+ run", ".", "sleeps"},
		{"", "b:x", "no client"},
		{"", "nonsense", "no move"},
		{"+ run a|", "a:x", "ended its input"},
		{"+ run a!", "a:x", "gone"},
		{"+", "!short:3", "cannot be answered"},
		{"+ run", "sleep", "no timeout"},
		{"+", "a:" + strings.Repeat("x", 3000), "too long"},
	} {
		r := do(t, "epoll", strings.Fields(c.moves)...)
		before := len(r.Log)
		if err := r.Do(c.refused); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%.20s after %q: %v, want %q", c.refused, c.moves, err, c.reason)
		}
		if len(r.Log) != before {
			t.Errorf("%.20s after %q has made calls", c.refused, c.moves)
		}
	}
}
