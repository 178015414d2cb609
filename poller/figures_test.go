package poller_test

import (
	"slices"
	"testing"
	"time"

	"chatd/poller"
	"chatd/protocol"
)

// A reportRig is a rig that keeps what the loop reports.
type reportRig struct {
	*rig
	occasions []poller.Occasion
	last      poller.Stats
}

const statsEvery = 15 * time.Second

func newReportRig(t *testing.T, watchdog time.Duration) *reportRig {
	t.Helper()
	r := &reportRig{rig: &rig{reserve: true}}
	r.begin(t, poller.Config{
		Watchdog: watchdog, StatsEvery: statsEvery, BusyReply: []byte("BUSY\n"),
		Report: func(o poller.Occasion, s poller.Stats) { r.occasions, r.last = append(r.occasions, o), s },
	})
	return r
}

// reported checks the occasions since the last time.
func (r *reportRig) reported(want ...poller.Occasion) {
	r.t.Helper()
	if !slices.Equal(r.occasions, want) {
		r.t.Fatalf("the loop reported %v, expected %v", r.occasions, want)
	}
	r.occasions = nil
}

// closed is how many connections have ended for a reason, as reported.
func (r *reportRig) closed(reason string) int {
	i := slices.IndexFunc(r.last.Closed, func(c poller.Closed) bool { return string(c.Reason) == reason })
	return r.last.Closed[i].Count
}

// G5: asked for its figures, however often at a time, the loop reports once, does nothing else and sleeps
// on.
func TestG5Figures(t *testing.T) {
	r := newReportRig(t, 0)
	a, b := r.pair()
	r.says(a, "SEND b hello\nSEND nobody hello\n")
	stall(b, 3)
	r.says(a, "SEND b more\n") // queued, so that is no message yet, and a reply is pending
	r.k.Signal(0, 1000)
	r.rest()
	r.stopped(false)
	r.reported(poller.Changed, poller.Requested)
	want := poller.Stats{
		Users: 2, Connections: 2, Logins: 2, Lines: 5, Turns: r.last.Turns, Events: r.last.Events, Messages: 1, BytesIn: 69, BytesOut: 58,
		Buffered: r.l.Buffered(), Closed: r.last.Closed,
	}
	if got := r.last; got.Turns == 0 || got.Buffered == 0 || len(got.Closed) != 11 || !slices.Equal(got.Closed, want.Closed) ||
		got.Users != want.Users || got.Logins != want.Logins || got.Lines != want.Lines || got.Busy != 0 || got.Connections != want.Connections || got.Messages != want.Messages ||
		got.BytesIn != want.BytesIn || got.BytesOut != want.BytesOut {
		t.Errorf("the figures are %+v, expected %+v", got, want)
	}
	b.Reset() // what is queued is lost, and never a message
	r.rest()
	r.k.Signal(1, 1)
	r.rest()
	r.reported(poller.Requested, poller.Stopping)
	if r.last.Messages != 1 {
		t.Errorf("%d messages, expected 1", r.last.Messages)
	}
}

// The longest turn is that since the last report. Each call of the kernel's takes a millisecond here.
func TestTheLongestTurnIsReported(t *testing.T) {
	r := newReportRig(t, 0)
	a := r.user("a")
	r.before = func() { r.k.Advance(time.Millisecond) }
	r.says(a, "SEND a hello\n")
	r.before = nil
	for _, want := range []bool{true, false} {
		r.k.Signal(0, 1)
		r.rest()
		if got := r.last.LongestTurn; (got >= 2*time.Millisecond) != want || got > 20*time.Millisecond || !want && got > 0 {
			t.Errorf("the longest turn took %v, expected a few milliseconds: %v", got, want)
		}
	}
}

// A8: the server is full. It counts the clients that are told so, warns once a second, and says which.
func TestA8AFullServerIsReported(t *testing.T) {
	r := newReportRig(t, 0)
	r.l.Machine = newCheckedMachine(t, protocol.NewMachine(protocol.Limits{Users: 1, Line: 100, Name: 9}))
	r.user("a")
	late := r.connect()
	r.asks(late, "HELLO-FROM b\nHELLO-FROM b\n", "BUSY\nBUSY\n")
	r.k.Advance(time.Second)
	r.asks(late, "HELLO-FROM b\n", "BUSY\n")
	r.logged(`level=WARN msg="the server is full, clients get BUSY" peer=192.0.2.1:2 users=1 connections=2 suppressed=`, 2)
	r.asks(late, "HELLO-FROM a\nHELLO\n", "BUSY\nBAD-RQST-HDR\n") // its last frame is no BUSY
	r.k.Signal(0, 1)
	r.rest()
	if r.last.Busy != 4 || r.last.Logins != 1 {
		t.Errorf("%d clients were told BUSY and %d logged in, expected 4 and 1", r.last.Busy, r.last.Logins)
	}
}

// Changed is reported when something has changed, at most every 15 s, and once more after the last
// change. A server at rest sleeps.
func TestChangedIsReportedOnlyAfterChanges(t *testing.T) {
	r := newReportRig(t, 0)
	a := r.user("a")
	r.sleeps(statsEvery)
	r.reported(poller.Changed) // the connection
	r.pass(statsEvery)
	r.reported(poller.Changed)
	if r.last.Users != 1 {
		t.Errorf("%d users, expected 1", r.last.Users)
	}
	r.sleeps(forever)
	r.k.Signal(0, 1)
	r.pass(time.Hour)
	r.reported(poller.Requested)
	r.says(a, "SEND a hello\n")
	a.Reset()
	r.rest()
	r.reported(poller.Changed)
	r.pass(statsEvery)
	r.reported(poller.Changed)
	if r.last.Users != 0 || r.last.Messages != 1 || r.closed("reset") != 1 || r.closed("eof") != 0 {
		t.Errorf("the figures are %+v", r.last)
	}
}

// A client that was rejected was never active, and is a change all the same.
func TestARejectedClientIsAChange(t *testing.T) {
	r := newReportRig(t, 0)
	r.user("a")
	r.pass(statsEvery)
	r.fillUp(0)
	r.connect()
	r.pass(statsEvery)
	if r.closed("refused") != 1 {
		t.Errorf("the figures are %+v, expected one refused", r.last)
	}
	r.reserved()
}

// G9: Alive is reported by each turn that is due, by none before, and only by a turn. The loop sleeps as
// long as it may.
func TestG9OnlyATurnReportsAlive(t *testing.T) {
	r := newReportRig(t, time.Second)
	r.rest()
	for range 3 {
		r.reported(poller.Alive)
		r.sleeps(time.Second)
		r.pass(time.Second - 1)
		r.reported()
		r.k.Advance(1)
		r.reported()
		r.rest()
	}
	r.reported(poller.Alive)
	r.k.Signal(1, 0)
	r.turn()
	r.reported(poller.Stopping)
}

// G9: without a watchdog the loop has no reason to wake.
func TestG9WithoutAWatchdogTheLoopSleeps(t *testing.T) {
	r := newReportRig(t, 0)
	r.rest()
	r.sleeps(forever)
}
