// Package flags tests the parser of main.go from inside: what each flag changes, and that the usage text has
// the defaults of the code.
package flags

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A13: inside_test.go belongs to package main, and is compiled as if it stood beside main.go.
func TestA13FlagsAndTheUsageText(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{
		"Replace": {filepath.Join(root, "main_test.go"): filepath.Join(root, "internal_test", "flags", "inside_test.go")},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	test := exec.Command("go", "test", "-count=1", "-tags", "inside", "-overlay", file, ".")
	test.Dir = root
	if output, err := test.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
