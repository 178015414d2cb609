package contender

import "testing"

// A source that is not there is an error before the contender runs.
func TestBuildWithoutSource(t *testing.T) {
	missing := Contender{Name: "nowhere", target: "nowhere.py", start: []string{"false"}}
	if err := missing.Build(t.TempDir(), t.TempDir()); err == nil {
		t.Error("a source that is not there was found")
	}
}
