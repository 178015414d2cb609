package main

import (
	"encoding/json"
	"os"
)

// A record is what `swarm figures` has measured, as far as it is drawn.
type record struct {
	Series []series `json:"series"`
}

// A series is one figure of one server under one load: its median and range over the rounds.
type series struct {
	Load   string  `json:"load"`
	Figure string  `json:"figure"`
	Server string  `json:"server"`
	Idle   int     `json:"idle"`
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// The loads and figures that are drawn, as the record calls them.
const (
	onePair   = "1 pair, closed loop"
	pairs     = "50 pairs, closed loop"
	pipeline  = "50 senders x 16 in flight to 50"
	fanin     = "100 senders to one, closed loop"
	list      = "LIST at 1,000 users"
	idle      = "idle clients"
	tenPairs  = "10 pairs, closed loop"
	partsLoad = "one message, taken apart"

	cpuEach     = "CPU us/message"
	rate        = "messages/s"
	callsEach   = "system calls/message"
	privateEach = "private bytes/client"
	cost        = "ns"
)

func load(path string) (*record, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(record)
	return r, json.Unmarshal(text, r)
}

// find returns a series; ok is false if it was not measured.
func (r *record) find(load, figure, server string) (s series, ok bool) {
	for _, s := range r.Series {
		if s.Load == load && s.Figure == figure && s.Server == server {
			return s, true
		}
	}
	return s, false
}

// sweep is one figure of a poller beside more and more idle clients.
func (r *record) sweep(figure, poller string) (points []series) {
	for _, s := range r.Series {
		if s.Load == tenPairs && s.Figure == figure && s.Server == poller {
			points = append(points, s)
		}
	}
	return points
}
