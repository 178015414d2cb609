package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const fixture = "testdata/figures.json"

// TestCharts draws the charts twice from made-up figures: each must be well-formed XML, show its
// servers, and come out the same.
func TestCharts(t *testing.T) {
	folders := [2]string{t.TempDir(), t.TempDir()}
	for _, folder := range folders {
		if err := drawAll(fixture, folder); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range charts {
		t.Run(c.file, func(t *testing.T) {
			drawn, err := os.ReadFile(filepath.Join(folders[0], c.file))
			if err != nil {
				t.Fatal(err)
			}
			again, err := os.ReadFile(filepath.Join(folders[1], c.file))
			if err != nil || !bytes.Equal(drawn, again) {
				t.Errorf("drawn twice, the two files differ: %v", err)
			}
			said := texts(t, drawn)
			expected := servers
			switch {
			case strings.HasPrefix(c.file, "idle-"):
				expected = []string{"select", "poll", "epoll", "0", "19k"}
			case c.file == "apart.svg":
				expected = []string{"chatd, 1 pair", "c, 50 pairs", "system calls, bare", "machine", restPart}
			}
			for _, text := range expected {
				if !said[text] {
					t.Errorf("no text %q in the chart, it says %v", text, said)
				}
			}
			if bytes.Contains(drawn, []byte("NaN")) || bytes.Contains(drawn, []byte("Inf")) {
				t.Errorf("a place in the chart is no number")
			}
		})
	}
}

// texts reads a whole SVG file and returns what is written in it.
func texts(t *testing.T, svg []byte) map[string]bool {
	t.Helper()
	said := make(map[string]bool)
	inside := ""
	for in := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			return said
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inside = token.Name.Local
		case xml.EndElement:
			inside = ""
		case xml.CharData:
			if inside == "text" {
				said[string(token)] = true
			}
		}
	}
}

// TestTitlesFit: a title stands in the middle above its plot. That of the idle clients was wider than
// its plot, and its first letter was cut off.
func TestTitlesFit(t *testing.T) {
	r, err := load(fixture)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range charts {
		made, err := c.make(r)
		if err != nil {
			t.Fatal(err)
		}
		title := made.plot.Title.TextStyle.Width(made.plot.Title.Text)
		if room := width - 4 - made.right; title > room {
			t.Errorf("the title of %s is %.0f wide, and its plot %.0f", c.file, title, room)
		}
	}
}

// TestChartsOfLess draws what a run without peers and without --poller measures, and refuses what
// measured nothing.
func TestChartsOfLess(t *testing.T) {
	all, err := load(fixture)
	if err != nil {
		t.Fatal(err)
	}
	var some record
	for _, s := range all.Series {
		if s.Server == "chatd" || s.Server == "epoll" || s.Load == partsLoad {
			some.Series = append(some.Series, s)
		}
	}
	for _, c := range charts {
		if _, err := c.make(&some); err != nil {
			t.Errorf("%s of chatd alone: %v", c.file, err)
		}
		if _, err := c.make(&record{}); err == nil {
			t.Errorf("%s of nothing was drawn, expected an error", c.file)
		}
	}
}

// TestColoursAreReadable computes the contrast of each colour with a white page and with GitHub's
// dark one (WCAG 2.1, 1.4.11: 3 at least).
func TestColoursAreReadable(t *testing.T) {
	dark := color.NRGBA{0x0d, 0x11, 0x17, 0xff}
	used := append([]color.NRGBA{ink}, palette...)
	for _, p := range parts {
		used = append(used, p.colour)
	}
	for _, p := range pollers {
		used = append(used, p.style.Color.(color.NRGBA))
	}
	for _, c := range used {
		onWhite, onDark := 1.05/(luminance(c)+0.05), (luminance(c)+0.05)/(luminance(dark)+0.05)
		if onWhite < 3 || onDark < 3 {
			t.Errorf("%v has a contrast of %.1f on white and %.1f on dark, expected 3", c, onWhite, onDark)
		}
	}
}

// luminance is a colour's relative luminance (WCAG 2.1).
func luminance(c color.NRGBA) float64 {
	linear := func(b uint8) float64 {
		v := float64(b) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}
