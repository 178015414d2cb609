package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// A mutant whose text has moved on is no mutant any more. Each must stand exactly once in its file.
func TestEveryEditFitsTheCode(t *testing.T) {
	for _, m := range mutants {
		for _, e := range m.edits {
			text, err := os.ReadFile(filepath.Join("../../..", e.file))
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(text, []byte(e.old)); n != 1 {
				t.Errorf("%s: %q stands %d times in %s", m.story, e.old, n, e.file)
			}
		}
	}
}
