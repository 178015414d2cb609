package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"chatd/internal_test/daemon"
)

// A crowd is the guests of a daemon. Their number stays as it is; each makes one visit after the
// other.
type crowd struct {
	daemon   *daemon.Daemon
	failures *failures
	guests   []guest
	messages atomic.Int64 // that have arrived
}

type guest struct {
	*rand.Rand
	visits int
	name   atomic.Value // of the last user that it was, to which others write
}

func newCrowd(d *daemon.Daemon, f *failures, guests int, seed uint64) *crowd {
	c := &crowd{daemon: d, failures: f, guests: make([]guest, guests)}
	for i := range c.guests {
		c.guests[i].Rand = rand.New(rand.NewPCG(seed, uint64(i)))
		c.guests[i].name.Store("nobody")
	}
	return c
}

// come has the guests come. leave has them leave, and waits for the last.
func (c *crowd) come() (leave func()) {
	ctx, end := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for i := range c.guests {
		all.Add(1)
		go func() {
			defer all.Done()
			for w := &c.guests[i]; ctx.Err() == nil && !c.failures.failed(); w.visits++ {
				v := &visit{guest: w, ctx: ctx, crowd: c, name: fmt.Sprintf("v%d.%d", i, w.visits), heard: make(map[string]int)}
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

// failures take what must not happen. The first counts: others may follow from it.
type failures struct {
	*log.Logger
	message atomic.Pointer[string]
}

func (f *failures) failed() bool { return f.message.Load() != nil }

// first is the first failure, or nil.
func (f *failures) first() error {
	if message := f.message.Load(); message != nil {
		return errors.New(*message)
	}
	return nil
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

// A scope is a part of the program that can fail and then ends early, as a test does: the methods of
// a testing.TB that package daemon calls.
type scope struct {
	testing.TB
	*failures
	cleanups []func()
}

func (s *scope) Helper()                         {}
func (s *scope) Failed() bool                    { return s.failed() }
func (s *scope) Cleanup(do func())               { s.cleanups = append(s.cleanups, do) }
func (s *scope) Logf(format string, args ...any) { s.Printf(format, args...) }
func (s *scope) Fatalf(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if s.message.CompareAndSwap(nil, &message) {
		s.Print(message)
	}
	runtime.Goexit()
}
