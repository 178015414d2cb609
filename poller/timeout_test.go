package poller

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// inOrder lists the connections that have a timeout, from both ends, which must agree.
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
		t.Fatalf("forwards there are %d timeouts, backwards %d or others", len(conns), len(back))
	}
	return conns
}

func TestTimeoutsExpireInTheOrderInWhichTheyWereSet(t *testing.T) {
	d := timeouts{after: 10 * time.Second}
	if d.nearest() != never {
		t.Fatalf("without a timeout the nearest is %v, expected never", d.nearest())
	}
	a, b, c := new(conn), new(conn), new(conn)
	for i, set := range []*conn{a, b, c} {
		d.set(set, time.Duration(i)*time.Second)
	}
	if d.first.conn != a || d.nearest() != 10*time.Second {
		t.Fatalf("the nearest timeout is %v, expected that of the first, 10s", d.nearest())
	}
	d.set(a, 5*time.Second) // moved
	if got := inOrder(t, &d); !slices.Equal(got, []*conn{b, c, a}) {
		t.Fatalf("after the first was moved there are %d timeouts, or in another order", len(got))
	}
	if d.nearest() != 11*time.Second || a.timeout.at != 15*time.Second {
		t.Fatalf("the nearest is %v and the moved one %v, expected 11s and 15s", d.nearest(), a.timeout.at)
	}
}

func TestATimeoutOfAnotherKindReplacesTheFirst(t *testing.T) {
	stuck, linger := timeouts{after: time.Minute}, timeouts{after: time.Second}
	c := new(conn)
	stuck.set(c, 0)
	linger.set(c, 0)
	if stuck.nearest() != never || linger.nearest() != time.Second || c.timeout.list != &linger.list {
		t.Fatalf("nearest of the two kinds: %v and %v, expected never and 1s", stuck.nearest(), linger.nearest())
	}
	c.timeout.remove()
	c.timeout.remove() // a connection without a timeout has nothing to take back
	if linger.nearest() != never || c.timeout.list != nil {
		t.Fatalf("after cancel the nearest timeout is %v, expected never", linger.nearest())
	}
}

// Setting, moving and taking back at random places keeps the order of a plain list.
func TestTimeoutsAgreeWithAList(t *testing.T) {
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
			t.Fatalf("step %d: %d timeouts, expected %d in the order of the list", step, len(got), len(model))
		}
	}
}
