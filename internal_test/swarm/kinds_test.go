package swarm_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"chatd/internal_test/daemon"
)

// The tests of kinds measure what does not depend on how fast the machine is: how many system calls
// and writes a message takes, and how many bytes a user. They fail when the kind changes: a second
// wait for each message, a write for each frame, a buffer for each client. How long anything takes
// is measured by swarm and judged by people.

// A chatter is some pairs that say the same over and over.
type chatter struct {
	senders, recipients []*daemon.Client
	depth               int
}

func newChatter(t *testing.T, d *daemon.Daemon, pairs, depth int) *chatter {
	t.Helper()
	c := &chatter{depth: depth}
	for i := range pairs {
		c.senders = append(c.senders, d.Login(t, fmt.Sprintf("s%d", i)))
		c.recipients = append(c.recipients, d.Login(t, fmt.Sprintf("r%d", i)))
	}
	return c
}

// rounds has each sender say so many messages in one packet, and waits until all is through, again
// and again. It returns how many messages that were.
func (c *chatter) rounds(n int) (messages int) {
	const text = "a message of thirty-two bytes...."
	for range n {
		for i, s := range c.senders {
			s.Send(strings.Repeat(fmt.Sprintf("SEND r%d %s\n", i, text), c.depth))
		}
		for i, s := range c.senders {
			for range c.depth {
				s.Expect("SEND-OK")
				c.recipients[i].Expect(fmt.Sprintf("DELIVERY s%d %s", i, text))
			}
		}
	}
	return n * len(c.senders) * c.depth
}

// One pair in closed loop takes four system calls a message: wait, read, write, write. 50 senders
// of 16 messages at a time share them: 0.20 to 0.25. The few more that are allowed are for waits
// that came back empty and for the Go runtime's own calls, of which there are the more the slower
// the machine is; so the best of several tries counts. strace counts.
func TestKindsSystemCallsPerMessage(t *testing.T) {
	for _, c := range []struct {
		pairs, depth, rounds int
		least, most          float64
	}{
		{1, 1, 300, 3.8, 4.2},
		{50, 16, 5, 0.15, 0.30},
	} {
		t.Run(fmt.Sprintf("%dx%d", c.pairs, c.depth), func(t *testing.T) {
			d := daemon.Start(t)
			chat := newChatter(t, d, c.pairs, c.depth)
			chat.rounds(1)
			best := ""
			for tries := 0; tries < 10; tries++ {
				tr := d.Attach(t, "-c")
				messages := chat.rounds(c.rounds)
				table := tr.Detach()
				each := float64(tracedCalls(t, table)) / float64(messages)
				if each >= c.least && each <= c.most {
					return
				}
				best += fmt.Sprintf("%.2f system calls a message:\n%s\n", each, table)
			}
			t.Errorf("expected %.2f to %.2f system calls a message in one of the tries:\n%s", c.least, c.most, best)
		})
	}
}

// tracedCalls reads the number of calls from the last line of the table of strace -c: "100.00
// 0.123456 7 16543 12 total".
func tracedCalls(t *testing.T, table string) int {
	t.Helper()
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) >= 5 && fields[len(fields)-1] == "total" {
			if n, err := strconv.Atoi(fields[3]); err == nil {
				return n
			}
		}
	}
	t.Fatalf("no total in the table of strace:\n%s", table)
	return 0
}

// Each client is written once a turn at most: of 16 messages in one packet the deliveries share a
// write and the SEND-OKs another. The kernel counts (syscw, proc_pid_io(5)).
func TestKindsWritesPerMessage(t *testing.T) {
	for _, c := range []struct {
		pairs, depth, rounds int
		expected             float64
	}{
		{1, 1, 200, 2},
		{50, 16, 20, 2.0 / 16},
	} {
		t.Run(fmt.Sprintf("%dx%d", c.pairs, c.depth), func(t *testing.T) {
			d := daemon.Start(t)
			chat := newChatter(t, d, c.pairs, c.depth)
			before := number(t, d, "io", "syscw")
			messages := chat.rounds(c.rounds)
			writes := number(t, d, "io", "syscw") - before
			if each := float64(writes) / float64(messages); each > c.expected*1.02 || each < c.expected*0.98 {
				t.Errorf("%d writes for %d messages, that is %.3f each, expected %.3f", writes, messages, each, c.expected)
			}
		})
	}
}

// An idle user costs 64 bytes of memory, name included. 80 leave room for the grain in which memory
// is taken; a buffer, a timer or a goroutine for each would be far above. What the collector has not
// given back of the beginning differs by 100 KB from one process to the next, so the best of several
// tries counts.
func TestKindsBytesPerIdleUser(t *testing.T) {
	const most = 80
	few, many := daemon.Crowd(t, 1_000), daemon.Crowd(t, 4_000)
	if many < 4_000 {
		t.Skipf("%d users are too few for a slope", many)
	}
	used := func(users int) int {
		d := daemon.Start(t)
		for i := range users { // one after the other: a burst would leave memory of its own
			c := d.Login(t, fmt.Sprintf("u%d", i))
			defer c.Close() // or the next try finds no descriptor
		}
		return number(t, d, "smaps_rollup", "Anonymous") << 10
	}
	var slopes []int
	for range 5 {
		slopes = append(slopes, (used(many)-used(few))/(many-few))
		if slopes[len(slopes)-1] <= most {
			return
		}
	}
	t.Errorf("%d bytes for each user from %d to %d, expected %d at most in one of the tries", slopes, few, many, most)
}

// number is the number behind a name in one of the daemon's files in /proc.
func number(t *testing.T, d *daemon.Daemon, file, name string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", d.PID(), file))
	if err != nil {
		t.Skipf("the kernel does not tell: %v", err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s in /proc/%d/%s", name, d.PID(), file)
	return 0
}
