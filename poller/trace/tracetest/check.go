// Package tracetest holds traces in the Trace Event Format against the rules that make a viewer show
// them as they are meant.
package tracetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// A Trace is what a file has been found to show.
type Trace struct {
	Closed  bool             // the array has its end
	Turns   int              // those on the loop's track
	Tracks  map[int]string   // the last name of each
	Arrows  map[int]*Arrow   // by ID
	Highest map[string]int   // of each counter
	Latest  map[string]int   // of each counter
	open    map[int][]*Slice // begun on each track and not ended
	ts      float64
}

// A Slice is something that took from one time to another on a track.
type Slice struct {
	Name     string
	Track    int
	From, To float64 // microseconds
	What     string  // its argument
}

// An Arrow leads from a SEND to its answer: the slices at its beginning, its middle and its end, as
// far as it has them.
type Arrow struct{ From, Through, To *Slice }

type event struct {
	Ph   string
	Name string
	Pid  *int
	Tid  *int
	Ts   *float64
	Dur  float64
	ID   int
	Bp   string
	Args struct {
		Name, What string
		Now        *int
	}
}

// never is later than the end of every slice.
const never = 1e18

// Check reads a trace, which may be cut off behind any line.
func Check(text []byte) (*Trace, error) {
	t := &Trace{
		Tracks: make(map[int]string), Arrows: make(map[int]*Arrow), Highest: make(map[string]int), Latest: make(map[string]int),
		open: make(map[int][]*Slice),
	}
	text, ok := bytes.CutPrefix(text, []byte("[\n"))
	if !ok {
		return nil, errors.New("the file does not begin with [")
	}
	if text, t.Closed = bytes.CutSuffix(text, []byte("}\n]\n")); t.Closed {
		text = append(bytes.Clone(text), "},\n"...)
	}
	number := 1
	for line := range bytes.Lines(text) {
		number++
		line, ok := bytes.CutSuffix(line, []byte(",\n"))
		if !ok {
			return nil, fmt.Errorf("line %d does not end with a comma: %s", number, line)
		}
		var e event
		err := json.Unmarshal(line, &e)
		if err == nil {
			err = t.add(&e)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w: %s", number, err, line)
		}
	}
	return t, nil
}

func (t *Trace) add(e *event) error {
	switch {
	case e.Pid == nil || *e.Pid != 1 || e.Tid == nil:
		return errors.New("no process or no track")
	case e.Ph == "M":
		if e.Name == "thread_name" {
			t.Tracks[*e.Tid] = e.Args.Name
		}
		return nil
	case e.Ts == nil || *e.Ts < t.ts:
		return fmt.Errorf("the time is missing, or before %.3f", t.ts)
	case t.Tracks[*e.Tid] == "":
		return errors.New("the track has no name")
	}
	t.ts = *e.Ts
	switch e.Ph {
	case "B":
		return t.begin(*e.Tid, &Slice{Name: e.Name, Track: *e.Tid, From: t.ts, To: never})
	case "E":
		return t.end(*e.Tid)
	case "X":
		return t.begin(*e.Tid, &Slice{Name: e.Name, Track: *e.Tid, From: t.ts, To: t.ts + e.Dur, What: e.Args.What})
	case "C":
		if e.Args.Now == nil || *e.Args.Now < 0 {
			return errors.New("a counter without a value, or below 0")
		}
		t.Highest[e.Name] = max(t.Highest[e.Name], *e.Args.Now)
		t.Latest[e.Name] = *e.Args.Now
	case "s", "t", "f":
		return t.arrow(e)
	case "i":
	default:
		return errors.New("an unknown phase")
	}
	return nil
}

// begin puts a slice on its track: inside those that are open there, and after those that are not.
func (t *Trace) begin(track int, s *Slice) error {
	const rounding = 1e-4 // microseconds; a nanosecond is ten times that
	open := t.open[track]
	for len(open) > 0 && open[len(open)-1].To <= s.From+rounding {
		open = open[:len(open)-1]
	}
	if len(open) > 0 && s.To > open[len(open)-1].To+rounding {
		return fmt.Errorf("ends after %q, in which it begins", open[len(open)-1].Name)
	}
	switch {
	case s.From == s.To:
		return errors.New("takes no time, so that nothing can lie in it")
	case strings.HasPrefix(s.Name, "turn ") && len(open) > 0:
		return fmt.Errorf("a turn begins in %q", open[0].Name)
	case strings.HasPrefix(s.Name, "turn "):
		t.Turns++
	case t.Tracks[track] == "the loop" && len(open) == 0 && s.To != never:
		return errors.New("a call outside all turns")
	}
	t.open[track] = append(open, s)
	return nil
}

// end ends what begin has begun without an end.
func (t *Trace) end(track int) error {
	open := t.open[track]
	for len(open) > 0 && open[len(open)-1].To <= t.ts {
		open = open[:len(open)-1]
	}
	if len(open) == 0 || open[len(open)-1].To != never {
		return errors.New("ends what has not begun, or what has an end")
	}
	open[len(open)-1].To = t.ts
	t.open[track] = open[:len(open)-1]
	return nil
}

// arrow finds the slice to which a point of an arrow belongs: the one in which it lies.
func (t *Trace) arrow(e *event) error {
	open := t.open[*e.Tid]
	if len(open) == 0 || t.ts < open[len(open)-1].From || t.ts > open[len(open)-1].To {
		return errors.New("the point lies in no slice")
	}
	in := open[len(open)-1]
	a := t.Arrows[e.ID]
	switch {
	case e.Ph == "s" && a == nil:
		t.Arrows[e.ID] = &Arrow{From: in}
	case e.Ph == "t" && a != nil && a.Through == nil && a.To == nil:
		a.Through = in
	case e.Ph == "f" && a != nil && a.To == nil && e.Bp == "e":
		a.To = in
	default:
		return errors.New("the arrow is not where it can have this point")
	}
	return nil
}

// Begun is how many slices have begun and not ended.
func (t *Trace) Begun() (n int) {
	for _, open := range t.open {
		for _, s := range open {
			if s.To == never {
				n++
			}
		}
	}
	return n
}

// Open is how many arrows have no end.
func (t *Trace) Open() (n int) {
	for _, a := range t.Arrows {
		if a.To == nil {
			n++
		}
	}
	return n
}
