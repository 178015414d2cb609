package trace

import (
	"strconv"
	"time"
)

// A chrome is a trace for a viewer, in the Trace Event Format that chrome://tracing and Perfetto
// open: an array of events in JSON, one a line. The format lets the end of the array be missing, so
// a server that is killed leaves a file that can be opened.
//
// The loop is a track of its own, on which turns are slices and the calls are slices inside them;
// between the turns it sleeps. Each connection has a track for the calls that concern it, which no
// later connection gets again. An arrow leads from each SEND to the write that took the last byte of
// its DELIVERY, and from there to the write that took the last byte of its SEND-OK.
type chrome struct {
	tracks int // that there are
}

// loopTrack is the track of the loop. With the number of the process it is the main thread, which
// viewers put first.
const loopTrack = 1

func newChrome() *chrome { return &chrome{tracks: loopTrack} }

func (c *chrome) first(to []byte) []byte {
	to = append(to, "[\n"...)
	to = named(to, "process_name", loopTrack, "chatd")
	return named(to, "thread_name", loopTrack, "the loop")
}

func (c *chrome) begin(to []byte, t *turn) []byte {
	name := "before the first turn"
	if t.number > 0 {
		name = "turn " + strconv.Itoa(t.number)
	}
	to = head(to, 'B', name, loopTrack, t.at)
	to = append(to, `,"args":{"slept":`...)
	to = quoteJSON(to, short(t.slept).String())
	to = strconv.AppendInt(append(to, `,"signals":`...), int64(t.signals), 10)
	if t.err != nil {
		to = quoteJSON(append(to, `,"failed":`...), t.err.Error())
	}
	to = append(to, `,"ready":[`...)
	for i, who := range t.ready {
		if i > 0 {
			to = append(to, ',')
		}
		to = quoteJSON(to, who)
	}
	return append(to, "]}},\n"...)
}

func (c *chrome) tell(to []byte, e *event) []byte {
	track, name := loopTrack, string(e.call)+" "+e.who.String()
	if e.who.track != 0 {
		to = slice(to, name, loopTrack, e)
		to = append(to, "},\n"...)
		track, name = e.who.track, string(e.call)
	}
	to = slice(to, name, track, e)
	to = append(to, `,"args":{"what":`...)
	to = quoteJSON(to, string(e.appendStory(nil)))
	to = append(to, "}},\n"...)
	for _, s := range e.steps {
		to = arrow(to, s, track, (e.start+e.end)/2)
	}
	return to
}

// slice begins a slice: something that took from one time to another.
func slice(to []byte, name string, track int, e *event) []byte {
	to = head(to, 'X', name, track, e.start)
	return micros(append(to, `,"dur":`...), e.end-e.start)
}

// arrow is the beginning, the middle or the end of one. It belongs to the slice in which it lies
// ("bp":"e").
func arrow(to []byte, s step, track int, at time.Duration) []byte {
	to = head(to, "stf"[s.stage], "message", track, at)
	to = append(to, `,"cat":"message","bp":"e","id":`...)
	to = strconv.AppendUint(to, s.message.number, 10)
	return append(to, "},\n"...)
}

// know gives a connection its track, or the track the name of its user.
func (c *chrome) know(to []byte, p *party) []byte {
	if p.track == 0 {
		c.tracks++
		p.track = c.tracks
	}
	return named(to, "thread_name", p.track, p.String())
}

func (c *chrome) count(to []byte, at time.Duration, users, queued int) []byte {
	for _, counter := range []struct {
		name  string
		value int
	}{{"users", users}, {"queued bytes", queued}} {
		to = head(to, 'C', counter.name, loopTrack, at)
		to = append(to, `,"args":{"now":`...)
		to = strconv.AppendInt(to, int64(counter.value), 10)
		to = append(to, "}},\n"...)
	}
	return to
}

func (c *chrome) finish(to []byte, at time.Duration) []byte {
	return append(head(to, 'E', "", loopTrack, at), "},\n"...)
}

// last closes the array as well, so that the file is then good JSON for everybody.
func (c *chrome) last(to []byte, at time.Duration, why string, inTurn bool) []byte {
	if inTurn {
		to = c.finish(to, at)
	}
	return append(head(to, 'i', why, loopTrack, at), `,"s":"g"}`+"\n]\n"...)
}

// named is the name of the process or of a track.
func named(to []byte, what string, track int, name string) []byte {
	to = append(to, `{"ph":"M","name":"`...)
	to = append(to, what...)
	to = append(to, `","pid":1,"tid":`...)
	to = strconv.AppendInt(to, int64(track), 10)
	to = append(to, `,"args":{"name":`...)
	to = quoteJSON(to, name)
	return append(to, "}},\n"...)
}

// head begins an event: its phase, which is its kind, its name if it has one, its track and its
// time.
func head(to []byte, phase byte, name string, track int, at time.Duration) []byte {
	to = append(to, `{"ph":"`...)
	to = append(to, phase, '"')
	if name != "" {
		to = quoteJSON(append(to, `,"name":`...), name)
	}
	to = append(to, `,"pid":1,"tid":`...)
	to = strconv.AppendInt(to, int64(track), 10)
	return micros(append(to, `,"ts":`...), at)
}

// micros is a time in microseconds, which is what the format counts in.
func micros(to []byte, d time.Duration) []byte {
	to = strconv.AppendInt(to, int64(d/time.Microsecond), 10)
	thousandth := int64(d%time.Microsecond) + 1000
	to = append(to, '.')
	return append(to, strconv.FormatInt(thousandth, 10)[1:]...)
}

// quoteJSON is a text in JSON. It has been made safe before: there is no control character in it,
// and it is whole UTF-8.
func quoteJSON(to []byte, text string) []byte {
	to = append(to, '"')
	for i := range len(text) {
		if text[i] == '"' || text[i] == '\\' {
			to = append(to, '\\')
		}
		to = append(to, text[i])
	}
	return append(to, '"')
}
