package main

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"chatd/internal_test/daemon"
)

// A crowd is the visitors of a daemon. There are never more of them than at the beginning; each
// makes one visit after the other.
type crowd struct {
	daemon   *daemon.Daemon
	failures *failures
	visitors []visitor
	messages atomic.Int64 // that have arrived
}

type visitor struct {
	*rand.Rand
	visits int
	name   atomic.Value // of the last user that it was, for others to write to
}

func newCrowd(d *daemon.Daemon, f *failures, visitors int, seed uint64) *crowd {
	c := &crowd{daemon: d, failures: f, visitors: make([]visitor, visitors)}
	for i := range c.visitors {
		c.visitors[i].Rand = rand.New(rand.NewPCG(seed, uint64(i)))
		c.visitors[i].name.Store("nobody")
	}
	return c
}

// come has the visitors come. The function that is returned has them leave, and waits for the last.
func (c *crowd) come() (leave func()) {
	ctx, end := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for i := range c.visitors {
		all.Add(1)
		go func() {
			defer all.Done()
			for w := &c.visitors[i]; ctx.Err() == nil && !c.failures.Load(); w.visits++ {
				v := &visit{visitor: w, ctx: ctx, crowd: c, name: fmt.Sprintf("v%d.%d", i, w.visits), heard: make(map[string]int)}
				c.failures.attempt(v.make)
				v.pause(50)
			}
		}()
	}
	return func() {
		end()
		all.Wait()
	}
}

// failures is where everybody tells of what must not be. The first counts: others may follow from
// it.
type failures struct {
	atomic.Bool
	*log.Logger
}

// attempt runs a function in a scope of its own, to its end or to its first failure.
func (f *failures) attempt(do func(s *scope)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s := &scope{failures: f}
		defer func() {
			for _, cleanup := range slices.Backward(s.cleanups) {
				cleanup()
			}
		}()
		do(s)
	}()
	<-done
}

// A scope is a stretch of the program that can fail and then ends early: a daemon.T.
type scope struct {
	*failures
	cleanups []func()
}

func (s *scope) Helper()                         {}
func (s *scope) Failed() bool                    { return s.Load() }
func (s *scope) Cleanup(do func())               { s.cleanups = append(s.cleanups, do) }
func (s *scope) Logf(format string, args ...any) { s.Printf(format, args...) }
func (s *scope) Fatalf(format string, args ...any) {
	if !s.Swap(true) {
		s.Printf(format, args...)
	}
	runtime.Goexit()
}
