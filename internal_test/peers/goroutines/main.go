// Goroutines is a chat server as one writes it in Go without thinking about polling: each
// connection has a goroutine that reads its lines, carries them out and writes what follows from
// them. The meaning of the lines is chatd's own package protocol; only the way in which bytes
// travel differs.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"chatd/protocol"
	"chatd/state"
)

func main() {
	address := flag.String("address", "127.0.0.1", "address to listen on")
	port := flag.Int("port", 5378, "port, 0 for any free one")
	maxUsers := flag.Int("max-users", 1<<20, "users logged in at a time")
	flag.Parse()

	listener, err := net.Listen("tcp", net.JoinHostPort(*address, strconv.Itoa(*port)))
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("listening address=%v", listener.Addr())
	fmt.Fprintln(os.Stdout, "Server is on")
	newServer(*maxUsers).accept(listener)
}

// A server is what all connections share.
type server struct {
	mu      sync.Mutex // guards all below
	machine *protocol.Machine
	clients map[state.ID]*client
	free    []state.ID // IDs of connections that have gone, to be used in their next generation
	slots   int
}

func newServer(maxUsers int) *server {
	return &server{machine: protocol.NewMachine(maxUsers, 1<<20), clients: make(map[state.ID]*client)}
}

// accept serves all who come, until the listener is closed.
func (s *server) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		switch {
		case err == nil:
			go s.serve(conn)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			log.Print(err)
			time.Sleep(100 * time.Millisecond) // no descriptors, mostly
		}
	}
}

// A client is one connection. Its goroutine alone reads; whoever has something for it writes.
type client struct {
	id   state.ID
	conn net.Conn

	mu sync.Mutex // so that one line is written after the other

	frames []delivery // what the present line leads to
	text   []byte
}

// A delivery is a frame together with whom it goes to.
type delivery struct {
	protocol.Frame
	to *client // nil: gone
}

// serve serves one connection until it ends.
func (s *server) serve(conn net.Conn) {
	defer conn.Close()
	c := s.open(conn)
	defer s.close(c)
	in := bufio.NewReader(conn)
	for {
		piece, err := in.ReadSlice('\n')
		for len(piece) > 0 {
			n, last := s.input(c, piece)
			if last {
				linger(conn)
				return
			}
			piece = piece[n:]
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}

// input carries out what a client has said, and tells everybody who is to hear of it. last reports
// that the client has been told its last words.
func (s *server) input(c *client, piece []byte) (n int, last bool) {
	c.frames, c.text = c.frames[:0], c.text[:0]
	s.mu.Lock()
	n, frames := s.machine.Input(c.id, piece)
	c.take(s, frames)
	s.mu.Unlock()
	for i := 0; i < len(c.frames); i++ { // it may grow meanwhile
		d := c.frames[i]
		sent := d.to != nil && d.to.write(d.Text)
		last = last || d.Last != ""
		if d.Receipt == (protocol.Receipt{}) {
			continue
		}
		s.mu.Lock()
		c.take(s, s.machine.Settle(d.Receipt, sent))
		s.mu.Unlock()
	}
	return n, last
}

// take copies frames, which are good only until the machine is called again. The caller holds s.mu.
func (c *client) take(s *server, frames []protocol.Frame) {
	for _, f := range frames {
		if f.Shared == nil {
			start := len(c.text)
			c.text = append(c.text, f.Text...)
			f.Text = c.text[start:]
		}
		c.frames = append(c.frames, delivery{f, s.clients[f.To]})
	}
}

// write writes one frame. It returns when the kernel has taken it all, or never will.
func (c *client) write(text []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.conn.Write(text)
	return err == nil
}

// open gives a connection its ID.
func (s *server) open(conn net.Conn) *client {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &client{conn: conn}
	if last := len(s.free) - 1; last >= 0 {
		gone := s.free[last]
		s.free = s.free[:last]
		c.id = state.NewID(gone.Slot(), gone.Generation()+1)
	} else {
		c.id = state.NewID(s.slots, 1)
		s.slots++
	}
	s.clients[c.id] = c
	s.machine.Open(c.id)
	return c
}

// close takes the ID back.
func (s *server) close(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.machine.Close(c.id)
	delete(s.clients, c.id)
	s.free = append(s.free, c.id)
}

// linger lets the last words arrive: to close with unread input would send a reset.
func linger(conn net.Conn) {
	conn.(*net.TCPConn).CloseWrite()
	conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	io.CopyN(io.Discard, conn, 64<<10)
}
