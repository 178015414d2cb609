package conversation

import (
	"fmt"
	"path/filepath"
	"testing"
)

// Each runs a subtest for every conversation of protocol/testdata.
func Each(t *testing.T, test func(t *testing.T, talk *Conversation)) {
	t.Helper()
	var paths []string
	for root := "."; len(paths) == 0; root = filepath.Join(root, "..") {
		if len(root) > 100 {
			t.Fatal("no folder above this one has conversations in protocol/testdata")
		}
		paths, _ = filepath.Glob(filepath.Join(root, "protocol/testdata/*.txt"))
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			talk, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			test(t, talk)
		})
	}
}

// Flags are the server's flags for the limits of a conversation.
func (c *Conversation) Flags() []string {
	return []string{"--max-users", fmt.Sprint(c.Users), "--max-line", fmt.Sprint(c.MaxLine)}
}
