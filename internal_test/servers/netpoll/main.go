// Netpoll is a chat server on github.com/cloudwego/netpoll: one event loop reads what has come into
// buffers of its own and gives each connection that has something to say a goroutine from a pool.
// The meaning of the lines is chatd's own package protocol; only the way in which bytes travel
// differs.
package main

import (
	"context"
	"log"

	"chatd/internal_test/servers/hub"

	"github.com/cloudwego/netpoll"
	"golang.org/x/sys/unix"
)

func main() {
	h, listener, err := hub.Start()
	if err != nil {
		log.Fatal(err)
	}
	if err := netpoll.Configure(netpoll.Config{PollerNum: 1}); err != nil {
		log.Fatal(err)
	}
	converted, err := netpoll.ConvertListener(listener)
	if err != nil {
		log.Fatal(err)
	}
	loop, err := netpoll.NewEventLoop(serve,
		netpoll.WithOnPrepare(func(conn netpoll.Connection) context.Context {
			return context.WithValue(context.Background(), key{}, open(h, conn))
		}),
		netpoll.WithOnDisconnect(func(ctx context.Context, _ netpoll.Connection) {
			h.Close(client(ctx).Client)
		}))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(loop.Serve(converted))
}

// A chatter is one connection with what the hub has for it.
type chatter struct {
	*hub.Client
	hub  *hub.Hub
	last bool // it has been told its last words
}

type key struct{}

func client(ctx context.Context) *chatter { return ctx.Value(key{}).(*chatter) }

func open(h *hub.Hub, conn netpoll.Connection) *chatter {
	return &chatter{Client: h.Open(writer{conn}), hub: h}
}

// A writer writes through netpoll.
type writer struct{ netpoll.Connection }

// Write hands text to the kernel. Flush offers it at once, waits for the event loop where the
// kernel has no room, and returns without an error only when nothing is left: so much is in the
// kernel's hands then as SEND-OK promises. Text is not copied if it is long, which does no harm as
// nothing refers to it after Flush.
func (w writer) Write(text []byte) (int, error) {
	if _, err := w.Writer().WriteBinary(text); err != nil {
		return 0, err
	}
	return len(text), w.Writer().Flush()
}

// serve carries out what a connection has to say. netpoll calls it for one piece after the other.
func serve(ctx context.Context, conn netpoll.Connection) error {
	in := conn.Reader()
	text, err := in.Next(in.Len())
	if err != nil {
		return err
	}
	c := client(ctx)
	if !c.last && c.hub.Input(c.Client, text) { // what comes after the last words is thrown away
		c.last = true
		unix.Shutdown(conn.(netpoll.Conn).Fd(), unix.SHUT_WR)
	}
	return in.Release()
}
