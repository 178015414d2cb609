package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"chatd/internal_test/tables"
)

var update = flag.Bool("update", false, "write the tables of the scenes and of what they reach in docs/simulation.md")

const (
	page        = "../../docs/simulation.md"
	sceneHeader = "| scene | what happens | bound | schedules | seconds | mistakes found |"
)

// explored is every path of every scene within its bound, gone through once for all tests.
var explored = sync.OnceValues(func() ([]*exploration, error) {
	all := explorations("", -1, "")
	return all, exploreAll(all, "", io.Discard)
})

// In every path of every scene all rules hold. The table says how many there are, so that a change of
// the tree of choices is seen.
func TestEveryPathOfEveryScene(t *testing.T) {
	if testing.Short() {
		if err := exploreAll(explorations("", 1, ""), "", io.Discard); err != nil {
			t.Error(err)
		}
		return
	}
	all, err := explored()
	if err != nil {
		t.Fatal(err)
	}
	compare(t, sceneHeader, func(was map[string][]string) (rows [][]string) {
		for _, e := range all {
			row := []string{e.name, e.story, strconv.Itoa(e.bound), strconv.Itoa(e.schedules), fmt.Sprintf("%.1f", e.took.Seconds()), ""}
			if old := was[e.name]; len(old) == len(row) {
				if row[5] = old[5]; slices.Equal(old[:4], row[:4]) {
					row[4] = old[4]
				}
			}
			rows = append(rows, row)
		}
		return rows
	})
}

// The same, with fewer paths, for kernels that report events as select and poll do.
func TestScenesAsSelectAndPollReport(t *testing.T) {
	for _, poller := range []string{"select", "poll"} {
		if err := exploreAll(explorations("", 1, poller), "", io.Discard); err != nil {
			t.Error(err)
		}
	}
}

// compare compares a table of the page with the rows that it should have, or writes them there. The
// rows that are there are given by their first cell.
func compare(t *testing.T, header string, rows func(was map[string][]string) [][]string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	there, err := tables.Rows(string(text), header)
	if err != nil {
		t.Fatal(err)
	}
	was := map[string][]string{}
	for _, row := range there {
		was[row[0]] = row
	}
	now, err := tables.Replace(string(text), header, rows(was))
	switch {
	case err != nil:
		t.Fatal(err)
	case *update:
		if err := os.WriteFile(page, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	case now != string(text):
		t.Errorf("%s has another table than go test ./internal_test/simulation -update writes; it would be\n%s", page, now[strings.Index(now, header):])
	}
}

// A path goes through a tree depth first, as far as the bound allows, and goes on from its text.
func TestPathGoesThroughTheTree(t *testing.T) {
	leaf := func(p *path) string { // two choices, of which the second depends on the first
		p.begin()
		first := p.Choose(3, "first")
		p.Choose(1, "no choice")
		return fmt.Sprint(first, p.Choose(1+first, "second"), p.Choose(2, "third"))
	}
	for bound, want := range [][]string{
		{"0 0 0"},
		{"0 0 0", "0 0 1", "1 0 0", "2 0 0"},
		{"0 0 0", "0 0 1", "1 0 0", "1 0 1", "1 1 0", "2 0 0", "2 0 1", "2 1 0", "2 2 0"},
	} {
		p, got := &path{bound: bound}, []string(nil)
		for again := true; again; again = p.next() {
			var err error
			if p, err = parsePath(p.String()); err != nil { // as if it had been stopped here
				t.Fatal(err)
			}
			p.bound = bound
			got = append(got, leaf(p))
		}
		if !slices.Equal(got, want) {
			t.Errorf("bound %d: %q, expected %q", bound, got, want)
		}
	}
}

// An exploration that is stopped and goes on from its file goes through the same paths.
func TestExplorationGoesOnFromItsFile(t *testing.T) {
	whole := explorations("send", 1, "")[0]
	whole.explore(time.Now().Add(time.Hour))
	text, stops := "", 0
	for e := new(exploration); !e.done; stops++ {
		if e = explorations("send", 1, "")[0]; text != "" {
			if err := e.resume(text); err != nil {
				t.Fatal(err)
			}
		}
		e.explore(time.Now().Add(100 * time.Microsecond))
		text = e.String()
		if e.done && e.schedules != whole.schedules {
			t.Errorf("with %d stops there are %d schedules, without %d", stops, e.schedules, whole.schedules)
		}
	}
}

// The text of a path replays it: each call of the kernel and each step of a client is the same.
func TestPathIsReplayed(t *testing.T) {
	for _, name := range []string{"send", "busy", "stop"} {
		sc := explorations(name, 1, "")[0].scene
		p := &path{bound: 1}
		for again := true; again; again = p.next() {
			want := traced(t, sc, p)
			replay, err := parsePath(p.String())
			if err != nil {
				t.Fatal(err)
			}
			if got := traced(t, sc, replay); got != want {
				t.Fatalf("scene %s, path %s:\n%s\nreplayed:\n%s", sc.name, p, want, got)
			}
		}
	}
}

func traced(t *testing.T, sc *scene, p *path) string {
	t.Helper()
	var b strings.Builder
	if _, err := sc.run("", p, func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// unmet is what neither the scenes nor the seeds reach, and why.
var unmet = []struct {
	fault fault
	why   string
	in    []phase
}{
	{shortRead, "it is not read in these phases", []phase{phasePending, phaseEOF, phaseDraining}},
	{interrupt, "no call is made for it in this phase", []phase{phasePending}},
	{shortWrite, "nothing is queued for it", []phase{phaseUser, phasePending, phaseLingers}},
	{noBuffers, "nothing is queued for it", []phase{phaseUser, phasePending, phaseLingers}},
	{tableFull, "after the stop nothing is accepted", []phase{phaseStopping}},
	{aborted, "it has not been accepted", []phase{phaseNew, phaseUser, phasePending, phaseQueued, phaseEOF, phaseDraining, phaseLingers, phaseStopping}},
	{addFails, "it is registered once", []phase{phaseNew, phaseUser, phasePending, phaseQueued, phaseEOF, phaseDraining, phaseLingers, phaseStopping}},
	{modifyFails, "it is not registered yet", []phase{phaseBacklog}},
	{modifyFails, "the phase ends before the interest is set", []phase{phaseEOF}},
	{fewEvents, "the phase ends in the turn in which it begins", []phase{phaseEOF}},
	{jump, "the phase ends in the turn in which it begins", []phase{phaseEOF}},
	{limit, "the phase ends in the turn in which it begins", []phase{phaseEOF}},
	{figures, "the phase ends in the turn in which it begins", []phase{phaseEOF}},
	{stop, "the phase ends in the turn in which it begins", []phase{phaseEOF}},
	{halfClose, "it has ended its input already", []phase{phaseEOF}},
}

const reachSeeds = 1000

var reachHeader = "| fault | " + strings.Join(phaseNames[:], " | ") + " |"

// Each fault meets connections in each phase, by the scenes or by the seeds, or it is said why it cannot.
func TestEachFaultMeetsEachPhase(t *testing.T) {
	if testing.Short() {
		t.Skip("takes every scene and 1,000 seeds")
	}
	all, err := explored()
	if err != nil {
		t.Fatal(err)
	}
	var scenes, seeds counts
	for _, e := range all {
		scenes.add(e.counts)
	}
	for seed := range uint64(reachSeeds) {
		c, _ := run(settings{seed: seed}, seeded(seed), nil)
		seeds.add(c)
	}
	compare(t, "| fault | phases | why |", func(map[string][]string) (rows [][]string) {
		for _, u := range unmet {
			var in []string
			for _, p := range u.in {
				in = append(in, phaseNames[p])
			}
			rows = append(rows, []string{faultNames[u.fault], strings.Join(in, ", "), u.why})
		}
		return rows
	})
	excused := map[fault][phases]bool{}
	for _, u := range unmet {
		row := excused[u.fault]
		for _, p := range u.in {
			row[p] = true
		}
		excused[u.fault] = row
	}
	compare(t, reachHeader, func(map[string][]string) (rows [][]string) {
		for f := range faultKinds {
			row := []string{faultNames[f]}
			for p := range phases {
				byScenes, bySeeds := *scenes.reached(f, p) > 0, *seeds.reached(f, p) > 0
				if neither := !byScenes && !bySeeds; neither != excused[f][p] {
					t.Errorf("%s, %s: met by scenes %v, by seeds %v, and unmet by neither: %v", faultNames[f], phaseNames[p], byScenes, bySeeds, excused[f][p])
				}
				cell := "-"
				switch {
				case byScenes && bySeeds:
					cell = "both"
				case byScenes:
					cell = "scenes"
				case bySeeds:
					cell = "seeds"
				}
				row = append(row, cell)
			}
			rows = append(rows, row)
		}
		return rows
	})
}
