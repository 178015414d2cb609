package trace

import (
	"encoding/json"
	"fmt"
	"time"
)

// A jsonWriter writes the Trace Event Format, which Perfetto and chrome://tracing open: an array of
// events, one a line.
//
// The loop has a track, on which it sleeps and takes turns; the calls of a turn are slices inside it.
// Each connection has a track for the calls that are about it. An arrow leads from the line with a SEND
// to the write of its DELIVERY, and on to the write of its SEND-OK, or to the receipt of a DELIVERY that
// is lost. It does not go on when the sender leaves. Users and queued bytes are counters.
type jsonWriter struct {
	tracks        int
	turn, asked   string // its name, and the question of its wait
	woke          time.Duration
	users, queued int // as they were shown last
}

type object map[string]any

func (w *jsonWriter) event(to []byte, e *event) []byte {
	slice, name := object{"ph": "X", "dur": micros(e.end - e.start), "args": object{"what": e.what}}, e.kind
	start := e.start
	switch {
	case e.kind == "begin": // shown when it ends
		w.turn, w.woke = e.label, e.start
		if w.tracks == 0 {
			w.tracks = loopTrack
			to = append(to, `[`+"\n"+`{"ph":"M","name":"process_name","pid":1,"tid":1,"ts":0,"args":{"name":"chatd"}}`...)
			to = add(to, object{"ph": "M", "args": object{"name": "the loop"}}, "thread_name", loopTrack, 0)
		}
		return to
	case e.kind == "wait": // shown with slept
		w.asked = e.label + ": " + e.what
		return to
	case e.kind == "slept":
		name, w.woke = "sleep", e.end+1
		slice["args"] = object{"asked": w.asked, "what": e.what}
	case e.kind == "turn":
		name, start = w.turn, w.woke
		slice = object{"ph": "X", "dur": micros(e.end - w.woke)}
	case e.kind == "end":
		name, slice = e.label, object{"ph": "i", "s": "g"}
	case e.start == e.end:
		slice = object{"ph": "i", "s": "t", "args": slice["args"]}
	}
	if e.on == nil {
		to = add(to, slice, name, loopTrack, start)
	} else {
		to = add(to, slice, name+" "+e.on.String(), loopTrack, start)
	}
	if e.on != nil && e.on.id.Generation() != 0 {
		to = w.track(to, e.on)
		to = add(to, slice, name, e.on.track, start)
		for _, s := range e.steps {
			phase := [...]string{"s", "t", "f"}[s.stage]
			arrow := object{"ph": phase, "cat": "message", "id": s.message.number, "bp": "e"} // of the slice in which it lies
			to = add(to, arrow, "message", e.on.track, (e.start+e.end)/2)
		}
	}
	if e.users != w.users || e.queued != w.queued {
		w.users, w.queued = e.users, e.queued
		to = add(to, object{"ph": "C", "args": object{"users": e.users}}, "users", loopTrack, e.end)
		to = add(to, object{"ph": "C", "args": object{"bytes": e.queued}}, "queued bytes", loopTrack, e.end)
	}
	return to
}

// track gives a connection its track, and the track a name whenever that is new.
func (w *jsonWriter) track(to []byte, p *endpoint) []byte {
	if p.track == 0 {
		w.tracks++
		p.track = w.tracks
	}
	if label := p.String(); label != p.label {
		p.label = label
		to = add(to, object{"ph": "M", "args": object{"name": label}}, "thread_name", p.track, 0)
	}
	return to
}

// loopTrack is the loop's track. The process has the same number, so viewers take the track for its main
// thread and show it first.
const loopTrack = 1

// add appends an event. Times are in microseconds.
func add(to []byte, e object, name string, track int, start time.Duration) []byte {
	e["name"], e["pid"], e["tid"], e["ts"] = name, loopTrack, track, micros(start)
	text, _ := json.Marshal(e) // nothing in it can fail
	return append(append(to, ",\n"...), text...)
}

func micros(d time.Duration) json.Number {
	return json.Number(fmt.Sprintf("%d.%03d", d/time.Microsecond, d%time.Microsecond))
}
