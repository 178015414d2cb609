package main

import (
	"errors"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
)

// parts are the parts of one message, in the order in which they happen.
var parts = []struct {
	name   string
	colour color.NRGBA
}{
	{"wait", red},
	{"read", orange},
	{"write DELIVERY", green},
	{"write SEND-OK", teal},
	{"machine", blue},
	{"loop", purple},
	{restPart, ink},
}

// restPart is what a server costs above the sum of its parts: waking and being woken, switching to
// another process, caches gone cold.
const restPart = "rest"

// apart draws the cost of one message as bars that are stacked of its parts. What a system call
// costs where no process sleeps is also taken for its part in a server; one wait that serves several
// messages is shared among them.
func apart(r *record) (*chart, error) {
	c := newChart("One message, taken apart", "")
	c.plot.X.Label.Text = "microseconds of CPU"
	bare, ok := bareParts(r)
	if !ok {
		return nil, errors.New("no message was taken apart")
	}
	rows := []string{"system calls, bare"}
	costs := []map[string]float64{{
		"wait": bare["wait"], "read": bare["read"],
		"write DELIVERY": bare["write DELIVERY"], "write SEND-OK": bare["write SEND-OK"],
	}}
	for _, load := range []group{{", 1 pair", onePair}, {", 50 pairs", pairs}} {
		for _, server := range []string{"c", "chatd"} {
			if shares, ok := shares(r, bare, server, load.load); ok {
				rows = append(rows, server+load.label)
				costs = append(costs, shares)
			}
		}
	}
	var below *plotter.BarChart
	for _, part := range parts {
		values := make(plotter.Values, len(rows))
		for i := range rows {
			values[len(rows)-1-i] = costs[i][part.name] / 1e3 // the first row is the topmost
		}
		bars, err := plotter.NewBarChart(values, 34)
		if err != nil {
			return nil, err
		}
		bars.Horizontal, bars.Color, bars.LineStyle.Width = true, part.colour, 0
		if below != nil {
			bars.StackOn(below)
		}
		below = bars
		c.plot.Add(bars)
		c.legend.Add(part.name, bars)
	}
	names := make([]plot.Tick, len(rows))
	for i, row := range rows {
		names[i] = plot.Tick{Value: float64(len(rows) - 1 - i), Label: row}
	}
	c.plot.Y.Tick.Marker = plot.ConstantTicks(names)
	c.plot.X.Max *= 1.03
	c.plot.Y.Min, c.plot.Y.Max, c.plot.X.Min = -0.6, float64(len(rows))-0.4, 0
	return c, nil
}

// bareParts are the costs that were measured one by one, in nanoseconds.
func bareParts(r *record) (ns map[string]float64, ok bool) {
	ns = make(map[string]float64)
	for _, part := range parts {
		if s, found := r.find(partsLoad, cost, part.name); found {
			ns[part.name] = max(0, s.Median)
			ok = true
		}
	}
	return ns, ok
}

// shares splits the CPU that a server took for a message, in nanoseconds. Of the server in C it is
// not known what its own work costs: that is in the rest.
func shares(r *record, bare map[string]float64, server, load string) (ns map[string]float64, ok bool) {
	cpu, ok := r.find(load, cpuEach, server)
	if !ok {
		return nil, false
	}
	ns = make(map[string]float64)
	rest := 1e3 * cpu.Median
	for _, part := range parts {
		share := bare[part.name]
		switch part.name {
		case "wait":
			if calls, ok := r.find(load, callsEach, server); ok {
				share *= min(1, max(0, calls.Median-3)) // there are three other calls
			}
		case "machine", "loop":
			if server != "chatd" {
				share = 0
			}
		}
		ns[part.name] = min(share, rest)
		rest -= ns[part.name]
	}
	ns[restPart] = rest
	return ns, true
}
