package output_test

import (
	"os"
	"testing"

	"chatd/internal_test/daemon"
)

func TestMain(m *testing.M) { os.Exit(daemon.Main(m)) }

func TestPollers(t *testing.T) {
	daemon.AgainWithEachPoller(t,
		"TestB13AbsenceAndMoreThanATurnTakes", "TestD1ShortWrites", "TestD2NoSendOKBeforeTheLastByte",
		"TestD3TargetDiesWithDeliveryHalfSent", "TestD4SenderDiesWithDeliveryHalfSent", "TestD5SendTimeout",
		"TestD13LastWordsArrive", "TestD14WriteAfterThePeerClosed")
}
