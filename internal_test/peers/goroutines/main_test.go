package main

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"
)

// A user is one client of the conversation.
type user struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func connect(t *testing.T, address string) *user {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second)) // against hanging
	return &user{t, conn, bufio.NewReader(conn)}
}

func (u *user) say(line string) { io.WriteString(u.conn, line+"\n") }

func (u *user) hear(expected string) {
	u.t.Helper()
	if got, err := u.in.ReadString('\n'); got != expected+"\n" {
		u.t.Fatalf("got %q, %v, expected %q", got, err, expected)
	}
}

func (u *user) ask(line, expected string) {
	u.t.Helper()
	u.say(line)
	u.hear(expected)
}

func (u *user) hearEnd() {
	u.t.Helper()
	if got, err := u.in.ReadString('\n'); err != io.EOF || got != "" {
		u.t.Fatalf("got %q, %v, expected the end", got, err)
	}
}

// TestConversation has the ordinary things said: login, list, messages, a full house, the last
// words.
func TestConversation(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go newServer(3).accept(listener)
	address := listener.Addr().String()

	a, b := connect(t, address), connect(t, address)
	a.ask("HELLO-FROM a", "HELLO a")
	b.ask("HELLO-FROM b", "HELLO b")
	a.ask("LIST", "LIST-OK a,b") // PR9
	a.ask("SEND b hello  there", "SEND-OK")
	b.hear("DELIVERY a hello  there") // PR11
	b.say("SEND b to myself")
	b.hear("DELIVERY b to myself")
	b.hear("SEND-OK")                      // PR12
	a.ask("SEND c hello", "BAD-DEST-USER") // PR13
	a.ask("HELLO-FROM c", "BAD-RQST-HDR")  // PR6
	a.ask("SEND b", "BAD-RQST-BODY")       // PR17
	a.ask("LIST\nLIST", "LIST-OK a,b")     // two in one write
	a.hear("LIST-OK a,b")

	again, nameless := connect(t, address), connect(t, address)
	again.ask("HELLO-FROM a", "IN-USE") // PR5
	again.hearEnd()
	nameless.ask("HELLO-FROM", "BAD-RQST-BODY") // PR4
	nameless.hearEnd()

	c, d := connect(t, address), connect(t, address)
	c.ask("HELLO-FROM c", "HELLO c")
	d.ask("HELLO-FROM d", "BUSY") // PR15
	b.conn.(*net.TCPConn).CloseWrite()
	b.hearEnd()
	d.ask("HELLO-FROM d", "HELLO d") // TR3
	a.ask("LIST", "LIST-OK a,c,d")
}
