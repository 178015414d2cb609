package trace

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"chatd/poller"
	"chatd/poller/trace/tracetest"

	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "write the golden files afresh")

// A memory is an output that a test can look at.
type memory struct {
	bytes.Buffer
	writes int
	fails  error // from the second write on
	closed bool
}

func (m *memory) write(text []byte) error {
	if m.writes++; m.fails != nil && m.writes > 1 {
		return m.fails
	}
	m.Buffer.Write(text)
	return nil
}

func (m *memory) close() { m.closed = true }

// traced is how a world comes to a trace.
func traced(s sink, m *memory, limit int) func(*poller.Config) func() {
	return func(config *poller.Config) func() { return wrap(config, s, m, limit) }
}

// talk lets happen what a trace has to tell, and returns all that clients have heard.
func (w *world) talk() (heard string) {
	w.t.Helper()
	alice, bob := w.login("alice"), w.login("bob")
	w.says(alice, "LIST\n")
	w.says(alice, "SEND bob hello\n")
	w.says(alice, "SEND bob \x1b[2J\xff\"\\\nSEND carol hi\nLI") // for a terminal, for JSON; and a line in two pieces
	w.says(alice, "ST\n")
	w.says(alice, "SEND bob "+strings.Repeat("é", 100)+"\n")

	bob.room = 5 // so that the DELIVERY leaves in two parts
	w.says(alice, "SEND bob wait for it\n")
	bob.room = plenty
	w.errs = []error{unix.EINTR, unix.EINTR}
	w.rest()

	bob.room = 5 // and then bob goes before the rest
	w.says(alice, "SEND bob too late\n")
	bob.reset = true
	w.rest()

	stranger := w.connect() // who has the descriptor that was bob's
	w.says(stranger, "LIST\n")
	stranger.eof, alice.eof = true, true
	w.rest()
	w.end()
	return string(alice.heard) + string(bob.heard) + string(stranger.heard)
}

const heardByAll = "HELLO alice\nLIST-OK alice,bob\nSEND-OK\nSEND-OK\nBAD-DEST-USER\nLIST-OK alice,bob\nSEND-OK\nSEND-OK\nBAD-DEST-USER\n" +
	"HELLO bob\nDELIVERY alice hello\nDELIVERY alice \x1b[2J\xff\"\\\nDELIVERY alice " +
	"éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé\n" +
	"DELIVERY alice wait for it\nDELIV" + "BAD-RQST-HDR\n"

// The text of a conversation is the one that the golden file shows.
func TestText(t *testing.T) {
	const golden = "testdata/talk.txt"
	var out memory
	if heard := newWorld(t, traced(text{}, &out, Limit)).talk(); heard != heardByAll {
		t.Errorf("the clients heard %q, expected %q", heard, heardByAll)
	}
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	lines, expected := strings.Split(out.String(), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(lines), len(expected)) {
		if lines[i] != expected[i] {
			t.Fatalf("line %d of the trace is\n%s\nexpected\n%s", i+1, lines[i], expected[i])
		}
	}
	if len(lines) != len(expected) {
		t.Fatalf("the trace has %d lines, expected %d", len(lines), len(expected))
	}
	if i := bytes.IndexFunc(out.Bytes(), func(r rune) bool { return r < ' ' && r != '\n' || r == '\x7f' || r == '\ufffd' }); i >= 0 {
		t.Errorf("a terminal would be told %q", out.Bytes()[i:i+1])
	}
	if !out.closed {
		t.Error("the file is still open")
	}
}

// The same conversation for a viewer: it keeps the rules of the format, each SEND's arrow goes
// through the write of its DELIVERY to the write of its SEND-OK, and the counters come back to 0.
func TestChrome(t *testing.T) {
	var out memory
	newWorld(t, traced(newChrome(), &out, Limit)).talk()
	shown, err := tracetest.Check(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !shown.Closed || shown.Begun() > 0 {
		t.Errorf("the array has its end: %v, %d slices have none; expected true and 0", shown.Closed, shown.Begun())
	}
	if high, last := shown.Highest, shown.Latest; high["users"] != 2 || high["queued bytes"] < 200 || last["users"]+last["queued bytes"] > 0 {
		t.Errorf("the counters are at most %v and %v at the end; expected 2 users and more than 200 bytes, and nothing", high, last)
	}
	if names := []string{shown.Tracks[1], shown.Tracks[2], shown.Tracks[3], shown.Tracks[4]}; len(shown.Tracks) != 4 ||
		strings.Join(names, ", ") != "the loop, alice (5.1), bob (6.1), 6.3" {
		t.Errorf("the tracks are %q", shown.Tracks)
	}
	messages := []struct{ said, delivered, answered string }{
		{"SEND bob hello", "21 of 21 bytes", `"SEND-OK\n"`},
		{`SEND bob \x1b[2J`, "23 of 23 bytes", `"SEND-OK\nBAD-DEST-USER\n"`},
		{"SEND bob éé", "216 of 216 bytes", `"SEND-OK\n"`},
		{"SEND bob wait", "22 of 22 bytes", `"SEND-OK\n"`}, // the second part
		{"SEND bob too late", "", "will never be sent"},
	}
	if len(shown.Arrows) != len(messages) || shown.Open() != 0 {
		t.Errorf("%d arrows, %d of them without an end; expected %d with", len(shown.Arrows), shown.Open(), len(messages))
	}
	for i, m := range messages {
		const alice, bob = 2, 3
		a := shown.Arrows[i+1]
		switch {
		case a == nil || a.From.Track != alice || !strings.HasPrefix(a.From.What, m.said):
			t.Errorf("arrow %d begins at %+v, expected %s", i+1, a, m.said)
		case a.To == nil || a.To.Track != alice || !strings.Contains(a.To.What, m.answered):
			t.Errorf("%s: the arrow ends at %+v, expected %s", m.said, a.To, m.answered)
		case m.delivered == "" && a.Through != nil:
			t.Errorf("%s: the arrow leads through %+v, and there was no delivery", m.said, a.Through)
		case m.delivered != "" && (a.Through == nil || a.Through.Track != bob || !strings.HasPrefix(a.Through.What, m.delivered)):
			t.Errorf("%s: the arrow leads through %+v, expected %s", m.said, a.Through, m.delivered)
		}
	}
}

// Arrows end also where nobody hears of it: where the sender leaves before its DELIVERY is sent,
// before its SEND-OK is, or while that waits behind another; and a message that is lost does not
// take the SEND-OK of the next.
func TestArrowsOfThoseWhoLeave(t *testing.T) {
	var out memory
	w := newWorld(t, traced(newChrome(), &out, Limit))
	bob, _ := w.login("bob"), w.login("carol")
	early, late, behind, stays := w.login("early"), w.login("late"), w.login("behind"), w.login("stays")

	bob.room, late.room = 0, 0
	w.says(early, "SEND bob 1\n")
	w.says(late, "SEND carol 2\n")
	w.says(behind, "SEND bob 3\nSEND carol 4\n")
	early.reset, late.reset, behind.reset = true, true, true
	w.rest()
	bob.room = 38
	w.says(stays, "SEND bob 5\nSEND carol 6\n")
	bob.reset = true
	w.rest()
	w.end()

	shown, err := tracetest.Check(out.Bytes())
	if err != nil || len(shown.Arrows) != 6 || shown.Open() > 0 {
		t.Fatalf("%v; %d arrows, %d of them without an end; expected 6 with", err, len(shown.Arrows), shown.Open())
	}
	for number, end := range map[int]string{1: "due", 2: "close", 3: "due", 4: "close", 5: "lost", 6: "write"} {
		if to := shown.Arrows[number].To; !strings.HasPrefix(to.Name, end) {
			t.Errorf("arrow %d ends at %+v, expected %q", number, to, end)
		}
	}
	if last := shown.Latest; last["users"] != 2 || last["queued bytes"] != 0 {
		t.Errorf("at the end the counters are %v, expected carol and stays, and nothing queued", last)
	}
}

// A server that is killed leaves what it had written when its loop last slept: a file cut off behind
// a turn. What was written earlier is at every moment a trace that can be opened.
func TestCutOffAfterEachTurn(t *testing.T) {
	var out memory
	var sizes []int
	w := newWorld(t, traced(newChrome(), &out, Limit))
	w.slept = func() { sizes = append(sizes, out.Len()) }
	w.talk()
	if len(sizes) < 16 {
		t.Fatalf("the loop slept %d times, expected more", len(sizes))
	}
	for turn, size := range sizes {
		shown, err := tracetest.Check(out.Bytes()[:size])
		if err != nil {
			t.Fatalf("as it was at wait %d: %v", turn, err)
		}
		if shown.Closed {
			t.Fatalf("at wait %d the trace was closed already", turn)
		}
	}
}

// A trace ends before it has grown past its limit, with whole turns and a line that says why; the
// log has one line, the file is closed, and the loop goes on as before.
func TestLimit(t *testing.T) {
	for name, s := range map[string]sink{"text": text{}, "chrome": newChrome()} {
		for limit := 2000; limit < 5600; limit += 400 {
			var out memory
			w := newWorld(t, traced(s, &out, limit))
			if heard := w.talk(); heard != heardByAll {
				t.Fatalf("%s, %d bytes: the clients heard %q, expected %q", name, limit, heard, heardByAll)
			}
			if out.Len() > limit || out.Len() < limit-lastWords-1500 {
				t.Errorf("%s: %d bytes were written, expected at most %d and not much less", name, out.Len(), limit)
			}
			if tail := out.String()[max(0, out.Len()-120):]; !strings.Contains(tail, "the trace ends here") || !out.closed {
				t.Errorf("%s: the last line does not say that the limit of %d was reached (closed: %v): %s", name, limit, out.closed, tail)
			}
			if logged := w.log.String(); strings.Count(logged, "\n") != 1 || !strings.Contains(logged, "reason=limit") {
				t.Errorf("%s: the log is %q, expected one line about the limit", name, logged)
			}
			if name == "chrome" {
				if _, err := tracetest.Check(out.Bytes()); err != nil {
					t.Errorf("%d bytes: %v", limit, err)
				}
				s = newChrome()
			}
		}
	}
}

// A turn that is longer than a page is written in parts. If the limit is met in the middle of it,
// the turn gets an end.
func TestLimitInsideTurn(t *testing.T) {
	for _, limit := range []int{Limit, 2 * pageSize} {
		var out memory
		w := newWorld(t, traced(newChrome(), &out, limit))
		users := []*socket{w.login("a"), w.login("b"), w.login("c"), w.login("d")}
		for _, u := range users { // all in one turn: as many replies as a queue takes
			u.in = bytes.Repeat(newline, highWater/len("BAD-RQST-HDR\n"))
		}
		w.rest()
		w.end()
		shown, err := tracetest.Check(out.Bytes())
		if err != nil || !shown.Closed || shown.Begun() > 0 || out.Len() > limit || out.Len() < pageSize || limit == Limit && out.Len() < 3*pageSize {
			t.Errorf("limit %d, %d bytes written: %v", limit, out.Len(), err)
		}
	}
}

// highWater is how much the loop queues for a client before it carries out no more, in bytes.
const highWater = 64 << 10

// When a write fails, the trace ends with what is there, the log has one line, and the clients
// notice nothing.
func TestWriteFails(t *testing.T) {
	out := memory{fails: unix.ENOSPC}
	w := newWorld(t, traced(text{}, &out, Limit))
	if heard := w.talk(); heard != heardByAll {
		t.Errorf("the clients heard %q, expected %q", heard, heardByAll)
	}
	if out.writes != 2 || !out.closed {
		t.Errorf("%d writes, expected 2 of which one failed; closed: %v", out.writes, out.closed)
	}
	if logged := w.log.String(); strings.Count(logged, "\n") != 1 || !strings.Contains(logged, "no space left") {
		t.Errorf("the log is %q, expected one line that says why", logged)
	}
}

// Without a path there is no decorator: the loop has the bare kernel and the bare machine.
func TestOffCostsNothing(t *testing.T) {
	w := newWorld(t, func(config *poller.Config) func() {
		before := *config
		end, err := Wrap(config, "", nil)
		if err != nil || config.Kernel != before.Kernel || config.Machine != before.Machine {
			t.Errorf("Wrap without a path made %T and %T of the seams (%v)", config.Kernel, config.Machine, err)
		}
		return end
	})
	w.talk()
}
