// Package tracetest checks traces in JSON against the rules of the Trace Event Format, and against what
// a viewer needs to show the loop.
package tracetest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Trace is what a file shows.
type Trace struct {
	Turns, Sleeps int
	Tracks        map[int]string // the last name of each
	Slices        []*Slice       // in the order in which they begin
	Arrows        map[int]*Arrow // by ID
	Highest       map[string]int // value of each counter
	Latest        map[string]int // value of each counter
	End           string         // why the trace ends, if it says so
}

// A Slice is a call, a turn or a sleep.
type Slice struct {
	Name        string
	Track       int
	From, To    float64 // microseconds
	What, Asked string  // its arguments
}

// An Arrow leads from a SEND over the write of its DELIVERY to the write of its SEND-OK: the slices in
// which it has its points.
type Arrow struct{ From, Through, To *Slice }

type event struct {
	Phase    string   `json:"ph"`
	Name     string   `json:"name"`
	Process  *int     `json:"pid"`
	Track    *int     `json:"tid"`
	Time     *float64 `json:"ts"`
	Length   float64  `json:"dur"`
	Scope    string   `json:"s"`
	Category string   `json:"cat"`
	ID       int      `json:"id"`
	Bind     string   `json:"bp"`
	Args     map[string]any
}

// Check reads a trace, which must be one whole JSON array.
func Check(text []byte) (*Trace, error) {
	var events []event
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&events); err != nil {
		return nil, err
	}
	t := &Trace{Tracks: map[int]string{}, Arrows: map[int]*Arrow{}, Highest: map[string]int{}, Latest: map[string]int{}}
	for _, e := range events {
		switch {
		case e.Process == nil || *e.Process != 1 || e.Track == nil || e.Name == "":
			return nil, fmt.Errorf("no process, no track or no name: %+v", e)
		case e.Phase == "M" && e.Name == "thread_name":
			t.Tracks[*e.Track], _ = e.Args["name"].(string)
		case e.Phase != "M" && (e.Time == nil || *e.Time < 0 || t.Tracks[*e.Track] == ""):
			return nil, fmt.Errorf("no time, or its track has no name yet: %+v", e)
		}
	}
	events = slices.DeleteFunc(events, func(e event) bool { return e.Phase == "M" })
	slices.SortStableFunc(events, func(a, b event) int {
		return cmp.Or(cmp.Compare(*a.Time, *b.Time), cmp.Compare(b.Length, a.Length))
	})
	open := make(map[int][]*Slice) // by track, from the outermost
	for _, e := range events {
		for inner := open[*e.Track]; len(inner) > 0 && inner[len(inner)-1].To < *e.Time+rounding; inner = open[*e.Track] {
			open[*e.Track] = inner[:len(inner)-1]
		}
		slice, err := t.add(e, open[*e.Track])
		if err != nil {
			return nil, fmt.Errorf("%w: %s of %q at %.3f: %v", err, e.Phase, e.Name, *e.Time, e.Args)
		}
		if slice != nil {
			open[*e.Track] = append(open[*e.Track], slice)
			t.Slices = append(t.Slices, slice)
		}
	}
	return t, nil
}

const rounding = 1e-4 // microseconds; a nanosecond is ten times that

// add adds an event, which lies inside the open slices of its track.
func (t *Trace) add(e event, open []*Slice) (*Slice, error) {
	switch e.Phase {
	case "X":
		return t.addSlice(e, open)
	case "C":
		for _, value := range e.Args {
			n, ok := value.(float64)
			if !ok || n < 0 || len(e.Args) != 1 {
				return nil, errors.New("not one value of 0 or more")
			}
			t.Highest[e.Name], t.Latest[e.Name] = max(t.Highest[e.Name], int(n)), int(n)
		}
	case "s", "t", "f":
		if len(open) == 0 || e.Category == "" || e.Bind != "e" {
			return nil, errors.New("the point of the arrow lies in no slice")
		}
		in, a := open[len(open)-1], t.Arrows[e.ID]
		switch {
		case e.Phase == "s" && a == nil:
			t.Arrows[e.ID] = &Arrow{From: in}
		case e.Phase == "t" && a != nil && a.Through == nil && a.To == nil:
			a.Through = in
		case e.Phase == "f" && a != nil && a.To == nil:
			a.To = in
		default:
			return nil, errors.New("the arrow cannot have this point here")
		}
	case "i":
		if e.Scope == "g" {
			t.End = e.Name
		} else if e.Scope != "t" {
			return nil, errors.New("an unknown scope")
		}
	default:
		return nil, errors.New("an unknown phase")
	}
	return nil, nil
}

func (t *Trace) addSlice(e event, open []*Slice) (*Slice, error) {
	s := &Slice{Name: e.Name, Track: *e.Track, From: *e.Time, To: *e.Time + e.Length}
	s.What, _ = e.Args["what"].(string)
	s.Asked, _ = e.Args["asked"].(string)
	isTurn, isSleep := strings.HasPrefix(e.Name, "turn ") || e.Name == "before the first turn", e.Name == "sleep"
	switch {
	case e.Length <= 0:
		return nil, errors.New("takes no time, so nothing can lie in it")
	case len(open) > 0 && s.To > open[len(open)-1].To+rounding:
		return nil, fmt.Errorf("ends after %q, in which it begins", open[len(open)-1].Name)
	case t.Tracks[s.Track] != "the loop" || !isTurn && !isSleep && len(open) > 0 && open[0].Name != "sleep":
		return s, nil
	case !isTurn && !isSleep || len(open) > 0:
		return nil, errors.New("the loop sleeps or takes a turn, and calls lie in turns")
	case isSleep && s.Asked == "":
		return nil, errors.New("asks nothing")
	case isSleep:
		t.Sleeps++
	case e.Name != "before the first turn":
		t.Turns++
	}
	return s, nil
}

// Open is how many arrows have no end though their sender's connection is not closed.
func (t *Trace) Open() (n int) {
	for _, a := range t.Arrows {
		closed := func(s *Slice) bool { return s.Track == a.From.Track && s.Name == "close" }
		if a.To == nil && !slices.ContainsFunc(t.Slices, closed) {
			n++
		}
	}
	return n
}
