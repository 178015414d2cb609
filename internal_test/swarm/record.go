package main

import (
	"encoding/json"
	"os"
	"slices"

	"chatd/internal_test/contender"
)

// A record is all that `figures` has measured. It is what the tables and the charts are made of.
type record struct {
	Command string   `json:"command"`
	Date    string   `json:"date"`
	Machine machine  `json:"machine"`
	Rounds  int      `json:"rounds"`
	Many    int      `json:"many_clients"`
	Few     int      `json:"few_clients"`
	Rest    float64  `json:"rest_seconds"`
	Calls   string   `json:"system_calls_by"` // "": could not be counted
	LeftOut []string `json:"left_out,omitempty"`
	Limited []string `json:"generator_was_bottleneck,omitempty"`
	Series  []series `json:"series"`
}

// A series is one figure of one server under one load, measured once in each round. Only system
// calls may have fewer values: none where no message got through while they were counted.
type series struct {
	key
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Values []float64 `json:"values"` // by round
}

// A key says what was measured.
type key struct {
	Load   string `json:"load"`
	Figure figure `json:"figure"` // with its unit
	Server string `json:"server"`
	Idle   int    `json:"idle"` // clients beside the load
}

type figure string

const (
	cpuEach      figure = "CPU us/message"
	rate         figure = "messages/s"
	p50          figure = "p50 us"
	p99          figure = "p99 us"
	callsEach    figure = "system calls/message"
	writesEach   figure = "writes/message"
	switchesEach figure = "context switches/message" // voluntary ones
	privateEach  figure = "private bytes/client"
	restTicks    figure = "ticks at rest"
	restSwitches figure = "context switches at rest"
	cost         figure = "ns" // of one part of a message
)

// add appends a round's value to a series.
func (r *record) add(k key, value float64) {
	i := slices.IndexFunc(r.Series, func(s series) bool { return s.key == k })
	if i < 0 {
		i = len(r.Series)
		r.Series = append(r.Series, series{key: k})
	}
	s := &r.Series[i]
	s.Values = append(s.Values, value)
	s.Median, s.Min, s.Max = middle(s.Values), slices.Min(s.Values), slices.Max(s.Values)
}

// drop forgets what has been measured of a server under a load.
func (r *record) drop(server, load string) {
	r.Series = slices.DeleteFunc(r.Series, func(s series) bool { return s.Server == server && s.Load == load })
}

// values are the values of a series, nil if there is none.
func (r *record) values(k key) []float64 {
	for _, s := range r.Series {
		if s.key == k {
			return s.Values
		}
	}
	return nil
}

// ratios divides two series round by round: what was measured one after the other is compared. It
// is nil where one is missing or is not above 0.
func (r *record) ratios(of, to key) (ratios []float64) {
	a, b := r.values(of), r.values(to)
	for i := range min(len(a), len(b)) {
		if b[i] > 0 {
			ratios = append(ratios, a[i]/b[i])
		}
	}
	return ratios
}

// servers are those of which something was measured, in the order of the table of contenders.
func (r *record) servers() (names []string) {
	for _, c := range contender.All() {
		if slices.ContainsFunc(r.Series, func(s series) bool { return s.Server == c.Name }) {
			names = append(names, c.Name)
		}
	}
	return names
}

// middle is the median; of an even number of values the higher of the two.
func middle(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

func (r *record) save(path string) error {
	return saveJSON(path, r)
}

func loadRecord(path string) (*record, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(record)
	return r, json.Unmarshal(text, r)
}
