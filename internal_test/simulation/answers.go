package main

import (
	"bytes"
	"syscall"

	"chatd/poller"
	"chatd/poller/memkernel"
)

// before is the kernel's hook.
func (r *sceneRun) before(c *memkernel.Call) {
	r.faults.before(c)
	if !r.open || r.path.spent() || c.Err != nil {
		return
	}
	if c.Name == "wait" {
		if c.Timeout == 0 || r.ready() { // else the same follows in idle
			until := memkernel.Never
			if c.Timeout > 0 {
				until = r.kernel.Now() + c.Timeout
			}
			r.meanwhile("before Wait", until)
		}
		return
	}
	if c.Name == "report" && len(c.Events) == 0 {
		return
	}
	for {
		r.options = r.options[:0]
		r.mayEnd(c)
		o, ok := r.choose(c.Name)
		if !ok {
			return
		}
		switch o.fault {
		case reset, leave, halfClose, vanish, stall, meanwhile:
			r.act(o)
			continue
		}
		r.carryOut(c, o)
		return
	}
}

// mayEnd adds how a call can end, and what the client of its connection can do before it. With a call
// for another connection that commutes: neither sees the other.
func (r *sceneRun) mayEnd(c *memkernel.Call) {
	socket := r.kernel.Find(c.FD)
	switch c.Name {
	case "accept":
		r.mayFail(interrupt, syscall.EINTR)
		r.mayFail(tableFull, syscall.EMFILE, syscall.ENOBUFS)
		r.options = append(r.options, option{fault: tableFull, err: syscall.EMFILE, n: 1}) // the next call too
		if len(r.kernel.Backlog) > 0 {
			r.mayFail(aborted, syscall.ECONNABORTED)
		}
		for _, name := range r.names() {
			if c := r.clients[name]; c == nil || c.socket.FD < 0 && !c.socket.Closed {
				r.mayAct(name)
			}
		}
	case "reserve":
		r.mayFail(tableFull, syscall.EMFILE)
	case "read":
		r.mayFail(interrupt, syscall.EINTR)
		r.mayFail(spurious, syscall.EAGAIN)
		r.mayCut(shortRead, socket.Received[:min(len(socket.Received), len(c.Data))])
	case "write":
		r.mayFail(interrupt, syscall.EINTR)
		r.mayFail(spurious, syscall.EAGAIN)
		r.mayFail(noBuffers, syscall.ENOBUFS)
		r.mayCut(shortWrite, c.Data)
	case "close":
		r.mayFail(interrupt, syscall.EINTR)
	case "add":
		if c.FD > memkernel.Wake {
			r.mayFail(addFails, syscall.ENOSPC)
		}
	case "modify":
		if c.FD > memkernel.Wake {
			r.mayFail(modifyFails, syscall.ENOMEM)
		}
	case "report":
		r.mayReport(c.Events)
	}
	if c.FD > memkernel.Wake && c.Name != "peer" {
		for name, client := range r.clients {
			if client.socket == socket {
				r.mayAct(name)
			}
		}
	}
}

// mayFail adds errors as options.
func (r *sceneRun) mayFail(f fault, errs ...error) {
	for _, err := range errs {
		r.options = append(r.options, option{fault: f, err: err})
	}
}

// mayCut adds the lengths as options at which a cut can matter: after the first byte, and before and
// after each line end.
func (r *sceneRun) mayCut(f fault, data []byte) {
	last := 0
	cut := func(n int) {
		if n > last && n < len(data) {
			r.options = append(r.options, option{fault: f, n: n})
			last = n
		}
	}
	cut(1)
	for i := 0; ; i++ {
		n := bytes.IndexByte(data[i:], '\n')
		if n < 0 {
			return
		}
		i += n
		cut(i)
		cut(i + 1)
	}
}

// mayReport adds what may become of a batch: another order, fewer events, or one too many.
func (r *sceneRun) mayReport(events []poller.Event) {
	r.mayFail(interrupt, syscall.EINTR)
	orders := 1
	for i := range events {
		orders *= i + 1
		if i > 0 {
			r.options = append(r.options, option{fault: fewEvents, n: i})
		}
	}
	for i := 1; i < orders && len(events) <= 4 && r.kernel.Method == ""; i++ {
		r.options = append(r.options, option{fault: order, n: i})
	}
	for fd, s := range r.kernel.Sockets {
		if isReady(s, false) && s.Interest != 0 {
			r.options = append(r.options, option{fault: spurious, n: fd})
		}
	}
}

// carryOut makes a call end as an option says.
func (r *sceneRun) carryOut(c *memkernel.Call, o option) {
	f, s := r.faults, r.faults.socket
	c.Err = o.err
	switch o.fault {
	case shortRead, shortWrite:
		c.Data = c.Data[:o.n]
	case tableFull:
		f.fullCalls, f.fullErr = o.n, o.err
	case aborted:
		s = r.kernel.Backlog[0]
		s.Abort()
	case fewEvents:
		c.Events = c.Events[:o.n]
	case order: // the number of a permutation
		for n := len(c.Events); n > 1; n-- {
			i := o.n % n
			o.n /= n
			c.Events[n-1], c.Events[n-1-i] = c.Events[n-1-i], c.Events[n-1]
		}
	case spurious:
		if c.Name == "report" {
			s = r.kernel.Find(o.n)
			c.Events = append(c.Events, poller.Event{ID: s.ID, Ready: s.Interest})
		}
	}
	if o.fault != order {
		f.injected++
	}
	if o.fault != order && (s != nil || o.fault != interrupt) {
		r.observer.met(o.fault, s)
	}
}
