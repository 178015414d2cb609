package accept_test

import (
	"os"
	"testing"

	"chatd/internal_test/daemon"
)

func TestMain(m *testing.M) { os.Exit(daemon.Main(m)) }

func TestPollers(t *testing.T) {
	daemon.AgainWithEachPoller(t, "TestA5ResetBeforeAccept", "TestA9UsersAmongUnauthenticated")
}
