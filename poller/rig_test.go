package poller

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"slices"
	"testing"
	"time"

	"chatd/protocol"
)

// A rig is a loop with the real protocol over a fake kernel.
type rig struct {
	t     *testing.T
	k     *fakeKernel
	l     *Loop
	log   bytes.Buffer
	turns int
}

const (
	sendTimeout  = 30 * time.Second
	drainTimeout = 5 * time.Second
)

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigWith(t, Config{})
}

func newRigFor(t *testing.T, m Machine) *rig {
	t.Helper()
	return newRigWith(t, Config{Machine: m})
}

// newRigWith makes a rig of what a test sets, and the usual for the rest.
func newRigWith(t *testing.T, config Config) *rig {
	t.Helper()
	r := &rig{t: t, k: newFakeKernel(t)}
	config.Kernel, config.Listener, config.Wake = r.k, fakeListener, fakeWake
	if config.Machine == nil {
		config.Machine = protocol.NewMachine(10_000, 1<<20)
	}
	config.Machine = newAuditor(t, config.Machine)
	config.SendTimeout, config.DrainTimeout = sendTimeout, drainTimeout
	config.Log = slog.New(slog.NewTextHandler(&r.log, nil))
	l, err := NewLoop(config)
	if err != nil {
		t.Fatalf("NewLoop: %v", err)
	}
	r.l = l
	return r
}

// turn takes one turn, and checks what holds after each.
func (r *rig) turn() {
	r.t.Helper()
	r.turns++
	before := len(r.k.calls)
	if err := r.l.Turn(); err != nil {
		r.t.Fatalf("turn %d: %v", r.turns, err)
	}
	if done := r.k.calls[before:]; r.k.slept != 0 && len(done) > 0 {
		r.t.Fatalf("B12: in turn %d the loop went to sleep for %v with this left to do: %v", r.turns, r.k.slept, done)
	}
	connections, held := 0, 0
	for fd, s := range r.k.sockets {
		if fd == fakeListener || fd == fakeWake || fd == fakeSpare {
			continue
		}
		connections++
		slot := r.l.slots.Find(fd)
		wanted := Readable
		if c := slot.conn; c != nil {
			wanted = c.interest()
			if c.mayResume() && !slices.Contains(r.l.resumed, c) {
				r.t.Fatalf("B12: after turn %d nobody will resume the kept input of %v", r.turns, c.id)
			}
			held += c.held
			if c.active || c.writePending || c.idle() {
				r.t.Fatalf("after turn %d %v still has its conn: touched %v, writePending %v, idle %v",
					r.turns, c.id, c.active, c.writePending, c.idle())
			}
		}
		if s.interest != wanted || s.id != slot.id {
			r.t.Fatalf("after turn %d the kernel waits on %d for %v as %v; the state asks for %v as %v",
				r.turns, fd, s.interest, s.id, wanted, slot.id)
		}
	}
	if held != r.l.memory.own {
		r.t.Fatalf("F1: after turn %d %d bytes are held and %d are counted", r.turns, held, r.l.memory.own)
	}
	if connections != r.l.count {
		r.t.Fatalf("after turn %d %d connections are open and %d are counted", r.turns, connections, r.l.count)
	}
}

// rest turns until the loop sleeps, and returns how many turns had work to do. A loop that never
// sleeps is the fault behind B5 to B8 and B15.
func (r *rig) rest() (turns int) {
	r.t.Helper()
	for r.turn(); r.k.slept == 0; r.turn() {
		if turns++; turns > 10_000 {
			r.t.Fatalf("the loop still turns after %d turns; the last calls: %v", turns, r.k.calls[len(r.k.calls)-10:])
		}
	}
	return turns
}

// pass lets time pass while nothing happens.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	r.k.now += d
	r.rest()
}

// connect lets a client connect, and has it accepted.
func (r *rig) connect() *socket {
	r.t.Helper()
	s := r.k.connect()
	r.rest()
	return s
}

// user lets a client connect and log in.
func (r *rig) user(name string) *socket {
	r.t.Helper()
	s := r.connect()
	r.says(s, "HELLO-FROM "+name+"\n")
	r.heard(s, "HELLO "+name+"\n")
	return s
}

// says lets a client say something, and waits for what comes of it.
func (r *rig) says(s *socket, text string) {
	r.t.Helper()
	s.say(text)
	r.rest()
}

// heard checks what a client has been told since the last time.
func (r *rig) heard(s *socket, want string) {
	r.t.Helper()
	if got := string(s.out); got != want {
		r.t.Fatalf("client heard %s, expected %s", brief(got), brief(want))
	}
	s.out = nil
}

// gone checks that a connection has been closed, once.
func (r *rig) gone(s *socket) {
	r.t.Helper()
	if s.fd != -1 {
		r.t.Fatalf("connection %v is still open, expected it to be closed", s.id)
	}
}

// logged checks how often the log says something.
func (r *rig) logged(text string, times int) {
	r.t.Helper()
	if n := bytes.Count(r.log.Bytes(), []byte(text)); n != times {
		r.t.Fatalf("the log says %q %d times, expected %d:\n%s", text, n, times, r.log.String())
	}
}

// connect puts a client into the backlog.
func (k *fakeKernel) connect() *socket {
	s := &socket{fd: -1, room: plenty}
	k.backlog = append(k.backlog, s)
	return s
}

func (s *socket) say(text string) { s.in = append(s.in, text...) }

// stop asks the loop to stop, so many times.
func (k *fakeKernel) stop(times uint64) {
	k.sockets[fakeWake].in = binary.NativeEndian.AppendUint64(nil, times)
}

// called is how often a call was made for a descriptor, and for how many bytes in all.
func (k *fakeKernel) called(name string, fd int) (times, n int) {
	for _, c := range k.calls {
		if c.name == name && c.fd == fd {
			times, n = times+1, n+c.n
		}
	}
	return times, n
}
