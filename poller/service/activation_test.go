package service

import (
	"os"
	"strconv"
	"testing"
)

// G11: descriptors are passed to this process, or they are ignored.
func TestG11Passed(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for _, c := range []struct {
		count, pid string
		n          int
		wrong      bool
	}{
		{count: "1", pid: own, n: 1},
		{count: "2", pid: own, n: 2},
		{count: "0", pid: own},
		{count: "", pid: own},
		{count: "1", pid: ""},
		{count: "1", pid: "1"},
		{count: "x", pid: "1"},
		{count: "x", pid: own, wrong: true},
		{count: "-1", pid: own, wrong: true},
	} {
		n, err := passed(c.count, c.pid)
		if n != c.n || (err != nil) != c.wrong {
			t.Errorf("LISTEN_FDS=%q LISTEN_PID=%q: %d, %v; expected %d, an error: %v", c.count, c.pid, n, err, c.n, c.wrong)
		}
	}
}
