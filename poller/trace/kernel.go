package trace

import (
	"time"

	"chatd/poller"
	"chatd/state"
)

// A kernel is the decorator at the seam between the loop and the kernel. What it has no method for
// passes unseen.
type kernel struct {
	poller.Kernel
	r *recorder
}

// Wait is where one turn ends and the next begins. What is known of the turn is written in between,
// at nobody's expense but the sleep's.
func (k kernel) Wait(events []poller.Event, timeout time.Duration) (int, error) {
	k.r.finish()
	start := k.r.now()
	n, err := k.Kernel.Wait(events, timeout)
	k.r.begin(start, events[:max(n, 0)], err)
	return n, err
}

func (k kernel) Accept(listener int) (int, error) {
	start := k.r.now()
	fd, err := k.Kernel.Accept(listener)
	if err == nil {
		k.r.arrives(fd)
	}
	k.r.tell(event{call: accept, who: k.r.at(listener), start: start, fd: fd, err: err})
	return fd, err
}

func (k kernel) Read(fd int, p []byte) (int, error) {
	start := k.r.now()
	n, err := k.Kernel.Read(fd, p)
	k.r.tell(event{call: read, who: k.r.at(fd), start: start, n: n, of: len(p), bytes: p[:max(n, 0)], err: err})
	return n, err
}

func (k kernel) Write(fd int, p []byte) (int, error) {
	k.r.count() // before, or what is queued and written in one turn would never show
	start := k.r.now()
	n, err := k.Kernel.Write(fd, p)
	who := k.r.at(fd)
	k.r.tell(event{
		call: write, who: who, start: start, n: n, of: len(p), bytes: p[:max(n, 0)], err: err,
		steps: k.r.taken(who, max(n, 0)),
	})
	k.r.count()
	return n, err
}

func (k kernel) Shutdown(fd int) error {
	start := k.r.now()
	err := k.Kernel.Shutdown(fd)
	k.r.tell(event{call: shutdown, who: k.r.at(fd), start: start, err: err})
	return err
}

func (k kernel) Close(fd int) error {
	start := k.r.now()
	err := k.Kernel.Close(fd)
	who := k.r.at(fd)
	k.r.tell(event{call: closed, who: who, start: start, err: err, steps: k.r.goes(who)})
	k.r.count()
	return err
}

func (k kernel) Reserve() (int, error) {
	fd, err := k.Kernel.Reserve()
	if err == nil {
		k.r.stands(fd, "spare")
	}
	return fd, err
}

func (k kernel) Add(id state.ID, interest poller.Readiness) error {
	start := k.r.now()
	err := k.Kernel.Add(id, interest)
	k.r.tell(event{call: armed, who: k.r.admit(id), start: start, interest: interest, err: err})
	return err
}

func (k kernel) Modify(id state.ID, interest poller.Readiness) error {
	start := k.r.now()
	err := k.Kernel.Modify(id, interest)
	k.r.tell(event{call: armed, who: k.r.at(id.Slot()), start: start, interest: interest, err: err})
	return err
}
