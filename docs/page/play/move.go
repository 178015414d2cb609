package play

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"chatd/poller"
	"chatd/poller/memkernel"
)

// Do makes one move:
//
//   - a client connects
//     a:text       client a types a line; a_text: without its line end
//     a|  a!  a?   it half-closes, resets, vanishes
//     a=           it stops reading, or reads again
//     full         the descriptor table becomes full, or has room again
//     .            the pending system call is made
//     !EAGAIN      it is made, and has this answer; !short:5, !order:b,listener,a
//     turn  run    steps are made to the next wait, or until the loop sleeps
//     to:write     or until the loop is about to make such a call
//     sleep        time passes until the loop wakes
func (r *Run) Do(move string) error {
	switch {
	case move == ".":
		return r.Step("")
	case move == "turn":
		return r.steps(func() bool { return r.Pending != nil && r.Pending.Name == "wait" })
	case move == "run":
		return r.steps(func() bool { return false })
	case strings.HasPrefix(move, "to:"):
		return r.steps(func() bool { return r.Pending != nil && r.Pending.Name == move[3:] })
	case move == "+":
		return r.connect()
	case move == "sleep":
		return r.Sleep()
	case move == "full":
		r.judge.excused = true
		if r.Kernel.Limit == 0 {
			r.Kernel.Limit = memkernel.Wake
		} else {
			r.Kernel.Limit = 0
		}
		return nil
	case len(move) > 1 && move[0] == '!':
		return r.Step(move[1:])
	case len(move) > 1 && move[0] >= 'a' && int(move[0]-'a') < len(r.Clients):
		if r.Broken != nil {
			return errors.New("a promise is broken: go back, or start again")
		}
		return r.Clients[move[0]-'a'].act(move[1], move[2:])
	case len(move) > 1 && move[0] >= 'a' && move[0] < 'a'+maxClients:
		return fmt.Errorf("there is no client %q", move[:1])
	}
	return fmt.Errorf("%.40q is no move", move)
}

// Stuck reports whether there is no step to make.
func (r *Run) Stuck() bool { return r.Broken != nil || r.Ended != "" || r.Asleep() && !r.ready() }

const maxSteps = 5000 // that one move makes

// steps makes steps until the loop sleeps, a promise is broken, or done.
func (r *Run) steps(done func() bool) error {
	for range maxSteps {
		if r.Stuck() {
			return nil
		}
		if err := r.Step(""); err != nil {
			return err
		}
		if done() {
			return nil
		}
	}
	return fmt.Errorf("%d calls, and the loop does not sleep", maxSteps)
}

var errnos = map[string]syscall.Errno{
	"EAGAIN": syscall.EAGAIN, "EINTR": syscall.EINTR, "ECONNRESET": syscall.ECONNRESET, "EMFILE": syscall.EMFILE,
	"ECONNABORTED": syscall.ECONNABORTED, "ENOMEM": syscall.ENOMEM, "EPIPE": syscall.EPIPE, "ENOTCONN": syscall.ENOTCONN,
	"EBADF": syscall.EBADF, "ETIMEDOUT": syscall.ETIMEDOUT,
}

// Answers are those that the player can give to the pending call: names of errors, "short:N" with the
// largest N, "order:" with the sources of the batch.
func (r *Run) Answers() []string {
	c := r.Pending
	if c == nil {
		if batch := r.Batch(); r.Asleep() && len(batch) > 1 { // the wait is about to return
			return []string{"order:" + strings.Join(batch, ",")}
		}
		return nil
	}
	switch c.Name {
	case "accept":
		return []string{"EAGAIN", "EINTR", "ECONNABORTED", "EMFILE"}
	case "read":
		var answers []string
		if s := r.Kernel.Find(c.FD); s != nil && len(s.Received) > 1 {
			answers = []string{"short:" + strconv.Itoa(len(s.Received)-1)}
		}
		return append(answers, "EAGAIN", "EINTR", "ECONNRESET")
	case "write":
		var answers []string
		if s := r.Kernel.Find(c.FD); s != nil {
			if most := min(len(c.Data), s.Buffers.Send-len(s.Sending)) - 1; most > 0 {
				answers = []string{"short:" + strconv.Itoa(most)}
			}
		}
		return append(answers, "EAGAIN", "EINTR", "EPIPE")
	case "wait":
		if batch := r.Batch(); len(batch) > 1 {
			return []string{"order:" + strings.Join(batch, ","), "EINTR"}
		}
		return []string{"EINTR"}
	case "reserve":
		return []string{"EMFILE"}
	case "add", "modify":
		if c.FD != memkernel.Listener { // without a listener the process ends, as it should
			return []string{"ENOMEM"}
		}
	}
	return nil
}

// allows reports whether an offered answer covers the one that was given.
func allows(offered, given string) bool {
	kind, most, _ := strings.Cut(offered, ":")
	givenKind, value, hasValue := strings.Cut(given, ":")
	if kind != givenKind {
		return false
	}
	switch kind {
	case "short":
		n, err := strconv.Atoi(value)
		limit, _ := strconv.Atoi(most)
		return err == nil && n > 0 && n <= limit
	case "order":
		for _, name := range strings.Split(value, ",") {
			if !slices.Contains(strings.Split(most, ","), name) {
				return false
			}
		}
		return true
	}
	return !hasValue
}

// Batch is what a wait would report now, in its order.
func (r *Run) Batch() (names []string) {
	if r.Method == "epoll" {
		for _, s := range r.Kernel.Ready {
			if s.FD >= 0 && r.Due(s) != 0 {
				names = append(names, r.NameOf(s.FD))
			}
		}
		return names
	}
	for fd, s := range r.Kernel.Sockets {
		if s != nil && r.Due(s) != 0 {
			names = append(names, r.NameOf(fd))
		}
	}
	return names
}

// NameOf names what is behind a descriptor: a client's letter, or listener, wake, idle, reserve.
func (r *Run) NameOf(fd int) string {
	switch s := r.Kernel.Find(fd); {
	case fd == memkernel.Listener:
		return "listener"
	case fd == memkernel.Wake:
		return "wake"
	case s == nil:
		return "closed"
	case s.Number == 0:
		return "reserve"
	case s.Number <= r.Idle:
		return "idle"
	default:
		return r.Clients[s.Number-r.Idle-1].Letter
	}
}

// applyAnswer gives the call the player's answer.
func (r *Run) applyAnswer(c *memkernel.Call) {
	kind, value, _ := strings.Cut(r.answer, ":")
	r.injected = r.answer != ""
	switch kind {
	case "":
	case "short":
		n, _ := strconv.Atoi(value)
		c.Data = c.Data[:min(n, len(c.Data))]
	case "order": // when the batch is known
		return
	default:
		c.Err = errnos[kind]
	}
	r.answer = ""
}

// reorder puts the batch into the player's order. What is left out is reported by the next wait.
func (r *Run) reorder(c *memkernel.Call) {
	_, value, ok := strings.Cut(r.answer, "order:")
	if !ok {
		return
	}
	r.answer, r.injected = "", true
	var batch []poller.Event
	for _, name := range strings.Split(value, ",") {
		for _, e := range c.Events {
			if r.NameOf(e.ID.Slot()) == name && !slices.Contains(batch, e) {
				batch = append(batch, e)
			}
		}
	}
	c.Events = batch
}
