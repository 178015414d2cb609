package player_test

import (
	"os"
	"testing"

	"chatd/internal_test/conversation"
	"chatd/internal_test/daemon"
	"chatd/internal_test/player"
	"chatd/protocol"
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

// The same conversations are held with the loop over the in-memory kernel.
func TestConversationsInMemory(t *testing.T) {
	conversation.Each(t, func(t *testing.T, talk *conversation.Conversation) {
		memory, err := player.NewMemory(protocol.Limits{Users: talk.Users, Line: talk.MaxLine, Name: 255})
		if err != nil {
			t.Fatal(err)
		}
		player.New(t, memory).Hold(talk)
	})
}

// The same with the two other ways to wait.
func TestPollers(t *testing.T) { daemon.AgainWithEachPoller(t, "TestConversations") }
