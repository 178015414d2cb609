package player

import (
	"errors"
	"io"
	"log/slog"
	"syscall"
	"time"

	"chatd/poller"
	"chatd/poller/memkernel"
	"chatd/protocol"
)

// Memory is the Backend of a loop over the in-memory kernel, in this goroutine: the whole server without
// a socket.
type Memory struct {
	Kernel *memkernel.Kernel
	Loop   *poller.Loop
}

// NewMemory makes the loop.
func NewMemory(limits protocol.Limits) (*Memory, error) {
	k := memkernel.New(memkernel.Options{
		Buffers: memkernel.Buffers{Receive: 64 << 10, Send: 64 << 10, Client: 64 << 10},
		Idle:    func(time.Duration) bool { return false },
	})
	loop, err := poller.NewLoop(poller.Config{
		Kernel: k, Machine: protocol.NewMachine(limits), Listeners: []int{memkernel.Listener}, Wake: memkernel.Wake,
		SendTimeout: time.Hour, BusyReply: protocol.BusyReply(), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	return &Memory{k, loop}, err
}

// Connect makes a connection in the backlog.
func (m *Memory) Connect(string) (Conn, error) { return memoryConn{m.Kernel.Connect()}, nil }

// Wait takes turns until the loop sleeps, and reports whether there were any.
func (m *Memory) Wait([]*Client, time.Duration) bool {
	for turns := 0; ; turns++ {
		if err := m.Loop.Turn(); err != nil || m.Kernel.Slept() != 0 {
			return err == nil && turns > 0
		}
	}
}

// Rest takes turns until the loop sleeps.
func (m *Memory) Rest() error {
	m.Wait(nil, 0)
	return nil
}

// A memoryConn is a client's end of a connection.
type memoryConn struct{ *memkernel.Socket }

func (c memoryConn) Write(p []byte) int {
	n, _ := c.Socket.Write(p)
	return n
}

func (c memoryConn) Read(p []byte) (int, error) {
	n, err := c.Socket.Read(p)
	if errors.Is(err, syscall.EAGAIN) {
		err = nil
	}
	return n, err
}

func (c memoryConn) Stall(bool) {}
