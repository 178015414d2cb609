package protocol_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"chatd/protocol"
	"chatd/state"
)

// Few users, short lines, few places: so that everything meets everything soon.
const (
	stepUsers  = 3
	stepLimit  = 64
	stepPlaces = 5
)

// A world is a machine and its model, and the clients that speak to both.
type world struct {
	t       *testing.T
	machine *protocol.Machine
	model   *model
	places  [stepPlaces]*place
	waiting []waiting
	shared  map[string][]byte
}

// A place is a descriptor, and whoever has it.
type place struct {
	*person
	id     state.ID
	in     []byte // said, and not carried out yet
	lines  int    // carried out
	heard  int    // answers
	sent   int    // receipts that came back as sent
	sendOK int    // heard
}

// A receipt that has not come back.
type waiting struct {
	receipt protocol.Receipt
	owner   *place
	answer  *answer
}

func newWorld(t *testing.T) *world {
	w := &world{
		t:       t,
		machine: protocol.NewMachine(stepUsers, stepLimit),
		model:   &model{max: stepUsers, limit: stepLimit},
		shared:  make(map[string][]byte),
	}
	for slot := range w.places {
		w.open(slot, 1)
	}
	return w
}

func (w *world) open(slot int, generation uint32) {
	w.places[slot] = &place{person: new(person), id: state.NewID(slot, generation)}
	w.machine.Open(w.places[slot].id)
}

// phrases are what clients say, besides random bytes.
var phrases = []string{
	"HELLO-FROM a\n", "HELLO-FROM b\n", "HELLO-FROM c\n", "HELLO-FROM a\r\n", "HELLO-FROM \xc3\xab\n",
	"HELLO-FROM", "HELLO-FROM a,b\n", "HELLO-FROM " + strings.Repeat("x", stepLimit),
	"LIST\n", "LIST\n", "LIST\nLIST\n", "LIST x\n", "\n", "\r\n", "list\n", "SEND-OK\n",
	"SEND a hi\n", "SEND a hi\n", "SEND b hi\n", "SEND b  two  \n", "SEND c hi\n", "SEND  \xc3\xab hi\r\n",
	"SEND a", " hi\n", "SEND a \n", "SEND nobody hi\n", "SEND a,b hi\n", "SEND a " + strings.Repeat("y", stepLimit-7), "x\n", "\r",
}

// step takes the next step. Two bytes say which, so that a fuzzer can change one without all
// others.
func (w *world) step(op, arg byte) {
	p := w.places[int(op>>4)%stepPlaces]
	switch op % 8 {
	case 0, 1, 2:
		p.in = append(p.in, phrases[int(arg)%len(phrases)]...)
		w.feed(p, len(p.in))
	case 3:
		p.in = append(p.in, phrases[int(arg)%len(phrases)]...)
	case 4:
		p.in = append(p.in, arg)
	case 5:
		w.feed(p, int(arg)%16)
	case 6:
		w.settle(int(arg)/2, arg%2 == 0)
	case 7:
		if arg%4 == 0 {
			w.replace(p)
		}
	}
}

// feed has a client's input carried out, of which so many bytes have come.
func (w *world) feed(p *place, come int) {
	w.t.Helper()
	come = min(come, len(p.in))
	for come > 0 {
		n, frames := w.machine.Input(p.id, p.in[:come])
		if n == 0 {
			if len(p.owed) == 0 || len(frames) > 0 {
				w.t.Fatalf("%v: nothing of %q is used up, %d answers are owed, %d frames", p.id, p.in, len(p.owed), len(frames))
			}
			return
		}
		piece := p.in[:come]
		if end := slices.Index(piece, '\n'); end >= 0 && !p.gone {
			piece = piece[:end+1]
		}
		if n != len(piece) {
			w.t.Fatalf("%v: %d bytes of %q are used up, want %d", p.id, n, p.in[:come], len(piece))
		}
		if !p.gone && piece[n-1] == '\n' {
			p.lines++
		}
		w.compare(p, string(piece), frames, w.model.input(p.person, string(piece)))
		p.in, come = p.in[n:], come-n
	}
}

// settle gives one of the receipts back.
func (w *world) settle(which int, sent bool) {
	w.t.Helper()
	if len(w.waiting) == 0 {
		return
	}
	i := which % len(w.waiting)
	x := w.waiting[i]
	w.waiting = slices.Delete(w.waiting, i, i+1)
	if sent {
		x.owner.sent++
	}
	w.compare(x.owner, "(a receipt)", w.machine.Complete(x.receipt, sent), w.model.settle(x.owner.person, x.answer, sent))
}

// replace ends a client, and another one comes to have its descriptor.
func (w *world) replace(p *place) {
	w.machine.Close(p.id) // no error after a last frame
	w.model.remove(p.person)
	w.open(p.id.Slot(), p.id.Generation()+2)
}

// compare checks the frames that followed from a call against what the model says.
func (w *world) compare(p *place, call string, frames []protocol.Frame, want []saying) {
	w.t.Helper()
	if len(frames) != len(want) {
		w.t.Fatalf("%v, %q: %d frames %q, want %d: %+v", p.id, call, len(frames), texts(frames), len(want), want)
	}
	for i, f := range frames {
		s := want[i]
		to := w.places[f.To.Slot()]
		if string(f.Text) != s.text || f.To != to.id || to.person != s.to || (f.Last != "") != s.last {
			w.t.Fatalf("%v, %q: %q to %v, last is %v; want %q, last is %v", p.id, call, f.Text, f.To, f.Last, s.text, s.last)
		}
		if err := checkFrame(f); err != nil {
			w.t.Fatalf("%v, %q: %v", p.id, call, err)
		}
		if f.Shared != nil {
			w.shared[s.text] = f.Text
		}
		if s.waited != nil {
			w.wait(waiting{f.Receipt, p, s.waited})
			continue
		}
		to.heard++
		if s.text == sendOK {
			to.sendOK++
		}
	}
}

// wait keeps a receipt, which is its owner's and like no other.
func (w *world) wait(x waiting) {
	w.t.Helper()
	if x.receipt.Owner != x.owner.id {
		w.t.Fatalf("a receipt of %v is said to be owned by %v", x.owner.id, x.receipt.Owner)
	}
	for _, other := range w.waiting {
		if other.receipt == x.receipt {
			w.t.Fatalf("two deliveries have the receipt %v", x.receipt)
		}
	}
	w.waiting = append(w.waiting, x)
}

// finish gives all receipts back and lets everybody go on to the end. Then each line has had one
// answer, and each DELIVERY that was sent one SEND-OK.
func (w *world) finish(rng *rand.Rand) {
	w.t.Helper()
	for again := true; again; {
		again = len(w.waiting) > 0
		for len(w.waiting) > 0 {
			w.settle(rng.IntN(1<<16), rng.IntN(2) == 0)
		}
		for _, p := range w.places {
			before := len(p.in)
			w.feed(p, len(p.in))
			again = again || len(p.in) < before
		}
	}
	for _, p := range w.places {
		if len(p.in) > 0 || !p.gone && p.lines != p.heard || p.sent != p.sendOK {
			w.t.Errorf("%v: %d bytes left over, %d lines, %d answers, %d messages sent, %d SEND-OK",
				p.id, len(p.in), p.lines, p.heard, p.sent, p.sendOK)
		}
	}
	for want, got := range w.shared {
		if string(got) != want {
			w.t.Errorf("the shared text %q has become %q", want, got)
		}
	}
	if got := w.machine.Users(); got != len(w.model.users) {
		w.t.Errorf("%d users, want %d", got, len(w.model.users))
	}
}

// walk takes the steps that the bytes stand for.
func walk(t *testing.T, steps []byte) {
	w := newWorld(t)
	for ; len(steps) >= 2; steps = steps[2:] {
		w.step(steps[0], steps[1])
	}
	w.finish(rand.New(rand.NewPCG(1, 2)))
}

// H7: random steps, and the answers of a plain model.
func TestH7RandomSteps(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 7))
		steps := make([]byte, 1000)
		for i := range steps {
			steps[i] = byte(rng.Uint32())
		}
		if walk(t, steps); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func FuzzMachine(f *testing.F) {
	f.Add([]byte("\x00\x00\x10\x01\x00\x12\x06\x00\x10\x08"))              // two log in, one sends to the other, which lists
	f.Add([]byte("\x00\x00\x00\x10\x00\x10\x00\x0a\x06\x03\x06\x00"))      // to itself twice, then LIST twice; settled backwards
	f.Add([]byte("\x00\x00\x10\x01\x20\x02\x30\x00\x07\x00\x30\x00"))      // the house is full, one goes
	f.Add([]byte("\x00\x00\x10\x01\x00\x12\x07\x00\x00\x00\x06\x00"))      // the sender goes and another takes its place
	f.Add([]byte("\x03\x1b\x05\x09\x05\x0f\x00\x1c\x04\x0a\x00\x07\x04x")) // long lines in pieces
	f.Fuzz(func(t *testing.T, steps []byte) { walk(t, steps[:min(len(steps), 4096)]) })
}
