package main

import (
	"testing"

	"chatd/docs/page/play"
)

// The schedules of the levels break no promise of the right loop.
func TestLevels(t *testing.T) {
	for _, l := range levels {
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

// The page builds with Go alone, and its first load is 1.2 MB at most.
func TestBuild(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles for WebAssembly")
	}
	s, err := newSite()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	size := 0
	for _, name := range append(s.written(), "wasm_exec.js", "sources.json", "levels.json", program(0)) {
		content, err := s.file(name)
		if err != nil {
			t.Fatal(err)
		}
		if name != program(0) {
			content = compress(content)
		}
		size += len(content)
	}
	t.Logf("%d bytes compressed", size)
	if size < 100_000 || size > 1_200_000 {
		t.Errorf("the first load has %d bytes", size)
	}
}
