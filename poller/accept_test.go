package poller_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"chatd/poller"
)

// A1, A3: there is no descriptor or no memory for another connection, while clients wait in the
// backlog. The listener would stay readable: it is left alone for 100 ms, users notice nothing, and
// the log has one line a second.
func TestA1A3WithoutRoomTheListenerIsPaused(t *testing.T) {
	for _, reason := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		t.Run(reason.Error(), func(t *testing.T) {
			const rounds = 12
			r := newRig(t)
			a := r.user("a")
			r.answer("accept", slices.Repeat([]error{reason}, rounds)...)
			waiting := []*client{r.k.Connect(), r.k.Connect(), r.k.Connect()}
			r.rest()
			for i := range rounds {
				if left := rounds - 1 - i; len(r.answers["accept"]) != left {
					t.Fatalf("after %d pauses accept4 will fail %d times more, expected %d", i, len(r.answers["accept"]), left)
				}
				r.sleeps(poller.AcceptPause)
				r.asks(a, "LIST\n", "LIST-OK a\n")
				r.pass(poller.AcceptPause)
			}
			for i, s := range waiting {
				r.asks(s, fmt.Sprintf("HELLO-FROM w%d\n", i), fmt.Sprintf("HELLO w%d\n", i))
			}
			r.logged("accepting is paused", 2) // in 1.2 s
			r.logged(reason.Error(), 2)
		})
	}
}

// A1: a pause ends even when a user's events keep the loop awake, and no earlier than it should.
func TestA1APauseHasItsLength(t *testing.T) {
	r := newRig(t)
	a := r.user("a")
	r.answer("accept", syscall.EMFILE)
	s := r.k.Connect()
	r.rest()
	for range 9 {
		r.k.Advance(poller.AcceptPause / 10)
		r.says(a, "LIST\n")
	}
	if s.FD != -1 {
		t.Fatal("accepted before the pause was over")
	}
	r.k.Advance(poller.AcceptPause / 10)
	r.says(a, "LIST\n")
	r.stays(s)
}

// A4: accept4 returns the error of one connection, or is interrupted. The next is accepted in the
// same turn, and the log says nothing.
func TestA4ABrokenConnectionIsSkipped(t *testing.T) {
	for _, reason := range []syscall.Errno{
		syscall.ECONNABORTED, syscall.EINTR, syscall.EPROTO, syscall.ENETDOWN, syscall.ENOPROTOOPT, syscall.EHOSTDOWN,
		syscall.ENONET, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EPERM, syscall.ETIMEDOUT,
	} {
		r := newRig(t)
		r.answer("accept", reason, reason)
		s := r.k.Connect()
		r.turn()
		r.stays(s)
		r.silent()
	}
}

// A4: an error of the listener itself does not go away. It must not turn the loop for ever.
func TestA4ABrokenListenerEndsTheLoop(t *testing.T) {
	for _, reason := range []syscall.Errno{syscall.EBADF, syscall.EFAULT, syscall.EINVAL, syscall.ENOTSOCK} {
		r := newRig(t)
		r.answer("accept", reason)
		r.k.Connect()
		if err := r.l.Run(); !errors.Is(err, reason) || !strings.Contains(err.Error(), "accept4") {
			t.Errorf("Run returned %v, expected accept4: %v", err, reason)
		}
	}
}

// A5: a client connects and resets before it is accepted.
func TestA5AResetInTheBacklogLeavesNoTrace(t *testing.T) {
	r := newRig(t)
	a := r.user("a")
	for range 100 {
		r.k.Connect().Reset()
	}
	r.rest()
	if r.l.Connections() != 1 {
		t.Errorf("%d connections, expected 1", r.l.Connections())
	}
	r.asks(a, "LIST\n", "LIST-OK a\n")
}

// A6: epoll_ctl has no room for a new connection. That one is closed, and the next has its
// descriptor, not its ID.
func TestA6AConnectionThatCannotBeAddedIsClosed(t *testing.T) {
	r := newRig(t)
	a := r.user("a")
	r.answer("add", syscall.ENOSPC, syscall.ENOMEM)
	first, second, s := r.k.Connect(), r.k.Connect(), r.k.Connect()
	r.rest()
	r.gone(first, second)
	if s.FD != a.FD+1 || s.ID.Generation() != 5 {
		t.Errorf("the next connection is %v, expected the third of slot %d", s.ID, a.FD+1)
	}
	r.asks(s, "HELLO-FROM s\nLIST\n", "HELLO s\nLIST-OK a,s\n")
	r.logged("cannot serve a connection", 1) // one line a second
}

// A6: epoll_ctl fails when the interest in a connection changes: it could never be written again.
// Its senders are told, without anything else having to happen.
func TestA6AConnectionWhoseInterestCannotChangeIsClosed(t *testing.T) {
	r := newRig(t)
	a, b := r.pair()
	stall(b, 0)
	r.answer("modify", nil, syscall.ENOMEM) // a is not read any more, and b is to be written
	r.says(a, "SEND b hello\n")
	r.gone(b)
	r.heard(a, "BAD-DEST-USER\n")
	r.asks(a, "LIST\n", "LIST-OK a\n")
	r.logged("cannot serve a connection", 1)
}

// A7: many connect in one moment. Accepting has a bound per turn, so that users are served in
// between.
func TestA7AcceptingIsBoundedPerTurn(t *testing.T) {
	r := newRig(t)
	a, b := r.pair()
	for range 5 * poller.AcceptsPerTurn {
		r.k.Connect()
	}
	for turn := 1; turn <= 5; turn++ {
		say(a, "SEND b hello\n")
		r.turn()
		if want := 2 + turn*poller.AcceptsPerTurn; r.l.Connections() != want {
			t.Fatalf("after %d turns %d connections, expected %d", turn, r.l.Connections(), want)
		}
		r.heard(b, "DELIVERY a hello\n")
	}
}

// A11: descriptor numbers may be far above the number of connections.
func TestA11HighDescriptors(t *testing.T) {
	r := newRig(t)
	a := r.user("a")
	for _, fd := range []int{5000, 1_000_000} {
		r.k.FirstFree = fd
		s := r.user(fmt.Sprint(fd))
		if s.FD != fd {
			t.Fatalf("the descriptor is %d; the test needs %d", s.FD, fd)
		}
		r.asks(s, "SEND a hello\n", "SEND-OK\n")
		r.heard(a, fmt.Sprintf("DELIVERY %d hello\n", fd))
		s.CloseWrite()
		r.rest()
		r.gone(s)
	}
}

// fillUp leaves so many descriptors free.
func (r *rig) fillUp(free int) {
	fd := 0
	for fd = 5; r.k.Find(fd) != nil; fd++ {
	}
	r.k.Limit = fd + free
}

// reserved checks that the loop has a reserve descriptor.
func (r *rig) reserved() {
	r.t.Helper()
	for _, s := range r.k.Sockets[5:] {
		if s != nil && s.Number == 0 {
			return
		}
	}
	r.t.Fatal("the loop has no reserve descriptor")
}

// A9: all descriptors are taken, most of them by clients that never log in. The oldest of these makes
// room, users never do, and no client stays in the backlog.
func TestA9TheOldestUnauthenticatedClientMakesRoom(t *testing.T) {
	r := newReserveRig(t)
	user := r.user("user")
	oldest, older, later := r.connect(), r.connect(), r.user("later")
	r.says(oldest, "HELLO-FR") // to speak is not to log in
	r.fillUp(0)
	first := r.k.Connect()
	r.rest()
	r.gone(oldest)
	r.stays(first, older, user, later)
	second, third := r.k.Connect(), r.k.Connect()
	r.rest()
	r.gone(older, first)
	r.ended("evicted", 3)
	r.asks(second, "HELLO-FROM second\nLIST\n", "HELLO second\nLIST-OK user,later,second\n")
	r.asks(third, "HELLO-FROM third\n", "HELLO third\n")
	r.logged("evicting", 1)
	r.reserved()
}

// A9: the last descriptor has been taken, and no client waits. accept4 returns EMFILE all the same,
// and that is no reason to evict a client.
func TestA9NoClientIsEvictedForNone(t *testing.T) {
	r := newReserveRig(t)
	silent := r.connect()
	r.fillUp(1)
	last := r.connect()
	r.stays(silent, last)
	r.reserved()
	r.logged("no descriptor left", 0)
}

// A9: more clients than there are descriptors come in one moment. The first of them make room for the
// last, in the turn in which they came as in any other.
func TestA9ClientsOfOneTurn(t *testing.T) {
	r := newReserveRig(t)
	user := r.user("user")
	r.fillUp(2)
	crowd := []*client{r.k.Connect(), r.k.Connect(), r.k.Connect(), r.k.Connect()}
	r.rest()
	r.gone(crowd[0], crowd[1])
	r.ended("evicted", 2)
	r.says(crowd[3], "HELLO-FROM x\n")
	r.heard(crowd[3], "HELLO x\n")
	r.asks(user, "LIST\n", "LIST-OK user,x\n")
}

// A9, D13: a connection that lingers has been told all that it will be told. It goes before a client
// that may still log in.
func TestA9ALingeringConnectionGoesFirst(t *testing.T) {
	r := newReserveRig(t)
	silent, lingers := r.connect(), r.connect()
	r.says(lingers, "nonsense\n")
	r.fillUp(0)
	r.connect()
	r.gone(lingers)
	r.stays(silent)
}

// A1: all descriptors are taken, and by users. The next client is told BUSY on the reserve descriptor,
// whatever it has said; the loop does not turn without end, and the log has one line a second.
func TestA1AClientIsTurnedAway(t *testing.T) {
	r := newReserveRig(t)
	user := r.user("user")
	r.fillUp(0)
	for range 5 {
		s := r.k.Connect()
		say(s, "HELLO-FROM x\n")
		r.rest()
		r.gone(s)
		r.heard(s, "BUSY\n")
		if !s.Finished() {
			t.Error("the end was a reset")
		}
		r.reserved()
	}
	r.ended("refused", 5)
	r.logged("rejecting clients", 1)
	r.asks(user, "LIST\n", "LIST-OK user\n")
}

// A1: there is not even the reserve descriptor. The listener is paused, and the reserve is taken again
// when there is room.
func TestA1WithoutAReserveTheListenerIsPaused(t *testing.T) {
	r := newReserveRig(t)
	r.user("user")
	r.k.Limit = 5
	late := r.connect()
	if late.FD != -1 {
		t.Fatal("a client was accepted without a descriptor")
	}
	r.sleeps(poller.AcceptPause)
	r.k.Limit = 0
	r.pass(poller.AcceptPause)
	r.asks(late, "HELLO-FROM late\n", "HELLO late\n")
	r.reserved()
}
