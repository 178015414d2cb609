package peers_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"chatd/internal_test/conversation"
	"chatd/internal_test/stage"
)

// The conversations of protocol/testdata, which chatd's own tests hold with the daemon, are held
// with every peer.
func TestConversations(t *testing.T) {
	paths, _ := filepath.Glob("../../protocol/testdata/*.txt")
	if len(paths) == 0 {
		t.Fatal("protocol/testdata has no conversations")
	}
	each(t, func(t *testing.T, p peer) {
		for _, path := range paths {
			t.Run(filepath.Base(path), func(t *testing.T) {
				t.Parallel()
				if reason := p.unplayed[filepath.Base(path)]; reason != "" {
					t.Skipf("this peer does not hold it: %s", reason)
				}
				talk, err := conversation.Load(path)
				if err != nil {
					t.Fatal(err)
				}
				limits := []string{"--max-users", fmt.Sprint(talk.Users), "--max-line", fmt.Sprint(talk.MaxLine)}
				s := stage.New(t, p.run(t, limits...))
				for _, step := range talk.Steps {
					s.Play(step)
				}
				s.End()
			})
		}
	})
}
