package main

import (
	"fmt"
	"slices"
	"time"

	"chatd/poller"
	"chatd/poller/memkernel"
)

// An option is one way in which a choice can differ from the usual.
type option struct {
	fault  fault
	client *client
	step   *step
	err    error
	n      int
	at     time.Duration
}

// String is an option in the trace.
func (o option) String() string {
	text := "order"
	if o.fault != order {
		text = faultNames[o.fault]
	}
	switch {
	case o.client != nil:
		text += fmt.Sprintf(" of client %d", o.client.number)
	case o.step != nil:
		text += fmt.Sprintf(": %s %s %s", o.step.client, o.step.verb, quote(o.step.text))
	case o.err != nil:
		text += ": " + o.err.Error()
	case o.n > 0:
		text += fmt.Sprintf(" %d", o.n)
	case o.at > 0:
		text += fmt.Sprintf(" to %v", o.at)
	}
	return text
}

// choose takes one of the options, or the usual course.
func (r *sceneRun) choose(what string) (option, bool) {
	if i := r.path.Choose(len(r.options)+1, what); i > 0 {
		o := r.options[i-1]
		r.observer.note("   choice %d: %v", r.path.at-1, o)
		return o, true
	}
	return option{}, false
}

func (r *sceneRun) may(f fault) { r.options = append(r.options, option{fault: f}) }

// mayAct adds as options what a client can do now: the next step of the script, or an end of its
// connection.
func (r *sceneRun) mayAct(name string) {
	if i := slices.IndexFunc(r.steps, func(st step) bool { return !st.done && st.client == name }); i >= 0 {
		r.options = append(r.options, option{fault: meanwhile, step: &r.steps[i]})
	}
	c := r.clients[name]
	if c == nil || c.ended || c.socket.Vanished || c.socket.Closed {
		return
	}
	for _, f := range []fault{reset, leave, halfClose, vanish, stall} {
		if (f != halfClose || !c.socket.EOF) && (f != stall || c.stalled == 0) {
			r.options = append(r.options, option{fault: f, client: c})
		}
	}
}

// act carries out an option that is no answer of the kernel.
func (r *sceneRun) act(o option) {
	switch o.fault {
	case meanwhile:
		if c := r.clients[o.step.client]; c != nil {
			r.observer.met(meanwhile, c.socket)
		}
		r.do(o.step)
		return
	case stop:
		r.kernel.Signal(1, 0)
	case figures:
		r.kernel.Signal(0, 1)
	case jump:
		r.kernel.Advance(o.at - r.kernel.Now())
	default:
		o.client.end(o.fault)
		if o.fault == stall {
			r.faults.injected++ // it may have been reported writable
		}
		return
	}
	r.observer.met(o.fault, nil)
}

// names are those of all clients, in the order of the script.
func (r *sceneRun) names() (names []string) {
	for name := range r.clients {
		names = append(names, name)
	}
	for _, st := range r.steps {
		if st.verb == "connects" && r.clients[st.client] == nil {
			names = append(names, st.client)
		}
	}
	slices.Sort(names)
	return names
}

// meanwhile is what may happen at once before Wait looks for events, until a moment that may be Never.
func (r *sceneRun) meanwhile(what string, until time.Duration) (acted bool) {
	for !r.path.spent() {
		r.options = r.options[:0]
		for _, name := range r.names() {
			r.mayAct(name)
		}
		r.may(stop)
		r.may(figures)
		if now := r.kernel.Now(); until != memkernel.Never {
			for _, at := range []time.Duration{until - 1, until} { // just before the deadline, and at it
				if at > now {
					r.options = append(r.options, option{fault: jump, at: at})
				}
			}
		}
		o, ok := r.choose(what)
		if !ok {
			return acted
		}
		r.act(o)
		acted = true
	}
	return acted
}

// idle is what happens while the loop sleeps: what was written arrives, and then the next moment of the
// script comes; or something else happens first.
func (r *sceneRun) idle(until time.Duration) bool {
	if !r.open {
		return r.simulation.idle(until)
	}
	if r.meanwhile("while the loop sleeps", until) || r.exchange() || r.ready() {
		return true
	}
	now := r.kernel.Now()
	if now < r.pass {
		r.kernel.Advance(min(until, r.pass, r.kernel.NextExpiry()) - now)
		return true
	}
	i := slices.IndexFunc(r.steps, func(st step) bool { return !st.done })
	if i < 0 {
		r.quiet = true
		r.faults.injected++ // this Wait ends before its timeout
		return false
	}
	for j := range r.steps {
		if st := &r.steps[j]; !st.done && st.moment == r.steps[i].moment {
			r.do(st)
		}
	}
	r.meanwhile("with the next moment", until)
	return true
}

// ready reports whether Wait would report something.
func (r *sceneRun) ready() bool {
	return slices.ContainsFunc(r.kernel.Sockets, func(s *memkernel.Socket) bool {
		return isReady(s, true) && (r.kernel.Method != "select" || s.Readiness()&s.Interest != 0)
	})
}

// isReady reports whether a registered descriptor is ready, or the contrary.
func isReady(s *memkernel.Socket, ready bool) bool {
	return s != nil && s.ID != 0 && (s.Readiness()&(s.Interest|poller.Ended) != 0) == ready
}
