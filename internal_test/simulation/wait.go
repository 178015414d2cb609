package main

import (
	"slices"
	"time"

	"chatd/poller"
	"chatd/state"

	"golang.org/x/sys/unix"
)

func (k *kernel) Wait(events []poller.Event, timeout time.Duration) (int, error) {
	k.between()
	end := never
	if timeout != poller.Forever {
		end = k.clock + timeout
	}
	if k.strikes(jump) {
		k.absence = time.Duration(k.dice.span(int(time.Hour)))
	}
	k.clock += k.absence
	k.absence = 0
	for {
		if k.strikes(interrupt) {
			return 0, unix.EINTR
		}
		k.giveUp()
		if n := k.report(events); n > 0 || k.clock >= end {
			return n, nil
		}
		if !k.asleep(end) {
			k.injected++
			return 0, unix.EINTR // so that the turn ends
		}
	}
}

// report fills a batch: of those that are ready the ones that have waited longest, in any order. With
// select and poll that is the order of descriptors, from where the last batch has ended and round
// again; with select nothing is reported unasked.
func (k *kernel) report(events []poller.Event) int {
	ready, unasked := k.ready[:0], poller.Ended
	if k.poller == "select" {
		unasked = 0
	}
	k.each(func(fd int, f *file) {
		if r := k.readiness(fd) & (f.interest | unasked); f.armed && r != 0 {
			ready = append(ready, poller.Event{ID: f.id, Ready: r})
		} else if f.armed && f.interest != 0 && k.strikes(spurious) {
			ready = append(ready, poller.Event{ID: f.id, Ready: f.interest})
		}
	})
	slices.SortStableFunc(ready, func(a, b poller.Event) int {
		return int(k.files[a.ID.Slot()].reported) - int(k.files[b.ID.Slot()].reported)
	})
	scans := k.poller == "select" || k.poller == "poll"
	if scans {
		slices.SortFunc(ready, func(a, b poller.Event) int { return k.ahead(a.ID) - k.ahead(b.ID) })
	}
	k.ready = ready
	n := min(len(ready), len(events))
	if n > 1 && k.strikes(fewEvents) {
		n = k.dice.span(n)
	}
	switch {
	case !scans:
		k.dice.Shuffle(n, func(i, j int) { ready[i], ready[j] = ready[j], ready[i] })
	case n > 0:
		k.last = ready[n-1].ID.Slot()
	}
	k.batches++
	for _, e := range ready[:n] {
		k.files[e.ID.Slot()].reported = k.batches
	}
	return copy(events, ready[:n])
}

// ahead is how far a descriptor is ahead of the last that a scan has reported.
func (k *kernel) ahead(id state.ID) int {
	return (id.Slot() - k.last - 1 + len(k.files)) % len(k.files)
}

func (k *kernel) readiness(fd int) (r poller.Readiness) {
	switch {
	case fd == listenerFD && len(k.backlog) > 0, fd == wakeFD && k.wakes > 0:
		return poller.Readable
	case k.files[fd].socket != nil:
		return k.files[fd].socket.ready()
	}
	return 0
}

// giveUp ends the connections whose client has been gone for too long.
func (k *kernel) giveUp() {
	k.each(func(_ int, f *file) {
		if s := f.socket; s != nil && s.cut != never && k.clock >= s.cut+vanishAfter {
			s.fail(unix.ETIMEDOUT)
		}
	})
}

// nextGiveUp is when giveUp has something to do again.
func (k *kernel) nextGiveUp() (next time.Duration) {
	next = never
	k.each(func(_ int, f *file) {
		if s := f.socket; s != nil && s.cut != never && !s.broken {
			next = min(next, s.cut+vanishAfter)
		}
	})
	return next
}
