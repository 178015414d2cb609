package main

import (
	"bytes"
	"fmt"
	"html"
	"image/color"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	width       = 24 * vg.Centimeter // 16:9, as a slide is
	height      = 13.5 * vg.Centimeter
	legendWidth = 6.0 * vg.Centimeter
)

// The charts have no background. All colours are of a middle brightness, so that they can be told
// from a white page and from a dark one: their contrast is 3 at least with both.
var (
	ink    = color.NRGBA{0x7a, 0x82, 0x8e, 0xff}
	faint  = color.NRGBA{0x7a, 0x82, 0x8e, 0x50} // of lines that may be overlooked
	blue   = color.NRGBA{0x2f, 0x81, 0xf7, 0xff}
	red    = color.NRGBA{0xe5, 0x48, 0x4d, 0xff}
	green  = color.NRGBA{0x2a, 0x9d, 0x4e, 0xff}
	orange = color.NRGBA{0xd0, 0x76, 0x1b, 0xff}
	purple = color.NRGBA{0xa0, 0x6b, 0xdc, 0xff}
	teal   = color.NRGBA{0x1a, 0x97, 0xa6, 0xff}
	pink   = color.NRGBA{0xd0, 0x55, 0x9b, 0xff}

	palette = []color.NRGBA{blue, ink, green, teal, orange, purple, pink, red}
)

// A chart is a plot with its legend beside it.
type chart struct {
	title  string
	plot   *plot.Plot
	legend plot.Legend
	right  vg.Length // the room on the right of the plot, for the legend
}

func newChart(title, unit string) *chart {
	c := &chart{title: title, plot: plot.New(), legend: plot.NewLegend(), right: legendWidth}
	p := c.plot
	p.BackgroundColor = nil
	p.Title.Text = title
	p.Title.TextStyle.Color = ink
	p.Title.TextStyle.Font.Size = 20
	p.Title.Padding = 8
	p.Y.Label.Text = unit
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Color = ink
		axis.Label.TextStyle.Color = ink
		axis.Label.TextStyle.Font.Size = 16
		axis.Tick.Color = ink
		axis.Tick.Label.Color = ink
		axis.Tick.Label.Font.Size = 16
		axis.Padding = 4
	}
	c.legend.TextStyle.Color = ink
	c.legend.TextStyle.Font.Size = 16
	c.legend.Top, c.legend.Left = true, true
	c.legend.YOffs = -30
	c.legend.Padding = 4
	c.legend.ThumbnailWidth = 18
	return c
}

// svg is the chart as a file.
func (c *chart) svg() []byte {
	canvas := vgsvg.New(width, height)
	all := draw.New(canvas)
	c.plot.Draw(draw.Crop(all, 4, -c.right, 4, -4))
	c.legend.Draw(draw.Crop(all, width-legendWidth+8, 0, 0, 0))
	var out bytes.Buffer
	canvas.WriteTo(&out)
	return []byte(finish(out.String(), c.title))
}

// finish has readers that cannot see the chart told its title, and names fonts to fall back to where
// the one that the text was measured with is not installed. Its metrics are those of Arial.
func finish(svg, title string) string {
	svg = strings.ReplaceAll(svg, "font-family:Liberation Sans", "font-family:Liberation Sans,Arial,Helvetica,sans-serif")
	start := strings.Index(svg, "<svg")
	end := start + strings.Index(svg[start:], ">") + 1
	return svg[:end] + fmt.Sprintf("\n<title>%s</title>", html.EscapeString(title)) + svg[end:]
}

func init() {
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	plotter.DefaultFont = plot.DefaultFont
}

// short writes a number with three digits at most, as 1.2k or 0.25.
func short(v float64) string {
	switch {
	case v >= 999_500:
		return fmt.Sprintf("%.3gM", v/1e6)
	case v >= 999.5:
		return fmt.Sprintf("%.3gk", v/1e3)
	}
	return fmt.Sprintf("%.3g", v)
}
