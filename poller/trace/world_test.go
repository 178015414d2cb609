package trace_test

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatd/poller"
	"chatd/poller/memkernel"
	"chatd/poller/trace"
	"chatd/protocol"
)

// A world is the loop and the machine on a kernel of memory. While the loop sleeps, a second passes and
// one step of a script happens.
type world struct {
	*memkernel.Kernel
	t         *testing.T
	loop      *poller.Loop
	end       func()
	log       strings.Builder
	interrupt int    // so many waits
	asleep    func() // is called before each wait
	clients   []*memkernel.Socket
}

func newWorld(t *testing.T, method string, wrap func(*poller.Config) (func(), error)) *world {
	t.Helper()
	w := &world{Kernel: memkernel.New(memkernel.Options{Method: method, Record: true}), t: t, asleep: func() {}}
	w.Before = func(c *memkernel.Call) {
		if c.Name == "wait" {
			w.asleep()
		}
		if c.Name == "report" && w.interrupt > 0 {
			w.interrupt--
			c.Err = syscall.EINTR
		}
	}
	config := poller.Config{
		Kernel: w, Machine: protocol.NewMachine(protocol.Limits{Users: 16, Line: maxLine, Name: 255}),
		Listeners: []int{memkernel.Listener}, Wake: memkernel.Wake, SendTimeout: time.Minute, BusyReply: protocol.BusyReply(),
		Log: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	var err error
	if w.end, err = wrap(&config); err == nil {
		w.loop, err = poller.NewLoop(config)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// run lets the steps happen, and then stops the loop. It returns what each client has read.
func (w *world) run(script []func()) (heard []string) {
	w.t.Helper()
	w.Idle = func(time.Duration) bool {
		w.Advance(time.Second)
		if len(script) == 0 {
			w.Signal(1, 0)
			return true
		}
		script[0]()
		script = script[1:]
		return true
	}
	if err := w.loop.Run(); err != nil {
		w.t.Fatal(err)
	}
	w.end()
	for _, c := range w.clients {
		text, _ := io.ReadAll(c)
		heard = append(heard, string(text))
	}
	return heard
}

func (w *world) connect() { w.clients = append(w.clients, w.Connect()) }

// says is a step: a client says something.
func (w *world) says(client int, text string) func() {
	return func() { io.WriteString(w.clients[client], text) }
}

func (w *world) login(client int, name string) []func() {
	return []func(){w.connect, w.says(client, "HELLO-FROM "+name+"\n")}
}

// room is a step: a client reads no more, and the server's kernel takes so many bytes for it.
func (w *world) room(client, n int) func() {
	return func() {
		w.clients[client].SetBuffers(memkernel.Buffers{Receive: memkernel.Plenty, Send: n})
	}
}

// reads is a step: a client reads again.
func (w *world) reads(client int) func() {
	return func() {
		w.clients[client].SetBuffers(memkernel.Buffers{Receive: memkernel.Plenty, Send: memkernel.Plenty, Client: memkernel.Plenty})
	}
}

const maxLine = 300 // bytes

const alice, bob, carol = 0, 1, 2

// talk has everything that a trace shows.
func (w *world) talk() []func() {
	return append(append(w.login(alice, "alice"), w.login(bob, "bob")...),
		w.says(alice, "LIST\n"),
		w.says(alice, "SEND bob hello\n"),
		w.says(alice, "SEND bob \x1b[2J\xff\"\\\nSEND carol hi\nLI"), // for a terminal, for JSON; a line in two pieces
		w.says(alice, "ST\n"),
		w.says(alice, "SEND bob "+strings.Repeat("é", 100)+"\n"),
		w.room(bob, 5), // the DELIVERY leaves in two parts
		w.says(alice, "SEND bob wait for it\n"),
		func() { w.interrupt = 2 },
		w.reads(bob),
		w.room(bob, 5), // and bob goes before the rest
		w.says(alice, "SEND bob too late\n"),
		func() { w.clients[bob].Reset() },
		w.connect, // with the descriptor that was bob's
		w.says(carol, "LIST\n"),
		func() { w.Limit = 6 }, // no descriptor is left for dave but the reserve
		w.connect,
		w.says(alice, strings.Repeat("x", maxLine+1)+"\n"),
		func() { w.clients[carol].CloseWrite(); w.clients[alice].CloseWrite() },
	)
}

// traceTo is how a world gets a trace.
func traceTo(method, path string, stderr io.Writer, limit int) func(*poller.Config) (func(), error) {
	return func(c *poller.Config) (func(), error) { return trace.WrapWith(c, method, path, stderr, false, limit) }
}

func untraced(*poller.Config) (func(), error) { return func() {}, nil }

// calls are what the loop has asked of its kernel.
func (w *world) calls() string {
	var all strings.Builder
	for _, c := range w.Calls {
		all.WriteString(c.String() + "\n")
	}
	return all.String()
}

// text is the trace of a conversation under a poller.
func textOf(t *testing.T, method string, script func(*world) []func()) string {
	t.Helper()
	var out bytes.Buffer
	w := newWorld(t, method, traceTo(method, "-", &out, trace.Limit))
	w.run(script(w))
	return out.String()
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
