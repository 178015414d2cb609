package protocol_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"testing"

	"chatd/internal_test/conversation"
	"chatd/protocol"
)

// A way is one way of cutting what clients write into pieces.
type way struct {
	name  string
	piece func(rest int) int
	rng   *rand.Rand
}

// ways returns the ways afresh: those with a random source begin it again.
func ways() []way {
	w := []way{
		{name: "whole", piece: func(rest int) int { return rest }},
		{name: "byte by byte", piece: func(int) int { return 1 }},
	}
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 0))
		w = append(w, way{fmt.Sprintf("random cuts, seed %d", seed), func(rest int) int {
			return 1 + rng.IntN(min(rest, 1<<(2+4*seed))) // short pieces for one seed, long ones for another
		}, rng})
	}
	return w
}

// Every file of testdata, in each way. C1: a command that is cut at any byte, over any number of
// reads, and many commands in one read, have the same answers as when they come whole.
func TestC1Conversations(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.txt")
	if len(paths) == 0 {
		t.Fatal("testdata has no conversations")
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			talk, err := conversation.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			var first *driver
			for _, w := range ways() {
				d := hold(t, talk, w)
				if first == nil {
					first = d
				}
				same(t, first, d, w.name)
			}
		})
	}
}

// hold runs a conversation in one way.
func hold(t *testing.T, talk *conversation.Conversation, w way) *driver {
	t.Helper()
	d := &driver{t: t, machine: protocol.NewMachine(talk.Users, talk.MaxLine), piece: w.piece, rng: w.rng}
	told := make(map[string]bool) // to have gone
	for _, step := range talk.Steps {
		c := d.find(step.Client)
		if err := d.take(c, step); err != nil {
			t.Fatalf("%s, %s: %v", w.name, step, err)
		}
		switch step.Action {
		case conversation.Closed, conversation.Leaves, conversation.Resets:
			told[step.Client] = true
		}
	}
	for _, c := range d.clients {
		if len(c.heard) > 0 {
			t.Errorf("%s: %s has heard what the file does not tell: %s", w.name, c.name, conversation.Quote([]byte(c.heard[0])))
		}
		if c.closed && !told[c.name] {
			t.Errorf("%s: %s was closed, which the file does not tell", w.name, c.name)
		}
	}
	return d
}

// take does what a step says, or reports what is not as the step says.
func (d *driver) take(c *client, step conversation.Step) error {
	switch step.Action {
	case conversation.Says:
		d.say(c, step.Bytes)
	case conversation.Stalls, conversation.Drains:
		c.stalled = step.Action == conversation.Stalls
	case conversation.HalfCloses, conversation.Leaves:
		c.silent = true
	case conversation.Resets:
		d.reset(c)
	}
	d.turn()
	switch step.Action {
	case conversation.Hears:
		return c.hear(string(step.Bytes))
	case conversation.HearsNothing:
		return c.hearNothing(false)
	case conversation.Closed, conversation.Leaves:
		return c.hearNothing(true)
	}
	return nil
}

// hear takes the next line that a client has heard.
func (c *client) hear(want string) error {
	if len(c.heard) == 0 {
		return fmt.Errorf("%s hears nothing", c.name)
	}
	got := c.heard[0]
	c.heard = c.heard[1:]
	if got != want {
		return fmt.Errorf("%s hears %s instead", c.name, conversation.Quote([]byte(got)))
	}
	return nil
}

func (c *client) hearNothing(closed bool) error {
	if len(c.heard) > 0 {
		return fmt.Errorf("%s hears %s", c.name, conversation.Quote([]byte(c.heard[0])))
	}
	if c.closed != closed {
		return fmt.Errorf("closed is %v", c.closed)
	}
	return nil
}

// same compares all that each client was sent in two runs.
func same(t *testing.T, a, b *driver, way string) {
	t.Helper()
	for i := range a.clients {
		if x, y := a.clients[i].history, b.clients[i].history; !reflect.DeepEqual(x, y) {
			t.Errorf("%s: what %s was sent differs from what it is sent when all comes whole", way, a.clients[i].name)
		}
	}
}
