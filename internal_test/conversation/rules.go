package conversation

import "fmt"

// rules refuse a conversation in which a client does what it no longer can, or that would prove
// nothing.
type rules map[string]*progress

// A progress is what has become of a client so far.
type progress struct {
	gone     bool
	silent   bool // has half-closed
	stalled  bool
	unproved bool // is said to hear nothing, and has not heard anything since that would prove it
}

func (r rules) check(step Step) error {
	s := r[step.Client]
	if s == nil {
		s = new(progress)
		r[step.Client] = s
	}
	a := step.Action
	speaks := a == Says || a == HalfCloses || a == Leaves
	reads := a == Hears || a == HearsNothing || a == Closed || a == Leaves
	switch {
	case s.gone:
		return fmt.Errorf("%s has gone", step.Client)
	case s.silent && speaks:
		return fmt.Errorf("%s has half-closed", step.Client)
	case s.stalled && (reads || a == Stalls):
		return fmt.Errorf("%s does not read", step.Client)
	case !s.stalled && a == Drains:
		return fmt.Errorf("%s does read", step.Client)
	}
	s.gone = a == Closed || a == Leaves || a == Resets
	s.silent = s.silent || a == HalfCloses
	s.stalled = (s.stalled || a == Stalls) && a != Drains && a != Resets
	s.unproved = a == HearsNothing || s.unproved && !reads
	return nil
}

func (r rules) checkEnd() error {
	for client, s := range r {
		switch {
		case s.stalled:
			return fmt.Errorf("%s stalls for ever", client)
		case s.unproved:
			return fmt.Errorf("%s hears nothing, and then nothing that would prove it", client)
		}
	}
	return nil
}
