package internal_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"chatd/internal_test/conversation"
	"chatd/internal_test/daemon"
	"chatd/internal_test/stage"
)

// The conversations of protocol/testdata, which the machine has without sockets, are held with the
// daemon over TCP.
func TestConversations(t *testing.T) {
	t.Parallel()
	paths, _ := filepath.Glob("../protocol/testdata/*.txt")
	if len(paths) == 0 {
		t.Fatal("protocol/testdata has no conversations")
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			talk, err := conversation.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			limits := []string{"--max-users", fmt.Sprint(talk.Users), "--max-line", fmt.Sprint(talk.MaxLine)}
			s := stage.New(t, daemon.Start(t, limits...))
			for _, step := range talk.Steps {
				s.Play(step)
			}
			s.End()
			s.Close()
			if talk.Users >= 2 {
				s.Daemon.CheckInvariants(t)
			}
		})
	}
}
