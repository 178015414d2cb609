package main

import (
	"bytes"
	"encoding/binary"
	"time"

	"chatd/poller"
	"chatd/state"

	"golang.org/x/sys/unix"
)

// A watchedKernel is the watch at the seam between the loop and the kernel.
type watchedKernel struct {
	*kernel
	w *watch
}

func (k watchedKernel) Wait(events []poller.Event, timeout time.Duration) (int, error) {
	k.w.endOfTurn(timeout)
	n, err := k.kernel.Wait(events, timeout)
	k.w.begin(events[:n], err != nil || n == len(events))
	return n, err
}

func (k watchedKernel) Accept(listener int) (int, error) {
	w := k.w
	if listener != listenerFD || w.stopping() || w.listener.paused || w.buried {
		w.fail("accept: stopping %v, paused %v, after a close %v", w.stopping(), w.listener.paused, w.buried)
	}
	fd, err := k.kernel.Accept(listener)
	w.accepts++
	w.room(fd, err)
	w.note("   accept: %d %v", fd, err)
	return fd, err
}

func (k watchedKernel) Reserve() (int, error) {
	fd, err := k.kernel.Reserve()
	k.w.spare = fd
	k.w.note("   spare: %d %v", fd, err)
	return fd, err
}

// Unsent is asked when a deadline for taking what is queued is set, and when it is due: whoever has
// taken something has a new one (D6).
func (k watchedKernel) Unsent(fd int) int {
	w := k.w
	v := w.view(fd)
	n := k.kernel.Unsent(fd)
	switch {
	case v.shut: // the linger time is over; at a stop it begins again until all is acknowledged (G18)
		if w.stopping() && n > 0 {
			v.since = w.kernel.clock
			w.effects++
		}
	case !v.queued || v.moved > 0:
		v.unsent = n
	case w.kernel.clock < w.deadline(v):
		w.fail("%s is asked what it has taken before its deadline, which is at %v", v.id, w.deadline(v))
	case n < v.unsent:
		v.since, v.unsent = w.kernel.clock, n
		w.effects++
	default:
		v.stalled = true
	}
	w.note("   %s has %d bytes unsent", v.id, n)
	return n
}

func (k watchedKernel) Add(id state.ID, interest poller.Readiness) error {
	w := k.w
	err := k.kernel.Add(id, interest)
	switch {
	case id.Slot() == listenerFD:
		w.listener.interest = interest
	case standsApart(id):
	case err == nil:
		for len(w.views) <= id.Slot() {
			w.views = append(w.views, nil)
		}
		v := &view{party: new(party), id: id, socket: k.files[id.Slot()].socket, interest: interest}
		v.standing, v.turn = stranger, w.counts.turns
		w.views[id.Slot()] = v
		for _, other := range w.all {
			if other.id == id {
				w.fail("%s is registered again: an ID is one connection's for ever", id)
			}
		}
		w.all = append(w.all, v)
	}
	w.note("   add %s: %v", id, err)
	return err
}

func (k watchedKernel) Modify(id state.ID, interest poller.Readiness) error {
	w := k.w
	err := k.kernel.Modify(id, interest)
	w.effects++
	if id.Slot() == listenerFD {
		w.listener.interest = interest
		return err
	}
	v := w.view(id.Slot())
	if v.id != id {
		w.fail("%s is modified, but the descriptor is %s's now", id, v.id)
	}
	if v.failed = err; err == nil {
		v.interest = interest
	}
	w.note("   %s armed for %q: %v", id, readinessName(interest), err)
	return err
}

func (k watchedKernel) Read(fd int, p []byte) (int, error) {
	w := k.w
	if fd == wakeFD {
		return w.readWake(p)
	}
	if fd == w.turned {
		return k.kernel.Read(fd, p)
	}
	v := w.view(fd)
	if w.interested(v)&poller.Readable == 0 || w.hasLine(v) || v.failed != nil || v.reads > 0 || w.buried {
		w.fail("%s is read: %d bytes pending, %d queued, %d replies owed, %d reads before in this turn",
			v.id, len(v.pending), v.queue(), v.waits, v.reads)
	}
	n, err := k.kernel.Read(fd, p)
	v.reads++
	switch {
	case err == nil:
		w.effects++
		v.ended = n == 0
		if !v.shut {
			v.pending = append(v.pending, p[:n]...)
			v.exhausted = v.exhausted && n == 0
		}
	case hard(err):
		v.failed = err
	}
	w.note("   %s reads %s %v", v.id, quote(p[:n]), err)
	return n, err
}

func (w *watch) readWake(p []byte) (int, error) {
	n, err := w.kernel.Read(wakeFD, p)
	if err != nil {
		return n, err
	}
	w.effects++
	if !w.stopping() {
		w.stopped.since = w.kernel.clock
		w.live(func(v *view) {
			v.pending = nil
			v.idle = w.interested(v) == poller.Readable && !v.shut && v.ready == 0 && v.ran == 0 && v.writes == 0 &&
				len(v.socket.out) == 0
		})
	}
	times := binary.NativeEndian.Uint64(p)
	w.stopped.times += times
	w.counts.stops += times
	w.note("   asked to stop %d times", times)
	return n, err
}

// Write holds every byte against the model. SEND-OK stands in said only after the last byte of its
// DELIVERY was taken, so that one which comes too early is not there yet (I6).
func (k watchedKernel) Write(fd int, p []byte) (int, error) {
	w := k.w
	if fd == w.turned {
		w.refused = string(p)
		return k.kernel.Write(fd, p)
	}
	v := w.view(fd)
	if v.shut || v.failed != nil || w.buried {
		w.fail("%s is written to after its end", v.id)
	}
	if v.full {
		w.fail("%s is written to, which took less than it was offered and has not been writable since", v.id)
	}
	if said := v.said[v.taken:]; len(p) == 0 || !bytes.HasPrefix(said, p) {
		w.fail("%s is told %s, where the model says %s", v.id, quote(p), quote(said))
	}
	n, err := k.kernel.Write(fd, p)
	v.full = n < len(p)
	v.writes++
	v.moved += n
	v.taken += n
	v.sated = v.moved >= share && v.queue() > 0
	w.effects += n
	if hard(err) {
		v.failed = err
	}
	w.note("   %s writes %d of %s %v", v.id, n, quote(p), err)
	return n, err
}

func (k watchedKernel) Shutdown(fd int) error {
	w := k.w
	if fd == w.turned {
		return k.kernel.Shutdown(fd)
	}
	v := w.view(fd)
	if v.queue() > 0 || !v.left && !v.dismissed {
		w.fail("%s is shut with %d bytes queued", v.id, v.queue())
	}
	w.effects++
	if v.failed = k.kernel.Shutdown(fd); v.failed == nil {
		v.shut, v.since = true, w.kernel.clock
	}
	w.note("   %s is shut: %v", v.id, v.failed)
	return v.failed
}

func (k watchedKernel) Close(fd int) error {
	w := k.w
	w.effects++
	switch {
	case fd == w.spare:
		w.spare, w.spent = -1, true
	case fd == w.turned:
		if w.refused != refusal {
			w.fail("the client that was turned away was told %q", w.refused)
		}
		w.turned = -1
	case fd < len(w.views) && w.views[fd] != nil:
		v := w.views[fd]
		v.whole = w.mayClose(v)
		v.closed, w.views[fd] = true, nil
		w.buried = !w.stopping()
		w.note("   %s is closed", v.id)
	}
	return k.kernel.Close(fd)
}

// hard reports whether an error ends the connection.
func hard(err error) bool {
	return err != nil && err != unix.EAGAIN && err != unix.EINTR && err != unix.ENOBUFS && err != unix.ENOMEM
}
