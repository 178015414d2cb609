package trace

import (
	"bytes"
	"strconv"
	"time"

	"chatd/poller"
	"chatd/protocol"
	"chatd/state"
)

// A kernel is the decorator of a poller.Kernel.
type kernel struct {
	poller.Kernel
	r *recorder
}

func (k kernel) Wait(events []poller.Event, timeout time.Duration) (int, error) {
	k.r.sleep(timeout)
	start := k.r.now()
	n, err := k.Kernel.Wait(events, timeout)
	k.r.wake(event{kind: "slept", start: start, err: err}, events[:max(n, 0)])
	return n, err
}

func (k kernel) Accept(listener int) (int, error) {
	start := k.r.now()
	fd, err := k.Kernel.Accept(listener)
	if err == nil {
		k.r.open(fd, "")
	}
	k.r.emit(event{kind: "accept", on: k.r.at(listener), start: start, err: err}, "descriptor %d", fd)
	return fd, err
}

func (k kernel) Read(fd int, p []byte) (int, error) {
	start := k.r.now()
	n, err := k.Kernel.Read(fd, p)
	k.r.emit(event{kind: "read", on: k.r.at(fd), start: start, err: err}, "%d bytes %v", n, quoted(p[:max(n, 0)]))
	return n, err
}

func (k kernel) Write(fd int, p []byte) (int, error) {
	start := k.r.now()
	n, err := k.Kernel.Write(fd, p)
	on, taken := k.r.at(fd), p[:max(n, 0)]
	e := event{kind: "write", on: on, start: start, err: err, steps: k.r.take(on, len(taken))}
	k.r.emit(e, "%d of %d bytes %v%v", n, len(p), quoted(taken), e.steps)
	return n, err
}

func (k kernel) Shutdown(fd int) error {
	start := k.r.now()
	err := k.Kernel.Shutdown(fd)
	k.r.emit(event{kind: "shutdown", on: k.r.at(fd), start: start, err: err}, "write side")
	return err
}

func (k kernel) Close(fd int) error {
	start := k.r.now()
	err := k.Kernel.Close(fd)
	k.r.emit(event{kind: "close", on: k.r.release(fd), start: start, err: err}, "descriptor %d", fd)
	return err
}

func (k kernel) Reserve() (int, error) {
	start := k.r.now()
	fd, err := k.Kernel.Reserve()
	on := &endpoint{role: "reserve"}
	if err == nil {
		on = k.r.open(fd, on.role)
	}
	k.r.emit(event{kind: "reserve", on: on, start: start, err: err}, "descriptor %d", fd)
	return fd, err
}

func (k kernel) Add(id state.ID, interest poller.Readiness) error {
	k.r.at(id.Slot()).id = id
	return k.register("add", k.Kernel.Add, id, interest)
}

func (k kernel) Modify(id state.ID, interest poller.Readiness) error {
	return k.register("modify", k.Kernel.Modify, id, interest)
}

func (k kernel) register(kind string, call func(state.ID, poller.Readiness) error, id state.ID, interest poller.Readiness) error {
	start := k.r.now()
	err := call(id, interest)
	on := k.r.at(id.Slot())
	if err == nil {
		on.registered, on.interest = true, interest
	}
	what := [...]string{"none", "read", "write", "read+write"}[interest]
	k.r.emit(event{kind: kind, on: on, start: start, err: err}, "interest: %s", what)
	return err
}

// A machine is the decorator of a poller.Machine.
type machine struct {
	poller.Machine
	r *recorder
}

func (m machine) Line(s *state.Session, l protocol.Line) []protocol.Frame {
	start, wasLoggedIn := m.r.now(), s.LoggedIn
	frames := m.Machine.Line(s, l)
	on, note := m.r.at(s.ID.Slot()), ""
	if l.TooLong {
		note = " [too long]"
	}
	m.r.answer(event{kind: "line", on: on, start: start}, frames, "%v%s", quoted(l.Text), note)
	if s.LoggedIn && !wasLoggedIn {
		_, name, _ := bytes.Cut(l.Text, []byte(" "))
		shown := strconv.Quote(string(name))
		on.name = shown[1 : len(shown)-1]
	}
	return frames
}

func (m machine) Complete(s *state.Session, place uint32, sent bool) []protocol.Frame {
	start := m.r.now()
	frames := m.Machine.Complete(s, place, sent)
	e, outcome := event{kind: "receipt", on: m.r.at(s.ID.Slot()), start: start}, "sent"
	message := e.on.complete(place, sent)
	if !sent {
		e.steps, outcome = steps{{message: message, stage: answered}}, "lost" // there will be no SEND-OK
	}
	m.r.answer(e, frames, "message %d to %v: %s", message.number, message.to, outcome)
	return frames
}

func (m machine) Close(s *state.Session) {
	start, wasLoggedIn := m.r.now(), s.LoggedIn
	m.Machine.Close(s)
	if wasLoggedIn {
		m.r.emit(event{kind: "logout", on: m.r.at(s.ID.Slot()), start: start}, "the name is free")
	}
}
