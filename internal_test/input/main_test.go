package input_test

import (
	"os"
	"testing"

	"chatd/internal_test/daemon"
)

func TestMain(m *testing.M) { os.Exit(daemon.Main(m)) }

func TestPollers(t *testing.T) {
	daemon.AgainWithEachPoller(t,
		"TestB5ResetWhileNotReadFrom", "TestB6HalfCloseWhileNotReadFrom", "TestB7CaughtUp", "TestB8BothDirectionsShut",
		"TestB10MoreReadyThanATurnTakes", "TestB12InputKeptBack", "TestC14UrgentData")
}
