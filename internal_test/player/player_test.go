package player_test

import (
	"os"
	"testing"

	"chatd/internal_test/conversation"
	"chatd/internal_test/daemon"
	"chatd/internal_test/player"
)

func TestMain(m *testing.M) { os.Exit(daemon.Main(m)) }

// The conversations of protocol/testdata are held with the daemon over TCP.
func TestConversations(t *testing.T) {
	t.Parallel()
	conversation.Each(t, func(t *testing.T, talk *conversation.Conversation) {
		t.Parallel()
		d := daemon.Start(t, talk.Flags()...)
		p := player.New(t, &player.TCP{Address: d.Address})
		p.Hold(talk)
		p.Close()
		if talk.Users >= 2 {
			d.CheckInvariants(t)
		}
	})
}

// The same with the two other ways to wait.
func TestPollers(t *testing.T) { daemon.AgainWithEachPoller(t, "TestConversations") }
