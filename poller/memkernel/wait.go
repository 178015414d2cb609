package memkernel

import (
	"slices"
	"time"

	"chatd/poller"
)

// Wait looks for what is ready, and sleeps while that is nothing.
func (k *Kernel) Wait(events []poller.Event, timeout time.Duration) (int, error) {
	until := Never
	if timeout >= 0 && timeout < Never-k.now {
		until = k.now + timeout
	}
	k.slept = 0
	n, err := k.do(Call{Name: "wait", FD: -1, Timeout: timeout}, func(*Socket) (n int, err error) {
		for again := true; again; again = n == 0 && err == nil && k.now < until && k.idle(until) {
			n, err = k.report(events)
		}
		k.call.Name, k.call.Events = "wait", events[:n]
		return n, err
	})
	if n == 0 && err == nil {
		k.slept = timeout
	}
	return n, err
}

// Slept is the timeout of the last Wait if it found nothing: the loop has nothing left to do but to
// sleep so long. Otherwise it is 0.
func (k *Kernel) Slept() time.Duration { return k.slept }

func (k *Kernel) idle(until time.Duration) bool {
	if k.Idle != nil {
		return k.Idle(until)
	}
	next := min(until, k.NextExpiry())
	if next < Never {
		k.now = next
	}
	return next < Never
}

// report is one look: it finds what is ready and has the hook agree.
func (k *Kernel) report(events []poller.Event) (int, error) {
	k.expire()
	k.batch, k.found = k.batch[:0], k.found[:0]
	if k.scans() {
		k.scan(len(events))
	} else {
		k.collect(len(events))
	}
	c := &k.call
	if c.Name, c.Events = "report", k.batch; k.Before != nil {
		k.Before(c)
	}
	n := copy(events, c.Events)
	if c.Err != nil {
		n = 0
	}
	if n > 0 {
		k.last = events[n-1].ID.Slot()
	}
	for _, s := range k.found { // what was left out goes before what was reported
		if !slices.ContainsFunc(events[:n], func(e poller.Event) bool { return e.ID == s.ID }) {
			k.changed(s)
		}
	}
	for _, s := range k.found {
		k.changed(s)
	}
	return n, c.Err
}

// scans reports whether Wait goes through all descriptors, as poll(2) and select(2) do: from behind
// the last that was reported and round again, so that each has its turn.
func (k *Kernel) scans() bool { return k.Method == "poll" || k.Method == "select" }

func (k *Kernel) scan(most int) {
	for i := range k.Sockets {
		s := k.Sockets[(k.last+1+i)%len(k.Sockets)]
		if s != nil && len(k.batch) < most {
			k.offer(s)
		}
	}
}

// collect goes through the ready list from its head. An entry says only that something happened to
// the descriptor: what is not ready when Wait looks leaves the list. What is reported goes to the
// end of it and is looked at again, which makes the events level-triggered (epoll(7);
// fs/eventpoll.c, ep_send_events).
func (k *Kernel) collect(most int) {
	looked := 0
	for ; looked < len(k.Ready) && len(k.batch) < most; looked++ {
		k.Ready[looked].queued = false
		k.offer(k.Ready[looked])
	}
	k.Ready = slices.Delete(k.Ready, 0, looked)
}

// offer puts a socket into the batch if it has something to report.
func (k *Kernel) offer(s *Socket) {
	if r := s.due(); r != 0 {
		k.batch = append(k.batch, poller.Event{ID: s.ID, Ready: r})
		k.found = append(k.found, s)
	}
}

// changed puts a socket that is ready at the end of the ready list.
func (k *Kernel) changed(s *Socket) {
	if !s.queued && s.due() != 0 && !k.scans() {
		s.queued = true
		k.Ready = append(k.Ready, s)
	}
}
