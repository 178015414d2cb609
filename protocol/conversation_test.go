package protocol_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"chatd/internal_test/conversation"
	"chatd/internal_test/player"
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
	conversation.Each(t, func(t *testing.T, talk *conversation.Conversation) {
		var first *driver
		for _, w := range ways() {
			d := &driver{t: t, machine: protocol.NewMachine(talk.Users, talk.MaxLine), piece: w.piece, rng: w.rng}
			p := player.New(t, d)
			p.Note(w.name, "is", "how what clients write is cut into pieces")
			p.Hold(talk)
			if first == nil {
				first = d
			}
			same(t, first, d, w.name)
		}
	})
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
