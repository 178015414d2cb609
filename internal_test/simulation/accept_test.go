package main

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The table of descriptors is full for a while. Users notice nothing, the loop does not spin and
// the log is not flooded (the watch sees to both), and those who wait are served in the end.
func TestA1DescriptorTableFull(t *testing.T) {
	for _, err := range []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM} {
		play(t, 20, nil, func(s *scene) {
			a, b := s.user("a"), s.user("b")
			s.kernel.spell, s.kernel.spellErr = 50, err
			newcomer := s.connects()
			turns := s.watch.counts.turns
			for i := range 4 {
				a.says(fmt.Sprintf("SEND b %d\n", i))
				s.rest(time.Second)
				a.is("SEND-OK\n")
				b.is(fmt.Sprintf("DELIVERY a %d\n", i))
			}
			if turns = s.watch.counts.turns - turns; turns > 100 {
				t.Fatalf("4 s without a descriptor took %d turns; two each 100 ms would do", turns)
			}
			s.rest(2 * time.Second)
			newcomer.says("HELLO-FROM c\n")
			s.rest(0)
			newcomer.is("HELLO c\n")
		})
	}
}

// There is no descriptor left but the spare one until somebody goes, whose place is then taken.
func TestA1SpareDescriptor(t *testing.T) {
	play(t, 20, func(f *figures) { f.descriptors = 3 }, func(s *scene) {
		a, _ := s.user("a"), s.user("b")
		for range 3 {
			c := s.connects()
			c.says("HELLO-FROM c\n")
			s.rest(time.Minute)
			c.is("BUSY\n")
		}
		a.socket.halfClose()
		s.rest(0)
		c := s.connects()
		c.says("HELLO-FROM c\nLIST\n")
		s.rest(0)
		c.is("HELLO c\nLIST-OK b,c\n")
	})
}

// There is no descriptor left at all, for the limit has been lowered and not even the spare one
// could be used. Whoever comes waits until there are some again.
func TestA1DescriptorComesFree(t *testing.T) {
	play(t, 20, nil, func(s *scene) {
		a, _ := s.user("a"), s.user("b")
		s.descriptors = 0
		c := s.connects()
		c.says("HELLO-FROM c\nLIST\n")
		s.rest(time.Minute)
		c.is("")
		a.socket.halfClose()
		s.rest(time.Second)
		c.is("")
		s.descriptors = 3
		s.rest(time.Second)
		c.is("HELLO c\nLIST-OK b,c\n")
	})
}

// The descriptor table is full of strangers and users, and nobody waits: nobody has to make room.
// For each who then comes, the oldest stranger does.
func TestA9OneGoesForEachWhoComes(t *testing.T) {
	play(t, 20, func(f *figures) { f.descriptors = 5 }, func(s *scene) {
		s.user("a")
		strangers := []*actor{s.comes(), s.comes(), s.comes()}
		s.rest(time.Minute)
		for i, c := range strangers {
			if c.over {
				t.Fatalf("stranger %d had to go for nobody", i)
			}
		}
		for i, c := range strangers {
			s.comes()
			if gone := strangers[i:]; !c.over || len(gone) > 1 && gone[1].over {
				t.Fatalf("after %d more have come, not just the oldest strangers have gone", i+1)
			}
		}
	})
}

// A connection cannot be registered. It alone is closed, and its descriptor is used again.
func TestA6RegistrationFails(t *testing.T) {
	play(t, 20, nil, func(s *scene) {
		a := s.user("a")
		s.rates[addFails] = 1000
		c := s.connects()
		s.rest(0)
		s.rates[addFails] = 0
		if !c.over || c.view() != nil {
			t.Errorf("the connection that could not be registered was not closed")
		}
		b := s.user("b")
		if got, want := b.view().id.Slot(), a.view().id.Slot()+1; got != want {
			t.Errorf("the next connection has descriptor %d, and %d was free", got, want)
		}
		a.says("SEND b x\n")
		s.rest(0)
		a.is("SEND-OK\n")
		b.is("DELIVERY a x\n")
	})
}

// Descriptor numbers are far above the number of users.
func TestA11HighDescriptors(t *testing.T) {
	play(t, 5, func(f *figures) { f.firstFree = 5000 }, func(s *scene) {
		a, b := s.user("a"), s.user("b")
		if slot := a.view().id.Slot(); slot != 5001 {
			t.Errorf("the first descriptor is %d, and was meant to be 5001, after the spare one", slot)
		}
		a.says("SEND b x\nLIST\n")
		s.rest(0)
		a.is("SEND-OK\nLIST-OK a,b\n")
		b.is("DELIVERY a x\n")
	})
}
