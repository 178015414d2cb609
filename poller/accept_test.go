package poller

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A1, A3: there is no descriptor or no memory for another connection, while clients wait in the
// backlog. The listener would stay readable: it is left alone for 100 ms, users notice nothing, and
// the log has one line a second.
func TestA1A3WithoutRoomTheListenerIsPaused(t *testing.T) {
	for _, reason := range []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM} {
		t.Run(unix.ErrnoName(reason.(unix.Errno)), func(t *testing.T) {
			const rounds = 12
			r := newRig(t)
			a := r.user("a")
			r.k.fail["accept"] = slices.Repeat([]error{reason}, rounds)
			waiting := []*socket{r.k.connect(), r.k.connect(), r.k.connect()}
			r.rest()
			for i := range rounds {
				if left := rounds - 1 - i; len(r.k.fail["accept"]) != left {
					t.Fatalf("after %d pauses accept4 will fail %d times more, expected %d",
						i, len(r.k.fail["accept"]), left)
				}
				if r.k.slept != acceptPause {
					t.Fatalf("with the listener paused the loop sleeps for %v, expected %v", r.k.slept, acceptPause)
				}
				r.says(a, "LIST\n")
				r.heard(a, "LIST-OK a\n")
				r.pass(acceptPause)
			}
			for i, s := range waiting {
				r.says(s, fmt.Sprintf("HELLO-FROM w%d\n", i))
				r.heard(s, fmt.Sprintf("HELLO w%d\n", i))
			}
			r.logged("not accepting for a moment", 2) // in 1.2 s
			r.logged(strings.ReplaceAll(reason.Error(), `"`, ``), 2)
		})
	}
}

// A1: a pause ends even when somebody's event keeps the loop awake, and no earlier than it should.
func TestA1APauseHasItsLength(t *testing.T) {
	r := newRig(t)
	a := r.user("a")
	r.k.fail["accept"] = []error{unix.EMFILE}
	s := r.k.connect()
	r.rest()
	for range 9 {
		r.k.now += acceptPause / 10
		r.says(a, "LIST\n")
	}
	if s.fd != -1 {
		t.Fatal("accepted before the pause was over")
	}
	r.k.now += acceptPause / 10
	r.says(a, "LIST\n")
	if s.fd == -1 {
		t.Fatal("not accepted when the pause was over")
	}
}

// A4: accept4 hands out the error of one connection, or is interrupted. That one is skipped, and
// the next is accepted in the same turn.
func TestA4ABrokenConnectionIsSkipped(t *testing.T) {
	for _, reason := range []error{
		unix.ECONNABORTED, unix.EINTR, unix.EPROTO, unix.ENETDOWN, unix.ENOPROTOOPT, unix.EHOSTDOWN,
		unix.ENONET, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EPERM, unix.ETIMEDOUT,
	} {
		r := newRig(t)
		r.k.fail["accept"] = []error{reason, reason}
		s := r.k.connect()
		r.turn()
		if s.fd == -1 {
			t.Errorf("after %v the next connection was not accepted in the same turn", reason)
		}
		if r.log.Len() > 0 {
			t.Errorf("after %v the log says %q, expected nothing", reason, r.log.String())
		}
	}
}

// A4: an error of the listener itself does not go away. The process must not turn on it for ever.
func TestA4ABrokenListenerEndsTheLoop(t *testing.T) {
	for _, reason := range []error{unix.EBADF, unix.EFAULT, unix.EINVAL, unix.ENOTSOCK} {
		r := newRig(t)
		r.k.fail["accept"] = []error{reason}
		r.k.connect()
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
		s := r.k.connect()
		s.reset = true
	}
	r.rest()
	if r.l.count != 1 {
		t.Errorf("%d connections, expected 1", r.l.count)
	}
	r.says(a, "LIST\n")
	r.heard(a, "LIST-OK a\n")
}

// A6: epoll_ctl has no room for a new connection. That one is closed, and the next has its
// descriptor, not its ID.
func TestA6AConnectionThatCannotBeAddedIsClosed(t *testing.T) {
	r := newRig(t)
	a := r.user("a")
	r.k.fail["add"] = []error{unix.ENOSPC, unix.ENOMEM}
	lost, also, s := r.k.connect(), r.k.connect(), r.k.connect()
	r.rest()
	r.gone(lost)
	r.gone(also)
	if s.fd != a.fd+1 || s.id.Generation() != 5 {
		t.Errorf("the next connection is %v, expected the third of slot %d", s.id, a.fd+1)
	}
	r.says(s, "HELLO-FROM s\nLIST\n")
	r.heard(s, "HELLO s\nLIST-OK a,s\n")
	r.logged("cannot serve a connection", 1) // one line a second
}

// A6: epoll_ctl fails when the interest in a connection changes: it could never be written again.
// Who waits for its receipts is told, without anything else having to happen.
func TestA6AConnectionThatCannotBeArmedIsClosed(t *testing.T) {
	r := newRig(t)
	a, b := r.user("a"), r.user("b")
	b.room = 0
	r.k.fail["modify"] = []error{nil, unix.ENOMEM} // a is not read any more, and b is to be written
	r.says(a, "SEND b hello\n")
	r.gone(b)
	r.heard(a, "BAD-DEST-USER\n")
	r.says(a, "LIST\n")
	r.heard(a, "LIST-OK a\n")
	r.logged("cannot serve a connection", 1)
}

// A7: many connect in one moment. Accepting has a bound per turn, so that users are served in
// between.
func TestA7AcceptingIsBoundedPerTurn(t *testing.T) {
	r := newRig(t)
	a, b := r.user("a"), r.user("b")
	for range 5 * acceptsPerTurn {
		r.k.connect()
	}
	for turn := 1; turn <= 5; turn++ {
		a.say("SEND b hello\n")
		r.turn()
		if want := 2 + turn*acceptsPerTurn; r.l.count != want {
			t.Fatalf("after %d turns %d connections, expected %d", turn, r.l.count, want)
		}
		r.heard(b, "DELIVERY a hello\n")
	}
}

// A11: descriptor numbers may be far above the number of connections.
func TestA11HighDescriptors(t *testing.T) {
	r := newRig(t)
	a := r.user("a")
	for _, lowest := range []int{5000, 1_000_000} {
		r.k.lowest = lowest
		s := r.user(fmt.Sprint(lowest))
		r.says(s, "SEND a hello\n")
		r.heard(s, "SEND-OK\n")
		r.heard(a, fmt.Sprintf("DELIVERY %d hello\n", lowest))
		s.eof = true
		r.rest()
		r.gone(s)
	}
}
