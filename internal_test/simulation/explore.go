package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// An exploration goes through all paths of a scene within a bound. It goes through those of a smaller
// bound before, so that a path that breaks a rule differs from the usual course as little as possible.
type exploration struct {
	*scene
	poller    string
	last      int // the bound
	bound     int // that it is at
	path      *path
	schedules int // within that one
	done      bool
	took      time.Duration // of one core, for all bounds so far
	broken    error
	counts
}

// explore goes on until a time, a rule is broken, or all is done.
func (e *exploration) explore(until time.Time) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := cpuTime()
	for again := true; again; again = !e.done && e.broken == nil && time.Now().Before(until) {
		if e.schedules++; e.schedules == 1 {
			e.path = &path{}
		}
		e.path.bound = e.bound
		c, err := e.run(e.poller, e.path, nil)
		e.counts.add(c)
		if err != nil {
			e.broken = fmt.Errorf("scene %s: %w\n\tgo run ./internal_test/simulation%s -scene %s -path %v",
				e.name, err, e.flag(), e.name, e.path)
		} else if e.path.next() {
		} else if e.done = e.bound == e.last; !e.done {
			e.bound, e.schedules = e.bound+1, 0
		}
	}
	e.took += cpuTime() - began
}

// cpuTime is the time that this thread has run, however many others run beside it.
func cpuTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (e *exploration) flag() string {
	if e.poller == "" {
		return ""
	}
	return " -poller " + e.poller
}

// String is how far it is: the scene, the bound, how many schedules, the seconds and the next path.
func (e *exploration) String() string {
	at := "done"
	if !e.done {
		at = e.path.String()
	}
	return fmt.Sprintf("%s %d %d %.1f %s", e.name, e.bound, e.schedules, e.took.Seconds(), at)
}

// resume goes on from where an exploration was of which this is the String.
func (e *exploration) resume(text string) (err error) {
	var name, at string
	var seconds float64
	if _, err = fmt.Sscan(text, &name, &e.bound, &e.schedules, &seconds, &at); err != nil {
		return err
	}
	e.took = time.Duration(seconds * float64(time.Second))
	switch {
	case at != "done":
		e.path, err = parsePath(at)
	case e.bound >= e.last:
		e.done = true
	default:
		e.bound, e.schedules = e.bound+1, 0
	}
	return err
}

// exploreAll goes through scenes, on all cores. After every few seconds of each it prints how far that is,
// and writes it to a file, if that has a name; it goes on from what is there. A scene in which a rule is
// broken ends, and the others go on.
func exploreAll(all []*exploration, file string, out io.Writer) (broken error) {
	defer debug.SetGCPercent(debug.SetGCPercent(2000)) // a run makes much garbage and keeps little
	saved := map[string]string{}
	if text, err := os.ReadFile(file); err == nil {
		for line := range strings.Lines(string(text)) {
			name, _, _ := strings.Cut(line, " ")
			saved[name] = strings.TrimSpace(line)
		}
	}
	var waiting []*exploration
	for _, e := range all {
		if saved[e.name] != "" {
			if err := e.resume(saved[e.name]); err != nil {
				return fmt.Errorf("%s: %q: %w", file, saved[e.name], err)
			}
		}
		if !e.done {
			waiting = append(waiting, e)
		}
	}
	var lock sync.Mutex
	var group sync.WaitGroup
	work := func() {
		defer group.Done()
		lock.Lock()
		defer lock.Unlock()
		for len(waiting) > 0 {
			e := waiting[0]
			waiting = waiting[1:]
			lock.Unlock()
			e.explore(time.Now().Add(slice))
			lock.Lock()
			if e.broken != nil {
				broken = errors.Join(broken, e.broken)
				fmt.Fprintln(out, e.broken)
				continue
			}
			fmt.Fprintln(out, e)
			saved[e.name] = e.String()
			save(file, saved)
			if !e.done {
				waiting = append(waiting, e)
			}
		}
	}
	for range runtime.GOMAXPROCS(0) {
		group.Add(1)
		go work()
	}
	group.Wait()
	return broken
}

// explore does what the flags say of the scenes and reports whether no rule was broken.
func (o *options) explore(out io.Writer) bool {
	all := explorations(o.scene, o.bound, o.poller)
	var err error
	switch {
	case len(all) == 0:
		err = fmt.Errorf("no such scene: %s", o.scene)
	case o.exhaust:
		err = exploreAll(all, o.state, out)
	default:
		var p *path
		if p, err = parsePath(o.path); err == nil {
			_, err = all[0].run(o.poller, p, func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) })
		}
	}
	if err != nil && !o.exhaust {
		fmt.Fprintln(out, "broken:", err)
	}
	return err == nil
}

// explorations are those of all scenes, or of one. With bound -1, each has that of go test.
func explorations(name string, bound int, poller string) (all []*exploration) {
	for i := range scenes {
		if sc := &scenes[i]; name == "" || name == sc.name {
			e := &exploration{scene: sc, poller: poller, last: bound}
			if bound < 0 {
				e.last = sc.bound
			}
			all = append(all, e)
		}
	}
	return all
}

// slice is how long a scene is explored before another one is.
const slice = 5 * time.Second

// save writes the lines to a file, which is whole whenever the process ends.
func save(file string, lines map[string]string) {
	if file == "" {
		return
	}
	text := strings.Join(slices.Sorted(maps.Values(lines)), "\n") + "\n"
	err := os.WriteFile(file+".new", []byte(text), 0o644)
	if err == nil {
		err = os.Rename(file+".new", file)
	}
	if err != nil {
		panic(err)
	}
}
