package main

import "chatd/poller/memkernel"

// A phase is how far a connection has come, as the observer sees it.
type phase int

const (
	phaseBacklog  phase = iota // not accepted, or not registered yet
	phaseNew                   // not logged in
	phaseUser                  // logged in, and nothing of what follows
	phasePending               // a reply to it is pending
	phaseQueued                // something is queued for it
	phaseEOF                   // its input has ended, and it is not logged out
	phaseDraining              // logged out, and something is queued for it
	phaseLingers               // everything was written, and the write side is shut
	phaseStopping              // any of these after a stop
	phases
)

var phaseNames = [phases]string{"backlog", "new", "user", "pending", "queued", "end of input", "draining", "lingering", "stopping"}

func (o *observer) phase(c *connection) phase {
	switch {
	case o.stopping():
		return phaseStopping
	case c.shut:
		return phaseLingers
	case c.ending():
		return phaseDraining
	case c.inputEnded:
		return phaseEOF
	case c.Name == "":
		return phaseNew
	case c.queue() > 0:
		return phaseQueued
	case c.receipts > 0:
		return phasePending
	}
	return phaseUser
}

// met takes note of a fault that meets a connection, or, without one, all connections.
func (o *observer) met(f fault, s *memkernel.Socket) {
	if s != nil && s.ID == 0 && !s.Closed {
		*o.counts.reached(f, phaseBacklog)++
		return
	}
	if s == nil && len(o.kernel.Backlog) > 0 {
		*o.counts.reached(f, phaseBacklog)++
	}
	for _, c := range o.connected {
		if s == nil || c.socket == s {
			*o.counts.reached(f, o.phase(c))++
		}
	}
}

// reached is how often a fault met a connection in a phase.
func (c *counts) reached(f fault, p phase) *int {
	return &c[countKinds+int(f)*int(phases)+int(p)]
}
