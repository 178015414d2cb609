package main

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// The descriptor table is full for a while. Users notice nothing, the loop does not turn without work and
// the log is not flooded (the observer checks both), and the waiting client is served in the end.
func TestA1DescriptorTableFull(t *testing.T) {
	for _, err := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		runScenario(t, 20, nil, func(s *scenario) {
			a, b := s.user("a"), s.user("b")
			s.faults.fullCalls, s.faults.fullErr = 50, err
			waiting := s.connects()
			before := s.observer.counts[countTurns]
			for i := range 4 {
				a.sends(fmt.Sprintf("SEND b %d\n", i))
				s.rest(time.Second)
				a.receives("SEND-OK\n")
				b.receives(fmt.Sprintf("DELIVERY a %d\n", i))
			}
			if turns := s.observer.counts[countTurns] - before; turns > 100 {
				t.Fatalf("4 s without a descriptor took %d turns; two in each 100 ms are enough", turns)
			}
			s.rest(2 * time.Second)
			waiting.sends("HELLO-FROM c\n")
			s.rest(0)
			waiting.receives("HELLO c\n")
		})
	}
}

// There is no descriptor left but the reserve. When a user ends, its descriptor is used for the next
// client.
func TestA1ReserveDescriptor(t *testing.T) {
	runScenario(t, 20, func(p *parameters) { p.descriptors = 3 }, func(s *scenario) {
		a, _ := s.user("a"), s.user("b")
		for range 3 {
			c := s.connects()
			c.sends("HELLO-FROM c\n")
			s.rest(time.Minute)
			c.receives("BUSY\n")
		}
		a.socket.CloseWrite()
		s.rest(0)
		c := s.connects()
		c.sends("HELLO-FROM c\nLIST\n")
		s.rest(0)
		c.receives("HELLO c\nLIST-OK b,c\n")
	})
}

// The limit has been lowered, so that not even the reserve can be used. A new client waits until there
// are descriptors again.
func TestA1DescriptorComesFree(t *testing.T) {
	runScenario(t, 20, nil, func(s *scenario) {
		a, _ := s.user("a"), s.user("b")
		s.kernel.Limit = s.firstFree
		c := s.connects()
		c.sends("HELLO-FROM c\nLIST\n")
		s.rest(time.Minute)
		c.receives("")
		a.socket.CloseWrite()
		s.rest(time.Second)
		c.receives("")
		s.kernel.Limit = s.firstFree + 3
		s.rest(time.Second)
		c.receives("HELLO c\nLIST-OK b,c\n")
	})
}

// The descriptor table is full of users and of clients that are not logged in. While no client waits,
// none is evicted. For each client that then connects, the oldest of them is.
func TestA9OneIsEvictedForEachNewClient(t *testing.T) {
	runScenario(t, 20, func(p *parameters) { p.descriptors = 5 }, func(s *scenario) {
		s.user("a")
		silent := []*testClient{s.accepted(), s.accepted(), s.accepted()}
		s.rest(time.Minute)
		for i, c := range silent {
			if c.ended {
				t.Fatalf("client %d was evicted while no client was waiting", i)
			}
		}
		for i, c := range silent {
			s.accepted()
			if gone := silent[i:]; !c.ended || len(gone) > 1 && gone[1].ended {
				t.Fatalf("for %d new clients, others than the oldest were evicted", i+1)
			}
		}
	})
}

// A connection cannot be registered. Only that one is closed, and its descriptor is used again.
func TestA6RegistrationFails(t *testing.T) {
	runScenario(t, 20, nil, func(s *scenario) {
		a := s.user("a")
		s.rates[addFails] = 1000
		c := s.connects()
		s.rest(0)
		s.rates[addFails] = 0
		if !c.ended || c.connection() != nil {
			t.Errorf("the connection that could not be registered was not closed")
		}
		b := s.user("b")
		if got, want := b.connection().id.Slot(), a.connection().id.Slot()+1; got != want {
			t.Errorf("the next connection has descriptor %d, expected %d", got, want)
		}
		a.sends("SEND b x\n")
		s.rest(0)
		a.receives("SEND-OK\n")
		b.receives("DELIVERY a x\n")
	})
}

// Descriptor numbers are far above the number of users.
func TestA11HighDescriptors(t *testing.T) {
	runScenario(t, 5, func(p *parameters) { p.firstFree = 5000 }, func(s *scenario) {
		a, b := s.user("a"), s.user("b")
		if slot := a.connection().id.Slot(); slot != 5001 {
			t.Errorf("the first descriptor is %d, expected 5001, after the reserve", slot)
		}
		a.sends("SEND b x\nLIST\n")
		s.rest(0)
		a.receives("SEND-OK\nLIST-OK a,b\n")
		b.receives("DELIVERY a x\n")
	})
}
