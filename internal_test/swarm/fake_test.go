package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// A fake is a server that says what a test wants it to say.
type fake struct {
	mu    sync.Mutex
	users map[string]net.Conn

	// send answers a SEND of a message: what the target hears, and what the sender does.
	send func(from, message string) (delivery, reply string)
	list func(names string) string
}

// start serves on a free port until the test is over.
func (f *fake) start(t *testing.T) (address string) {
	t.Helper()
	f.users = make(map[string]net.Conn)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go f.serve(conn)
		}
	}()
	return listener.Addr().String()
}

func (f *fake) serve(conn net.Conn) {
	defer conn.Close()
	name := ""
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		f.mu.Lock()
		switch words := strings.SplitN(lines.Text(), " ", 3); words[0] {
		case "HELLO-FROM":
			name = words[1]
			f.users[name] = conn
			io.WriteString(conn, "HELLO "+name+"\n")
		case "LIST":
			names := make([]string, 0, len(f.users))
			for name := range f.users {
				names = append(names, name)
			}
			io.WriteString(conn, f.list(strings.Join(names, ",")))
		case "SEND":
			delivery, reply := f.send(name, words[2])
			io.WriteString(f.users[words[1]], delivery)
			io.WriteString(conn, reply)
		}
		f.mu.Unlock()
	}
}

func deliver(from, message string) string { return "DELIVERY " + from + " " + message + "\n" }

// twoAtATime delivers a message of even number together with the next, which has not been sent yet.
func twoAtATime(from, message string) (delivery, reply string) {
	number, padding := parseNumber([]byte(message[:numberDigits])), message[numberDigits:]
	if number%2 == 0 {
		delivery = deliver(from, message) + deliver(from, fmt.Sprintf("%0*d%s", numberDigits, number+1, padding))
	}
	return delivery, "SEND-OK\n"
}

// TestSwarmCountsOnlyWhatIsThrough plays to servers that break the promises of the protocol. A
// message counts when its DELIVERY, word for word, and its SEND-OK have come; anything else is an
// error.
func TestSwarmCountsOnlyWhatIsThrough(t *testing.T) {
	const ok = "SEND-OK\n"
	for name, c := range map[string]struct {
		send  func(from, message string) (delivery, reply string)
		error string // "": none
	}{
		"as it should be":      {func(f, m string) (string, string) { return deliver(f, m), ok }, ""},
		"no DELIVERY":          {func(f, m string) (string, string) { return "", ok }, errNothing.Error()},
		"no SEND-OK":           {func(f, m string) (string, string) { return deliver(f, m), "" }, errNothing.Error()},
		"two SEND-OK":          {func(f, m string) (string, string) { return deliver(f, m), ok + ok }, `got "SEND-OK"`},
		"two DELIVERY":         {func(f, m string) (string, string) { return deliver(f, m) + deliver(f, m), ok }, `got "DELIVERY`},
		"a DELIVERY too early": {twoAtATime, `got "DELIVERY`},
		"another message":      {func(f, m string) (string, string) { return deliver(f, strings.ToUpper(m)+"x"), ok }, `got "DELIVERY`},
		"another padding":      {func(f, m string) (string, string) { return deliver(f, m[:31]+"x"), ok }, `got "DELIVERY`},
		"another number":       {func(f, m string) (string, string) { return deliver(f, "9"+m[1:]), ok }, `got "DELIVERY`},
		"another sender":       {func(f, m string) (string, string) { return deliver("s999999", m), ok }, `got "DELIVERY`},
		"BAD-DEST-USER":        {func(f, m string) (string, string) { return "", "BAD-DEST-USER\n" }, `got "BAD-DEST-USER"`},
		"DELIVERY to a sender": {func(f, m string) (string, string) { return "", deliver(f, m) }, `got "DELIVERY`},
	} {
		t.Run(name, func(t *testing.T) {
			o := short("pairs")
			o.warmup = 0 // so that not one is overlooked
			o.address = (&fake{send: c.send}).start(t)
			play := runUntil
			if c.error == errNothing.Error() {
				play = run
			}
			r, err := play(o)
			switch {
			case c.error == "" && err != nil:
				t.Errorf("%v, expected no error", err)
			case c.error != "" && (err == nil || r.Errors == 0 || !strings.Contains(r.First, c.error)):
				t.Errorf("%d errors, first %q, expected %q", r.Errors, r.First, c.error)
			case c.error == errNothing.Error() && r.Messages != 0:
				t.Errorf("%d messages counted, expected none", r.Messages)
			}
		})
	}
}

// TestSwarmCountsTheList plays to a server that leaves a name out.
func TestSwarmCountsTheList(t *testing.T) {
	o := short("list")
	o.address = (&fake{list: func(names string) string {
		_, but, _ := strings.Cut(names, ",")
		return "LIST-OK " + but + "\n"
	}}).start(t)
	if r, err := runUntil(o); err == nil || r.Messages != 0 || !strings.Contains(r.First, `got "LIST-OK`) {
		t.Errorf("%d messages, %v, expected none and an error", r.Messages, err)
	}
}

// TestSwarmReportsTheEnd plays to a server that closes in the middle.
func TestSwarmReportsTheEnd(t *testing.T) {
	f := &fake{}
	f.send = func(from, message string) (string, string) {
		f.users[from].Close()
		return "", ""
	}
	o := short("pairs")
	o.address = f.start(t)
	const expected = "the server closed the connection"
	if r, err := runUntil(o); err == nil || r.Errors == 0 || !strings.Contains(err.Error(), expected) {
		t.Errorf("%d errors, %v, expected %q", r.Errors, err, expected)
	}
}
