// Package mistakes has small wrong edits of the product code, of the kind that is easily made and hard to
// see. The simulation is tried on them (internal_test/simulation/mutants), the levels of docs/page are
// some of them, and so are the exercises of docs/exercises.md.
package mistakes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// A Mistake is a story, which says what is wrong, and the edits that make it so.
type Mistake struct {
	Story string
	Edits []Edit
}

// An Edit replaces a text that stands exactly once in its file.
type Edit struct {
	File string `json:"file"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// Find returns the edits of a story.
func Find(story string) []Edit {
	for _, m := range All {
		if m.Story == story {
			return m.Edits
		}
	}
	panic("there is no mistake " + story)
}

// Apply makes edits in the files below root, and returns the texts of those that change. A text that does
// not stand exactly once is an error: the code has changed, and the edit must follow.
func Apply(root string, edits []Edit) (files map[string][]byte, err error) {
	files = map[string][]byte{}
	for _, e := range edits {
		text, ok := files[e.File]
		if !ok {
			if text, err = os.ReadFile(filepath.Join(root, e.File)); err != nil {
				return nil, err
			}
		}
		if n := bytes.Count(text, []byte(e.Old)); n != 1 {
			return nil, fmt.Errorf("%q stands %d times in %s", e.Old, n, e.File)
		}
		files[e.File] = bytes.Replace(text, []byte(e.Old), []byte(e.New), 1)
	}
	return files, nil
}

// Overlay writes the edited files, and the file that puts them in the place of the others: go help build,
// -overlay.
func Overlay(root, scratch string, edits []Edit) (path string, err error) {
	files, err := Apply(root, edits)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for file, text := range files {
		edited := filepath.Join(scratch, fmt.Sprint(len(replace), ".go"))
		replace[filepath.Join(root, file)] = edited
		if err := os.WriteFile(edited, text, 0o644); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path = filepath.Join(scratch, "overlay.json")
	return path, os.WriteFile(path, text, 0o644)
}
