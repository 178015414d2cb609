package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatd/poller/memkernel"
)

// A scene is a small fixed run of a few clients. It has no chance in it: all that can happen otherwise
// is a choice of its source, and a path goes through all choices.
type scene struct {
	name   string
	story  string
	bound  int // of the choices that differ from the usual, for go test
	change func(p *parameters)
	users  string // logged in before it begins, with spaces between

	// script is what happens in the usual course, moment by moment: what stands in one moment happens
	// before the loop looks for events again, with "; " between steps. A step is a client and what it
	// does: "a connects", "a half-closes", "a resets", "a closes", "a stalls 10" (the server's kernel keeps so
	// many bytes for it), "a takes 10" (bytes), "a reads" (again), or "a: " and a text, in which *70 is 70 times an x. "2s" lets that time
	// pass, "stop" is a signal.
	script []string
	steps  []step // the script, as the first run has read it
}

// A sceneRun is one run of a scene.
type sceneRun struct {
	*simulation
	path    *path
	steps   []step
	clients map[string]*client
	pass    time.Duration // until when nothing but time happens
	open    bool          // there are choices now
	options []option
}

// A step is one thing that happens in the usual course.
type step struct {
	moment             int
	client, verb, text string
	done               bool
}

// usual is the source of what no scene varies: the last of all possibilities, which is no fault, the
// largest buffer and the order in which things became ready.
type usual struct{}

func (usual) Choose(n int, _ string) int { return n - 1 }

// start begins a run of a scene.
func (sc *scene) start(poller string, path *path, trace func(string, ...any)) *sceneRun {
	p := &parameters{
		settings: settings{poller: poller},
		maxUsers: 10, maxLine: 128 << 10, maxName: 255, sendTimeout: 30 * time.Second,
		buffer: 64 << 10, firstFree: memkernel.Wake + 1, descriptors: 20,
	}
	if sc.change != nil {
		sc.change(p)
	}
	s := newSimulation(p, func(int) source { return usual{} }, trace)
	r := &sceneRun{simulation: s, path: path, clients: map[string]*client{}}
	s.kernel.Before, s.kernel.Idle = r.before, r.idle
	if sc.steps == nil {
		for i, moment := range sc.script {
			for text := range strings.SplitSeq(moment, "; ") {
				sc.steps = append(sc.steps, parseStep(i, text))
			}
		}
	}
	r.steps = slices.Clone(sc.steps)
	return r
}

var repeat = regexp.MustCompile(`\*(\d+)`)

func parseStep(moment int, text string) step {
	who, what, _ := strings.Cut(text, " ")
	who, says := strings.CutSuffix(who, ":")
	st := step{moment: moment, client: who, verb: "sends", text: what}
	if !says {
		st.verb, st.text, _ = strings.Cut(what, " ")
	}
	st.text = expand(st.text)
	return st
}

// expand puts in line ends and fillings.
func expand(text string) string {
	text = strings.NewReplacer(`\n`, "\n", `\r`, "\r").Replace(text)
	return repeat.ReplaceAllStringFunc(text, func(s string) string {
		n, _ := strconv.Atoi(s[1:])
		return strings.Repeat("x", n)
	})
}

// run runs a scene to its end, and then as the simulation does: the faults end, and what was begun comes
// to its end.
func (sc *scene) run(poller string, path *path, trace func(string, ...any)) (c counts, err error) {
	path.begin()
	r := sc.start(poller, path, trace)
	return r.observe(func() {
		r.readAll = true
		for name := range strings.FieldsSeq(sc.users) {
			r.do(&step{client: name[:1], verb: "connects"})
			r.do(&step{client: name[:1], verb: "sends", text: "HELLO-FROM " + expand(name) + "\n"})
			r.rest(0)
		}
		r.open = true
		for r.quiet = false; !r.quiet && !r.loop.Stopped(); {
			r.turn()
			if r.observer.counts[countTurns] > 5000 {
				r.observer.fail("it does not end")
			}
		}
		r.open = false
		for _, c := range r.all {
			c.resume()
		}
		r.finish()
	})
}

// do takes a step of the script. A client that has ended takes none.
func (r *sceneRun) do(st *step) {
	st.done = true
	c := r.clients[st.client]
	switch {
	case st.client == "stop":
		r.kernel.Signal(1, 0)
	case c == nil && st.verb == "connects":
		r.clients[st.client] = r.connect()
	case c == nil:
		d, err := time.ParseDuration(st.client)
		if err != nil {
			panic(fmt.Sprintf("no client and no time: %q", st.client))
		}
		r.pass = r.kernel.Now() + d
	case c.ended || c.socket.Vanished:
	case st.verb == "sends":
		c.unsent = append(c.unsent, st.text...)
		c.send(len(c.unsent))
	case st.verb == "stalls":
		n, _ := strconv.Atoi(st.text)
		c.end(stall)
		c.stall(n)
	case st.verb == "reads":
		c.resume()
	case st.verb == "takes":
		n, _ := strconv.Atoi(st.text)
		c.resume()
		c.socket.Deliver(n)
		c.read(n)
		c.stall(c.socket.Buffers.Send)
	case st.verb == "half-closes":
		c.closeWrite()
	case st.verb == "resets":
		c.end(reset)
	case st.verb == "closes":
		c.end(leave)
	default:
		panic(fmt.Sprintf("no such step: %q", st.verb))
	}
}
