package main

import (
	"os"
	"strings"
	"testing"

	"chatd/docs/page/play"
)

// The edits of the levels still fit the code, and their schedules break no promise of the right loop.
func TestLevels(t *testing.T) {
	for _, l := range levels {
		for _, e := range l.Edits {
			text, err := os.ReadFile("../../" + e.File)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(text), e.Old); n != 1 {
				t.Errorf("%s: %q stands %d times in %s", l.Name, e.Old, n, e.File)
			}
		}
		for _, method := range []string{"epoll", "poll", "select"} {
			r, err := play.New(play.Setup{Method: method})
			if err != nil {
				t.Fatal(err)
			}
			for _, move := range l.Win {
				if err := r.Do(move); err != nil {
					t.Errorf("%s with %s: %s: %v", l.Name, method, move, err)
				}
			}
			if r.Broken != nil {
				t.Errorf("%s with %s: the right loop breaks %+v", l.Name, method, *r.Broken)
			}
			r.Close()
		}
	}
}
