// Goroutines is a chat server as one writes it in Go without thinking about polling: each
// connection has a goroutine that reads its lines, carries them out and writes what follows from
// them. The meaning of the lines is chatd's own package protocol; only the way in which bytes
// travel differs.
package main

import (
	"errors"
	"io"
	"log"
	"net"
	"time"

	"chatd/internal_test/servers/hub"
)

func main() {
	h, listener, err := hub.Start()
	if err != nil {
		log.Fatal(err)
	}
	for {
		conn, err := listener.Accept()
		switch {
		case err == nil:
			go serve(h, conn)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			log.Print(err)
			time.Sleep(100 * time.Millisecond) // no descriptors, mostly
		}
	}
}

// serve serves one connection until it ends. Write of a net.Conn returns when the kernel has taken
// all, however long that takes.
func serve(h *hub.Hub, conn net.Conn) {
	defer conn.Close()
	c := h.Open(conn)
	defer h.Close(c)
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		if h.Input(c, buffer[:n]) {
			linger(conn)
			return
		}
		if err != nil {
			return
		}
	}
}

// linger lets the last words arrive: to close with unread input would send a reset.
func linger(conn net.Conn) {
	conn.(*net.TCPConn).CloseWrite()
	conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	io.CopyN(io.Discard, conn, 64<<10)
}
