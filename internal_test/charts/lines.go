package main

import (
	"errors"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// none is where on the logarithmic axis no idle client at all stands.
const none = 10

// pollers are drawn in these colours and shapes.
var pollers = []struct {
	name  string
	style draw.GlyphStyle
}{
	{"select", draw.GlyphStyle{Color: red, Radius: 5, Shape: draw.PyramidGlyph{}}},
	{"poll", draw.GlyphStyle{Color: orange, Radius: 5, Shape: draw.BoxGlyph{}}},
	{"epoll", draw.GlyphStyle{Color: blue, Radius: 5, Shape: draw.CircleGlyph{}}},
}

// points are the medians of a sweep with their ranges.
type points struct {
	plotter.XYs
	plotter.YErrors
}

// idleLines draws one figure over the number of idle clients, a line for each way to wait.
func idleLines(r *record, figure, title, unit string) (*chart, error) {
	c := newChart(title, unit)
	c.right = 4 // the lines have their names beside them
	c.plot.X.Label.Text = "idle clients, log scale"
	c.plot.X.Scale, c.plot.Y.Scale = plot.LogScale{}, plot.LogScale{}
	c.plot.X.Tick.Marker = plot.ConstantTicks{
		{Value: none, Label: "0"},
		{Value: 100, Label: "100"},
		{Value: 1_000, Label: "1k"},
		{Value: 10_000, Label: "10k"},
		{Value: 19_000, Label: "19k"},
	}
	c.plot.X.Min, c.plot.X.Max = none, 19_000
	grid(c.plot)
	lowest, highest := math.Inf(1), 0.0
	for _, p := range pollers {
		sweep := r.sweep(figure, p.name)
		if len(sweep) == 0 {
			continue
		}
		line, dots, ranges, err := connect(sweep, p.style)
		if err != nil {
			return nil, err
		}
		c.plot.Add(line, ranges, dots)
		name, err := labelOf(p.name, sweep[len(sweep)-1], p.style.Color)
		if err != nil {
			return nil, err
		}
		c.plot.Add(name)
		for _, s := range sweep {
			lowest, highest = min(lowest, s.Min), max(highest, s.Max)
		}
	}
	if highest == 0 {
		return nil, errors.New("nothing was measured with idle clients")
	}
	c.plot.Y.Min, c.plot.Y.Max, c.plot.Y.Tick.Marker = logAxis(lowest, highest)
	return c, nil
}

// labelOf writes the name of a line beside its last point: on the right at the end of the axis, else
// above on the left, where no other line goes on.
func labelOf(name string, last series, colour color.Color) (*plotter.Labels, error) {
	at := plotter.XYs{{X: max(none, float64(last.Idle)), Y: last.Median}}
	label, err := plotter.NewLabels(plotter.XYLabels{XYs: at, Labels: []string{name}})
	if err != nil {
		return nil, err
	}
	style := &label.TextStyle[0]
	style.Color, style.Font.Size, style.XAlign, style.YAlign = colour, 18, text.XLeft, text.YCenter
	label.Offset = vg.Point{X: 10}
	if last.Idle < 19_000 {
		style.XAlign, style.YAlign, label.Offset = text.XRight, text.YBottom, vg.Point{X: -8, Y: 2}
	}
	return label, nil
}

func connect(sweep []series, style draw.GlyphStyle) (*plotter.Line, *plotter.Scatter, *plotter.YErrorBars, error) {
	var at points
	for _, s := range sweep {
		at.XYs = append(at.XYs, plotter.XY{X: max(none, float64(s.Idle)), Y: s.Median})
		at.YErrors = append(at.YErrors, struct{ Low, High float64 }{s.Median - s.Min, s.Max - s.Median})
	}
	line, dots, err := plotter.NewLinePoints(at.XYs)
	if err != nil {
		return nil, nil, nil, err
	}
	line.Color, line.Width, dots.GlyphStyle = style.Color, vg.Points(2.5), style
	ranges, err := plotter.NewYErrorBars(at)
	if err != nil {
		return nil, nil, nil, err
	}
	ranges.Color = style.Color
	return line, dots, ranges, nil
}

// logAxis is an axis from below the lowest value to above the highest, with ticks at 1, 2 and 5
// times each power of ten.
func logAxis(lowest, highest float64) (least, most float64, ticks plot.ConstantTicks) {
	least, most = lowest/1.3, highest*1.3
	step := 1
	if most/least > 1000 {
		step = 3 // powers of ten alone
	}
	for power := math.Floor(math.Log10(least)); power <= math.Log10(most); power++ {
		for i, factor := range []float64{1, 2, 5} {
			if v := factor * math.Pow(10, power); v >= least && v <= most && i%step == 0 {
				ticks = append(ticks, plot.Tick{Value: v, Label: short(v)})
			}
		}
	}
	return least, most, ticks
}

// grid draws faint lines behind the values.
func grid(p *plot.Plot) {
	g := plotter.NewGrid()
	g.Vertical.Color = nil
	g.Horizontal.Color, g.Horizontal.Width = faint, vg.Points(0.5)
	p.Add(g)
}
