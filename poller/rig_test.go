package poller_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"chatd/poller"
	"chatd/poller/memkernel"
	"chatd/protocol"
	"chatd/state"
)

// A client is a connection to the loop under test, seen from the client's end.
type client = memkernel.Socket

// A rig is a loop with the real protocol over a kernel in memory. The clock stands still until a
// test moves it.
type rig struct {
	t       *testing.T
	k       *memkernel.Kernel
	l       *poller.Loop
	log     bytes.Buffer
	turns   int
	answers map[string][]error // by call: how the next ones end; nil: as the kernel says
	batch   []poller.Event     // what the next Wait reports instead of what is ready
	before  func()             // called before each call, if set
	absence func()             // called once when the next Wait has its batch, if set
	reserve bool               // there are reserve descriptors
	second  bool               // there is a second listener
	method  string             // whose rules Wait follows
	short   int                // how many bytes one write takes at most; 0: all that there is room for
}

const (
	forever      = poller.Forever
	sendTimeout  = 30 * time.Second
	drainTimeout = 5 * time.Second

	readable = poller.Readable
	writable = poller.Writable
	ended    = poller.Ended
)

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigWith(t, poller.Config{})
}

// newReserveRig is a rig whose loop has a reserve descriptor.
func newReserveRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{reserve: true}
	return r.begin(t, poller.Config{BusyReply: []byte("BUSY\n")})
}

// newRigWith makes a rig of what a test sets, and the usual for the rest.
func newRigWith(t *testing.T, config poller.Config) *rig {
	t.Helper()
	return new(rig).begin(t, config)
}

func (r *rig) begin(t *testing.T, config poller.Config) *rig {
	t.Helper()
	r.t, r.answers = t, map[string][]error{}
	r.k = memkernel.New(memkernel.Options{
		Method: r.method, Record: true, Before: r.hook, Idle: func(time.Duration) bool { return false },
	})
	config.Kernel, config.Listeners, config.Wake = r.k, []int{memkernel.Listener}, memkernel.Wake
	if r.second {
		fd, _ := r.k.Reserve() // any open descriptor can be registered
		config.Listeners = append(config.Listeners, fd)
	}
	if config.Machine == nil {
		config.Machine = protocol.NewMachine(protocol.Limits{Users: 10_000, Line: 1 << 20, Name: 255})
	}
	config.Machine = newCheckedMachine(t, config.Machine)
	config.SendTimeout, config.DrainTimeout = sendTimeout, drainTimeout
	if config.Log == nil {
		config.Log = slog.New(slog.NewTextHandler(&r.log, nil))
	}
	var err error
	if r.l, err = poller.NewLoop(config); err != nil {
		t.Fatalf("NewLoop: %v", err)
	}
	return r
}

// hook is in front of each call of the loop's.
func (r *rig) hook(c *memkernel.Call) {
	if r.before != nil {
		r.before()
	}
	if answers := r.answers[c.Name]; len(answers) > 0 {
		c.Err, r.answers[c.Name] = answers[0], answers[1:]
	}
	switch c.Name {
	case "reserve":
		if !r.reserve {
			c.Err = syscall.EMFILE
		}
	case "write":
		if r.short > 0 {
			c.Data = c.Data[:min(r.short, len(c.Data))]
		}
	case "report":
		if r.batch != nil {
			c.Events, r.batch = r.batch, nil
		}
		if r.absence != nil {
			r.absence()
			r.absence = nil
		}
	}
	if c.FD != -1 && r.k.Find(c.FD) == nil {
		r.t.Errorf("%s was called for descriptor %d, which is not open", c.Name, c.FD)
	}
}

// answer decides how the next calls of a name end; nil: as the kernel says.
func (r *rig) answer(call string, errs ...error) { r.answers[call] = errs }

// turn takes one turn, and checks what holds after each.
func (r *rig) turn() {
	r.t.Helper()
	r.turns++
	before := len(r.k.Calls)
	if err := r.l.Turn(); err != nil {
		r.t.Fatalf("turn %d: %v", r.turns, err)
	}
	for _, c := range r.k.Calls[min(before, len(r.k.Calls)):] {
		switch c.Name {
		case "wait", "unacknowledged", "peer", "reserve":
			continue
		}
		if r.k.Slept() != 0 {
			r.t.Fatalf("B12: in turn %d the loop went to sleep for %v with this left to do: %v", r.turns, r.k.Slept(), c)
		}
	}
	if err := r.l.Check(registered(r.k)); err != nil {
		r.t.Fatalf("after turn %d: %v", r.turns, err)
	}
}

// registered is what the kernel waits for, of the connections by descriptor.
func registered(k *memkernel.Kernel) map[int]poller.Event {
	registered := map[int]poller.Event{}
	for fd, s := range k.Sockets {
		if s != nil && s.Number > 0 {
			registered[fd] = poller.Event{ID: s.ID, Ready: s.Interest}
		}
	}
	return registered
}

// rest turns until the loop sleeps, and returns how many turns had work to do. A loop that never
// sleeps is the fault behind B5 to B8 and B15.
func (r *rig) rest() (turns int) {
	r.t.Helper()
	for r.turn(); r.k.Slept() == 0; r.turn() {
		if turns++; turns > 10_000 {
			r.t.Fatalf("the loop still turns after %d turns; the last calls: %v", turns, r.k.Calls[len(r.k.Calls)-10:])
		}
	}
	return turns
}

// pass lets time pass while nothing happens.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	r.k.Advance(d)
	r.rest()
}

// sleeps checks for how long the loop sleeps.
func (r *rig) sleeps(want time.Duration) {
	r.t.Helper()
	if r.k.Slept() != want {
		r.t.Fatalf("the loop sleeps for %v, expected %v", r.k.Slept(), want)
	}
}

// connect makes a client that is accepted.
func (r *rig) connect() *client {
	r.t.Helper()
	s := r.k.Connect()
	r.rest()
	return s
}

// user makes a client that has logged in.
func (r *rig) user(name string) *client {
	r.t.Helper()
	s := r.connect()
	r.asks(s, "HELLO-FROM "+name+"\n", "HELLO "+name+"\n")
	return s
}

// users makes several.
func (r *rig) users(names ...string) (users []*client) {
	r.t.Helper()
	for _, name := range names {
		users = append(users, r.user(name))
	}
	return users
}

// pair makes two users, a and b.
func (r *rig) pair() (a, b *client) {
	r.t.Helper()
	return r.user("a"), r.user("b")
}

// says has a client write, and waits for what comes of it.
func (r *rig) says(s *client, text string) {
	r.t.Helper()
	say(s, text)
	r.rest()
}

// asks has a client write, and checks all that it can read then.
func (r *rig) asks(s *client, text, want string) {
	r.t.Helper()
	r.says(s, text)
	r.heard(s, want)
}

func say(s *client, text string) { io.WriteString(s, text) }

// heard checks all that a client can read.
func (r *rig) heard(s *client, want string) {
	r.t.Helper()
	got, _ := io.ReadAll(s)
	if string(got) != want {
		r.t.Fatalf("client %d heard %s, expected %s", s.Number, brief(string(got)), brief(want))
	}
}

// stall stops the client: it takes nothing more, and the server's kernel takes n bytes more for it.
func stall(s *client, n int) {
	s.SetBuffers(memkernel.Buffers{Receive: memkernel.Plenty, Send: len(s.Sending) + n, Client: len(s.Arrived)})
}

// unstall lets a client take everything again, and waits for what comes of it.
func (r *rig) unstall(s *client) {
	r.t.Helper()
	unstall(s)
	r.rest()
}

func unstall(s *client) {
	s.SetBuffers(memkernel.Buffers{Receive: memkernel.Plenty, Send: memkernel.Plenty, Client: memkernel.Plenty})
}

// unsent checks what the server's kernel has taken for a client that is stalled.
func (r *rig) unsent(s *client, want string) {
	r.t.Helper()
	if string(s.Sending) != want {
		r.t.Fatalf("for client %d the kernel has %s, expected %s", s.Number, brief(string(s.Sending)), brief(want))
	}
}

// gone checks that the server has closed connections.
func (r *rig) gone(clients ...*client) {
	r.t.Helper()
	for _, s := range clients {
		if !s.Closed {
			r.t.Fatalf("client %d still has descriptor %d, expected it to be closed", s.Number, s.FD)
		}
	}
}

// stays checks that the server has not closed connections that it has accepted.
func (r *rig) stays(clients ...*client) {
	r.t.Helper()
	for _, s := range clients {
		if s.FD < 0 {
			r.t.Fatalf("client %d has no descriptor, expected one; closed: %v", s.Number, s.Closed)
		}
	}
}

// logged checks how often the log says something.
func (r *rig) logged(text string, times int) {
	r.t.Helper()
	if n := bytes.Count(r.log.Bytes(), []byte(text)); n != times {
		r.t.Fatalf("the log says %q %d times, expected %d:\n%s", text, n, times, r.log.String())
	}
}

// silent checks that the log says nothing.
func (r *rig) silent() {
	r.t.Helper()
	if r.log.Len() > 0 {
		r.t.Fatalf("the log says %q, expected nothing", r.log.String())
	}
}

// ended checks how many connections have ended for a reason.
func (r *rig) ended(reason string, times int) {
	r.t.Helper()
	if n := r.l.Closed(reason); n != times {
		r.t.Fatalf("%d connections have ended for %s, expected %d", n, reason, times)
	}
}

// stopped checks whether Run would return.
func (r *rig) stopped(want bool) {
	r.t.Helper()
	if got := r.l.Stopped(); got != want {
		r.t.Fatalf("stopped: %v, expected %v, with %d connections", got, want, r.l.Connections())
	}
}

// called is how often a call was made for a descriptor, and for how many bytes in all.
func (r *rig) called(name string, fd int) (times, n int) {
	for _, c := range r.k.Calls {
		if c.Name == name && c.FD == fd {
			times, n = times+1, n+c.N
		}
	}
	return times, n
}

// events makes a batch of the same conditions for several IDs.
func events(ready poller.Readiness, ids ...state.ID) (batch []poller.Event) {
	for _, id := range ids {
		batch = append(batch, poller.Event{ID: id, Ready: ready})
	}
	return batch
}

var (
	listenerID = poller.InternalID(memkernel.Listener)
	wakeID     = poller.InternalID(memkernel.Wake)
)

// brief is a text for a message, or the beginning of a long one.
func brief(text string) string {
	if len(text) > 200 {
		return fmt.Sprintf("%q... (%d bytes)", text[:200], len(text))
	}
	return fmt.Sprintf("%q", text)
}
