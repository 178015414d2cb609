package main

import (
	"fmt"
	"time"
)

// limits bound what a server may take of the machine. A server above one is ended.
type limits struct {
	processes int   // and threads
	memory    int64 // MiB
}

const mostFile = 100 << 20 // bytes of one file that the server writes

// watch looks at the processes of a server until it has ended.
func (l limits) watch(s *server) {
	for {
		select {
		case <-s.ended:
			return
		case <-time.After(time.Second):
		}
		var over string
		switch c := takeCensus(); {
		case c.threads > l.processes:
			over = fmt.Sprintf("it had more than %d processes and threads (--max-processes)", l.processes)
		case c.memory>>20 > l.memory:
			over = fmt.Sprintf("it held more than %d MiB of memory (--max-memory)", l.memory)
		default:
			continue
		}
		s.over.Store(&over)
		endDescendants(s.command.Process.Pid)
		return
	}
}

// overLimit is the limit that the server was above, or "".
func (s *server) overLimit() string {
	if over := s.over.Load(); over != nil {
		return *over
	}
	return ""
}
