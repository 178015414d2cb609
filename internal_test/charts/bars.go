package main

import (
	"errors"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// A group is the bars of one load.
type group struct {
	label string
	load  string
}

var loads = []group{
	{"1 pair", onePair},
	{"50 pairs", pairs},
	{"50 x 16", pipeline},
	{"100 to 1", fanin},
	{"LIST", list},
}

// servers are the contenders, in the order of their bars and colours.
var servers = []string{"chatd", "c", "netpoll", "goroutines", "python"}

const groupWidth = 0.8 // of the room that a group has

// groups draws a bar for each server under each load. With a floor above 0 the axis is logarithmic
// and begins there.
func groups(r *record, figure, title, unit string, floor float64, loads []group) (*chart, error) {
	c := newChart(title, unit)
	scale := func(v float64) float64 { return v }
	if floor > 0 {
		scale = func(v float64) float64 { return max(0, math.Log10(v/floor)) }
	}
	grid(c.plot)
	present := measured(r, figure, loads)
	if len(present) == 0 {
		return nil, errors.New("nothing was measured")
	}
	room := (width - legendWidth - 2*vg.Centimeter) * groupWidth / vg.Length(len(loads))
	bar := room / vg.Length(len(present))
	highest := 0.0
	for i, server := range present {
		heights, labels := make(plotter.Values, len(loads)), make([]string, len(loads))
		for j, load := range loads {
			if s, ok := r.find(load.load, figure, server); ok {
				heights[j], labels[j] = scale(s.Median), short(s.Median)
				highest = max(highest, s.Median)
			}
		}
		offset := bar * (vg.Length(i) - vg.Length(len(present)-1)/2)
		drawn, err := addBars(c.plot, heights, labels, bar, offset)
		if err != nil {
			return nil, err
		}
		drawn.Color = palette[indexOf(servers, server)]
		c.legend.Add(server, drawn)
	}
	names := make([]string, len(loads))
	for i, load := range loads {
		names[i] = load.label
	}
	c.plot.NominalX(names...)
	c.plot.X.Min, c.plot.X.Max = -0.5, float64(len(loads))-0.5
	c.plot.Y.Min, c.plot.Y.Max = 0, scale(highest)*1.15
	if floor > 0 {
		c.plot.Y.Tick.Marker = decades(floor, highest*3)
	}
	return c, nil
}

// addBars adds one server's bars, each with its value above it.
func addBars(p *plot.Plot, heights plotter.Values, labels []string, width, offset vg.Length) (*plotter.BarChart, error) {
	bars, err := plotter.NewBarChart(heights, width*0.9)
	if err != nil {
		return nil, err
	}
	bars.Offset, bars.LineStyle.Width = offset, 0
	at := make(plotter.XYs, len(heights))
	for i, h := range heights {
		at[i] = plotter.XY{X: float64(i), Y: h}
	}
	values, err := plotter.NewLabels(plotter.XYLabels{XYs: at, Labels: labels})
	if err != nil {
		return nil, err
	}
	values.Offset = vg.Point{X: offset, Y: 3}
	for i := range values.TextStyle {
		style := &values.TextStyle[i]
		style.Color, style.Font.Size = ink, 12
		style.XAlign, style.YAlign = text.XCenter, text.YBottom
		if width < 26 { // too narrow for a number that lies
			style.Rotation = math.Pi / 2
			style.XAlign, style.YAlign = text.XLeft, text.YCenter
		}
	}
	p.Add(bars, values)
	return bars, nil
}

// measured are the servers that have a value under one of the loads at least.
func measured(r *record, figure string, loads []group) (present []string) {
	for _, server := range servers {
		for _, load := range loads {
			if _, ok := r.find(load.load, figure, server); ok {
				present = append(present, server)
				break
			}
		}
	}
	return present
}

// decades are ticks at powers of ten, on an axis of logarithms that begins at floor.
func decades(floor, highest float64) (ticks plot.ConstantTicks) {
	for v := floor; v <= highest; v *= 10 {
		ticks = append(ticks, plot.Tick{Value: math.Log10(v / floor), Label: short(v)})
	}
	return ticks
}

func indexOf(names []string, name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	return -1
}
