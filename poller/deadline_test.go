package poller

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// inOrder lists the connections that have a deadline, from both ends, which must agree.
func inOrder(t *testing.T, d *timeouts) (conns []*conn) {
	t.Helper()
	for k := d.first; k != nil; k = k.next {
		conns = append(conns, k.conn)
	}
	var back []*conn
	for k := d.last; k != nil; k = k.prev {
		back = append(back, k.conn)
	}
	slices.Reverse(back)
	if !slices.Equal(conns, back) {
		t.Fatalf("forwards there are %d deadlines, backwards %d or others", len(conns), len(back))
	}
	return conns
}

func TestDeadlinesFallDueInTheOrderInWhichTheyWereSet(t *testing.T) {
	d := timeouts{after: 10 * time.Second}
	if d.nearest() != never {
		t.Fatalf("without a deadline the nearest is %v, expected never", d.nearest())
	}
	a, b, c := new(conn), new(conn), new(conn)
	for i, set := range []*conn{a, b, c} {
		d.set(set, time.Duration(i)*time.Second)
	}
	if d.first.conn != a || d.nearest() != 10*time.Second {
		t.Fatalf("the nearest deadline is %v, expected that of the first, 10s", d.nearest())
	}
	d.set(a, 5*time.Second) // moved
	if got := inOrder(t, &d); !slices.Equal(got, []*conn{b, c, a}) {
		t.Fatalf("after the first was moved there are %d deadlines, or in another order", len(got))
	}
	if d.nearest() != 11*time.Second || a.timeout.at != 15*time.Second {
		t.Fatalf("the nearest is %v and the moved one %v, expected 11s and 15s", d.nearest(), a.timeout.at)
	}
}

func TestADeadlineOfAnotherKindTakesThePlaceOfTheFirst(t *testing.T) {
	stuck, linger := timeouts{after: time.Minute}, timeouts{after: time.Second}
	c := new(conn)
	stuck.set(c, 0)
	linger.set(c, 0)
	if stuck.nearest() != never || linger.nearest() != time.Second || c.timeout.list != &linger.list {
		t.Fatalf("nearest of the two kinds: %v and %v, expected never and 1s", stuck.nearest(), linger.nearest())
	}
	c.timeout.remove()
	c.timeout.remove() // a connection without a deadline has nothing to take back
	if linger.nearest() != never || c.timeout.list != nil {
		t.Fatalf("after cancel the nearest deadline is %v, expected never", linger.nearest())
	}
}

// Setting, moving and taking back at random places keeps the order of a plain list.
func TestDeadlinesAgreeWithAList(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	d := timeouts{after: time.Second}
	conns := make([]conn, 6)
	var model []*conn
	for step := range 2000 {
		c := &conns[random.IntN(len(conns))]
		model = slices.DeleteFunc(model, func(m *conn) bool { return m == c })
		if random.IntN(3) > 0 {
			d.set(c, time.Duration(step))
			model = append(model, c)
		} else {
			c.timeout.remove()
		}
		if got := inOrder(t, &d); !slices.Equal(got, model) {
			t.Fatalf("step %d: %d deadlines, expected %d in the order of the list", step, len(got), len(model))
		}
	}
}

// B15: a timeout that is rounded down to 0 ms makes the loop turn without end until it is over.
func TestB15TimeoutsAreRoundedUp(t *testing.T) {
	for _, test := range []struct {
		timeout time.Duration
		want    int
	}{
		{Forever, -1},
		{0, 0},
		{1, 1},
		{400 * time.Microsecond, 1},
		{time.Millisecond, 1},
		{time.Millisecond + 1, 2},
		{sendTimeout, 30_000},
		{365 * 24 * time.Hour, math.MaxInt32},
	} {
		if got := milliseconds(test.timeout); got != test.want {
			t.Errorf("milliseconds(%v) = %d, expected %d", test.timeout, got, test.want)
		}
	}
}

// B15: with a deadline 0.4 ms ahead the loop sleeps once, and then keeps it; one that is past does
// not make it sleep at all.
func TestB15ADeadlineUnderAMillisecondTakesOneSleep(t *testing.T) {
	r := newRig(t)
	s := r.connect()
	r.says(s, "\n") // not a login: last words, then the connection lingers
	r.pass(lingerFor - 400*time.Microsecond)
	if r.k.slept != 400*time.Microsecond {
		t.Fatalf("the loop sleeps for %v, expected 400µs", r.k.slept)
	}
	r.k.now += time.Millisecond // what the kernel makes of 0.4 ms
	r.turn()
	r.gone(s)
	r.turn()
	if r.k.slept != Forever {
		t.Fatalf("with no deadline left the loop sleeps for %v, expected for ever", r.k.slept)
	}
}

// B14: the wall clock is set back or forward by hours. A reading of Go's clock that has a monotonic
// part (time, "Monotonic Clocks") makes time.Since, and so every deadline, deaf to that.
func TestB14TheClockIsMonotonic(t *testing.T) {
	if start == start.Round(0) { // Round strips the monotonic part
		t.Fatalf("the clock starts at %v, a reading without a monotonic part", start)
	}
	before := Sockets{}.Now()
	if after := (Sockets{}).Now(); before < 0 || after < before {
		t.Fatalf("the clock went from %v to %v", before, after)
	}
}
