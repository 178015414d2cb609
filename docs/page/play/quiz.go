package play

import (
	"math/rand/v2"
	"slices"
	"strconv"
)

// A Problem is a moment of a run. The player says which call comes next, with its result.
type Problem struct {
	Setup   Setup
	Moves   []string
	Options []string // one of them is right
	Right   int
}

// NewProblem makes the problem of a seed. The same seed makes the same problem.
func NewProblem(seed uint64) Problem {
	rng := rand.New(rand.NewPCG(seed, 1))
	for {
		p := Problem{Setup: Setup{Method: "epoll"}}
		r, err := New(p.Setup)
		if err != nil {
			panic(err) // the setup is ours
		}
		p.Moves = randomMoves(rng, r)
		if !r.Stuck() {
			p.ask(rng, r)
		}
		r.Close()
		if len(p.Options) > 2 {
			return p
		}
	}
}

// randomMoves makes moves until a client has just done something, and some steps more.
func randomMoves(rng *rand.Rand, r *Run) (moves []string) {
	do := func(move string) {
		if r.Do(move) == nil {
			moves = append(moves, move)
		}
	}
	names := []string{"alice", "bob", "carol"}
	for i := range 1 + rng.IntN(3) {
		do("+")
		do("run")
		do(string(rune('a'+i)) + ":HELLO-FROM " + names[i])
		do("run")
	}
	for range 1 + rng.IntN(3) {
		client := string(rune('a' + rng.IntN(len(r.Clients))))
		switch rng.IntN(8) {
		case 0:
			do("+")
		case 1:
			do(client + ":LIST")
		case 2:
			do(client + "|")
		case 3:
			do(client + "!")
		case 4:
			do(client + "=")
		default:
			do(client + ":SEND " + names[rng.IntN(3)] + " hello")
		}
	}
	for range rng.IntN(6) {
		if !r.Stuck() {
			do(".")
		}
	}
	return moves
}

// ask makes the options: what the loop does, and what it could be thought to do.
func (p *Problem) ask(rng *rand.Rand, r *Run) {
	for _, c := range r.Clients {
		if c.FD < 0 {
			continue
		}
		fd := strconv.Itoa(c.FD)
		wrong := []string{
			"write(" + fd + `, "SEND-OK\n", 8) = 8`,
			"read(" + fd + ", 0x…, 16384) = -1 EAGAIN (Resource temporarily unavailable)",
			"close(" + fd + ") = 0",
			"epoll_wait(epfd, [{fd=" + fd + ", EPOLLIN}], 256, -1) = 1",
		}
		if len(c.Received) > 0 {
			wrong = append(wrong, "read("+fd+", "+quote(c.Received)+", 16384) = "+strconv.Itoa(len(c.Received)))
		}
		if c.EOF {
			wrong = append(wrong, "read("+fd+`, "", 16384) = 0`)
		}
		p.Options = append(p.Options, wrong...)
	}
	p.Options = append(p.Options,
		"accept4(3, NULL, NULL, SOCK_NONBLOCK) = -1 EAGAIN (Resource temporarily unavailable)",
		"epoll_wait(epfd, [], 256, -1) = 0 (timeout)",
	)
	rng.Shuffle(len(p.Options), func(i, k int) { p.Options[i], p.Options[k] = p.Options[k], p.Options[i] })
	before := len(r.Log)
	if r.Step("") != nil || len(r.Log) == before {
		p.Options = nil
		return
	}
	right := r.Log[before].Text
	p.Options = slices.DeleteFunc(p.Options, func(o string) bool { return o == right })
	p.Options = p.Options[:min(3, len(p.Options))]
	p.Right = rng.IntN(len(p.Options) + 1)
	p.Options = slices.Insert(p.Options, p.Right, right)
}
