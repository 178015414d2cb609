package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// await waits until a condition holds. It gives up when nothing at all has moved for the timeout.
func (s *stage) await(holds func() bool) bool { return s.awaitWithin(s.timeout, holds) }

func (s *stage) awaitWithin(patience time.Duration, holds func() bool) bool {
	deadline := time.Now().Add(patience)
	for {
		if s.move() {
			deadline = time.Now().Add(patience)
		}
		if holds() {
			return true
		}
		rest := time.Until(deadline)
		if rest <= 0 {
			return false
		}
		wishes := make([]unix.PollFd, 0, len(s.actors))
		for _, a := range s.actors {
			wishes = append(wishes, a.wish())
		}
		unix.Poll(wishes, int(rest.Milliseconds())+1) // an error is like an early return
	}
}

// move writes and reads what can be written and read now.
func (s *stage) move() (moved bool) {
	if s.buffer == nil {
		s.buffer = make([]byte, 64<<10)
	}
	for _, a := range s.actors {
		if a.gone || a.end != nil {
			continue
		}
		moved = a.write() || moved
		if !a.stalled {
			moved = a.read(s.buffer) || moved
		}
	}
	return moved
}

// isBroken reports whether somebody has been disconnected, or nobody could connect.
func (s *stage) isBroken() bool {
	s.move()
	for _, a := range s.actors {
		if !a.gone && a.end != nil {
			return true
		}
	}
	return len(s.actors) == 0
}
