package main

import (
	"encoding/binary"
	"math"
	"time"

	"chatd/poller"
	"chatd/state"

	"golang.org/x/sys/unix"
)

// Descriptors of the two that are no connection's.
const (
	listenerFD = 3
	wakeFD     = 4
)

// never is later than everything.
const never time.Duration = math.MaxInt64

// A kernel is a poller.Kernel in memory, in which everything that may happen happens because the
// dice say so. It follows the rules that programs come to depend on: the lowest free descriptor is
// given out next, readiness is level-triggered, buffers are bounded, Ended is reported unasked, and
// what is ready and was not reported comes first the next time. In what is reported it can follow
// select or poll instead of epoll.
type kernel struct {
	*figures
	dice     dice
	clock    time.Duration
	absence  time.Duration // by how much the clock will have moved on during the next wait (B13)
	files    []file        // by descriptor
	backlog  []*socket
	wakes    uint64 // counter of the eventfd
	spell    int    // calls of accept that the table stays full
	spellErr error
	batches  uint64
	last     int            // the descriptor that was reported last
	ready    []poller.Event // room for a batch
	injected int            // faults of the kernel's own making, so far

	// The world outside. between lets it act between two system calls; asleep lets it act while the
	// loop sleeps, until the limit at most, and reports false when nothing will ever happen any
	// more.
	between func()
	asleep  func(limit time.Duration) bool
}

// A file is what stands behind a descriptor.
type file struct {
	open     bool
	socket   *socket // nil: the listener, the wake or the spare
	spare    bool    // good for nothing but to be given up
	armed    bool    // registered
	id       state.ID
	interest poller.Readiness
	reported uint64 // the last batch that it was in
}

func newKernel(f *figures) *kernel {
	k := &kernel{figures: f, dice: newDice(f.seed, 0, &f.rates), files: make([]file, f.firstFree)}
	for fd := range k.files {
		k.files[fd].open = true
	}
	return k
}

// strikes reports whether a fault comes now, and counts it.
func (k *kernel) strikes(f fault) bool {
	if !k.dice.strikes(f) {
		return false
	}
	k.injected++
	return true
}

func (k *kernel) Accept(int) (int, error) {
	k.between()
	if k.spell == 0 && k.strikes(tableFull) {
		k.spell = k.dice.span(8)
		k.spellErr = []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM}[k.dice.IntN(4)]
	}
	fd := k.lowestFree()
	switch {
	case k.spell > 0:
		k.spell--
		k.injected++
		return -1, k.spellErr
	case k.strikes(interrupt):
		return -1, unix.EINTR
	case k.full(fd): // before the backlog is looked at, as accept(2) does
		return -1, unix.EMFILE
	case len(k.backlog) == 0:
		return -1, unix.EAGAIN
	}
	s := k.backlog[0]
	k.backlog = k.backlog[1:]
	if k.strikes(aborted) {
		s.refuse()
		return -1, []error{unix.ECONNABORTED, unix.EPROTO, unix.EPERM}[k.dice.IntN(3)]
	}
	k.files[fd] = file{open: true, socket: s}
	return fd, nil
}

// full reports whether a descriptor is above the limit.
func (k *kernel) full(fd int) bool { return fd >= k.firstFree+k.descriptors }

func (k *kernel) lowestFree() int {
	for fd := k.firstFree; fd < len(k.files); fd++ {
		if !k.files[fd].open {
			return fd
		}
	}
	k.files = append(k.files, file{})
	return len(k.files) - 1
}

func (k *kernel) Read(fd int, p []byte) (int, error) {
	k.between()
	switch {
	case k.strikes(interrupt):
		return 0, unix.EINTR
	case k.strikes(spurious):
		return 0, unix.EAGAIN
	case fd == wakeFD && k.wakes == 0:
		return 0, unix.EAGAIN
	case fd == wakeFD:
		binary.NativeEndian.PutUint64(p, k.wakes)
		k.wakes = 0
		return 8, nil
	case k.strikes(shortRead):
		p = p[:k.dice.span(len(p))]
	}
	return k.files[fd].socket.read(p)
}

func (k *kernel) Write(fd int, p []byte) (int, error) {
	k.between()
	switch {
	case k.strikes(interrupt):
		return 0, unix.EINTR
	case k.strikes(spurious):
		return 0, unix.EAGAIN
	case k.strikes(noBuffers):
		return 0, unix.ENOBUFS
	case k.strikes(shortWrite):
		p = p[:k.dice.span(len(p))]
	}
	return k.files[fd].socket.write(p, k.clock)
}

func (k *kernel) Shutdown(fd int) error {
	k.between()
	return k.files[fd].socket.shutdown()
}

// Close gives the descriptor back, also when it is interrupted (close(2)).
func (k *kernel) Close(fd int) error {
	k.between()
	if s := k.files[fd].socket; s != nil {
		s.close()
	}
	if fd == listenerFD {
		for _, s := range k.backlog {
			s.refuse()
		}
	}
	k.files[fd] = file{}
	if k.strikes(interrupt) {
		return unix.EINTR
	}
	return nil
}

func (k *kernel) Add(id state.ID, interest poller.Readiness) error {
	k.between()
	f := &k.files[id.Slot()]
	if f.socket != nil && k.strikes(addFails) {
		return unix.ENOSPC
	}
	f.armed, f.id, f.interest = true, id, interest
	return nil
}

func (k *kernel) Modify(id state.ID, interest poller.Readiness) error {
	k.between()
	f := &k.files[id.Slot()]
	if f.socket != nil && k.strikes(modifyFails) {
		return unix.ENOMEM
	}
	f.id, f.interest = id, interest
	return nil
}

func (k *kernel) Reserve() (int, error) {
	k.between()
	fd := k.lowestFree()
	if k.full(fd) || k.spell > 0 {
		return -1, unix.EMFILE
	}
	k.files[fd] = file{open: true, spare: true}
	return fd, nil
}

func (k *kernel) Unsent(fd int) int {
	k.between()
	return len(k.files[fd].socket.out)
}

func (k *kernel) Now() time.Duration { return k.clock }

func (k *kernel) Peer(int) string {
	k.between()
	return ""
}

// exit closes what the process leaves open.
func (k *kernel) exit() {
	k.each(func(_ int, f *file) {
		if f.socket != nil {
			f.socket.close()
		}
	})
}

// each visits the descriptors that may be in use: the loop's own two, and those of connections.
func (k *kernel) each(visit func(fd int, f *file)) {
	visit(listenerFD, &k.files[listenerFD])
	visit(wakeFD, &k.files[wakeFD])
	for fd := k.firstFree; fd < len(k.files); fd++ {
		visit(fd, &k.files[fd])
	}
}
