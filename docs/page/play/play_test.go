package play

import (
	"math/rand/v2"
	"slices"
	"strconv"
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

// The right loop breaks no promise, whatever the clients do and the kernel answers.
func TestRightLoop(t *testing.T) {
	runs := 3000
	if testing.Short() {
		runs = 500
	}
	messages := 0
	for seed := range runs {
		rng := rand.New(rand.NewPCG(uint64(seed), 2))
		r, err := New(Setup{Method: []string{"epoll", "poll", "select"}[rng.IntN(3)]})
		if err != nil {
			t.Fatal(err)
		}
		var moves []string
		for i := range 120 {
			move := anyMove(rng, r)
			if i < len(login) && seed%4 > 0 {
				move = login[i]
			}
			if r.Do(move) == nil {
				moves = append(moves, move)
			}
			if r.Broken != nil || r.Ended != "" {
				t.Fatalf("seed %d, %s: %+v %s\nafter %q", seed, r.Method, r.Broken, r.Ended, moves)
			}
		}
		for _, c := range r.Clients {
			messages += strings.Count(strings.Join(c.Screen, "\n"), "< SEND-OK")
		}
		r.Close()
	}
	if messages < runs/4 {
		t.Errorf("only %d messages in %d runs", messages, runs)
	}
}

// anyMove is a move of any kind; it may be impossible.
func anyMove(rng *rand.Rand, r *Run) string {
	pick := func(all ...string) string { return all[rng.IntN(len(all))] }
	if answers := r.Answers(); len(answers) > 0 && rng.IntN(12) == 0 {
		kind, value, _ := strings.Cut(pick(answers...), ":")
		switch kind {
		case "short":
			most, _ := strconv.Atoi(value)
			return "!short:" + strconv.Itoa(1+rng.IntN(most))
		case "order":
			batch := strings.Split(value, ",")
			rng.Shuffle(len(batch), func(i, k int) { batch[i], batch[k] = batch[k], batch[i] })
			return "!order:" + strings.Join(batch[:1+rng.IntN(len(batch))], ",")
		}
		return "!" + kind
	}
	client := pick("a", "b", "c", "d")
	switch rng.IntN(16) {
	case 0:
		return pick("+", "+", "+", "full", "sleep", "turn")
	case 1:
		return client + pick("|", "!", "?", "=", "=")
	case 2, 3:
		return client + ":HELLO-FROM " + pick("alice", "bob", client, client)
	case 4, 5:
		return client + ":SEND " + pick("alice", "bob", "a", "b") + " " + pick("hello", strings.Repeat("x", 100), "", client)
	case 6:
		return client + pick(":LIST", "_LI", "_ST", ":", ":SEND", ":"+strings.Repeat("\n", 60), ":LIST\nLIST\nSEND a x\nLIST")
	case 7:
		return "run"
	}
	return "."
}

// A problem is a function of its seed, has different options, and the right one is what the loop does.
func TestProblems(t *testing.T) {
	next := map[string]int{}
	for seed := range uint64(300) {
		p := NewProblem(seed)
		if again := NewProblem(seed); !slices.Equal(p.Options, again.Options) || !slices.Equal(p.Moves, again.Moves) {
			t.Fatalf("seed %d makes two problems: %q, %q", seed, p, again)
		}
		r := do(t, p.Setup.Method, p.Moves...)
		before := len(r.Log)
		if err := r.Do("."); err != nil {
			t.Fatal(err)
		}
		if got := r.Log[before].Text; got != p.Options[p.Right] {
			t.Errorf("seed %d: the loop makes %s, the right option is %s", seed, got, p.Options[p.Right])
		}
		for i, o := range p.Options {
			if slices.Index(p.Options, o) != i {
				t.Errorf("seed %d has %s twice", seed, o)
			}
		}
		name, _, _ := strings.Cut(p.Options[p.Right], "(")
		next[name]++
	}
	t.Log(next)
	for _, name := range []string{"read", "write", "epoll_wait", "accept4"} {
		if next[name] < 10 {
			t.Errorf("%s is the answer %d times of 300", name, next[name])
		}
	}
}

// A batch has the order that the player gives, whether the wait has begun or is about to return.
func TestOrder(t *testing.T) {
	for _, moves := range [][]string{
		{"a:LIST", "b:LIST"},                      // the loop sleeps in the wait
		{"a:LIST", "to:wait", "a:LIST", "b:LIST"}, // it has not begun
	} {
		for _, method := range []string{"epoll", "poll", "select"} {
			r := do(t, method, append(slices.Clone(login), moves...)...)
			if err := r.Do("!order:b,a"); err != nil {
				t.Errorf("%s %v: %v", method, moves, err)
				continue
			}
			if wait := r.Log[len(r.Log)-1]; r.Pending.FD != r.Clients[1].FD || !wait.Answered {
				t.Errorf("%s %v: %+v, and then %s(%d)", method, moves, wait, r.Pending.Name, r.Pending.FD)
			}
		}
	}
}
