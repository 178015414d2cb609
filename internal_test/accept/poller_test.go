package internal_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

// waitingTests are the tests that know best whether a way of waiting reports what it should, when it
// should, and nothing else.
var waitingTests = []string{
	"TestConversations",
	"TestA5ResetBeforeAccept", "TestA9UsersAmongStrangers",
	"TestB5ResetWhileNotReadFrom", "TestB6HalfCloseWhileNotReadFrom", "TestB7CaughtUp", "TestB8BothDirectionsShut",
	"TestB10MoreReadyThanATurnTakes", "TestB12InputKeptBack", "TestB13AbsenceAndMoreThanATurnTakes",
	"TestC14UrgentData",
	"TestD1ShortWrites", "TestD2NoSendOKBeforeTheLastByte", "TestD3TargetDiesWithDeliveryHalfSent",
	"TestD4SenderDiesWithDeliveryHalfSent", "TestD5SendTimeout", "TestD13LastWordsArrive",
	"TestD14WriteAfterThePeerClosed",
	"TestE1UserGoes", "TestE6CrowdResets",
	"TestG3StopWhenIdle", "TestG3StopWithASlowReader", "TestG7SignalsDuringTheWait",
}

// With --poller select and --poller poll the server does the same as with epoll. These tests run
// again with each; all of them do with
//
//	CHATD_POLLER=poll go test ./internal_test
func TestPollers(t *testing.T) {
	if daemon.Poller != "" {
		t.Skipf("this run is with %s", daemon.Poller)
	}
	t.Parallel()
	for _, poller := range []string{"select", "poll"} {
		t.Run(poller, func(t *testing.T) {
			t.Parallel()
			run := "-test.run=^(" + strings.Join(waitingTests, "|") + ")$"
			again := exec.Command(os.Args[0], run, "-test.v", "-test.short")
			again.Env = append(again.Environ(), "CHATD_POLLER="+poller)
			again.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			output, err := again.CombinedOutput()
			if err != nil {
				t.Errorf("%v: %v\n%s", again, err, output)
			}
			for _, name := range waitingTests {
				if !strings.Contains(string(output), "--- PASS: "+name+" ") && !strings.Contains(string(output), "--- SKIP: "+name+" ") {
					t.Errorf("%s has not run", name)
				}
			}
		})
	}
}

// skipWith skips the rest of a test with the pollers that cannot do what it wants.
func skipWith(t *testing.T, reason string, pollers ...string) {
	t.Helper()
	if slices.Contains(pollers, daemon.Poller) {
		t.Skipf("not with --poller %s, which %s", daemon.Poller, reason)
	}
}

// With --poller select more clients connect than it can wait for. Those who come to have descriptor
// 1024 or above are closed, the log says why, once a second at most, and the others notice nothing. A
// place that becomes free is a place.
func TestSelectIsFull(t *testing.T) {
	t.Parallel()
	const tooMany = 100
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Max < 2*unix.FD_SETSIZE {
		t.Skipf("the limit of %d descriptors (%v) is reached before that of select", limit.Max, err)
	}
	d := daemon.Start(t, "--poller", "select")
	if log := d.Stderr.String(); !strings.HasSuffix(log, " poller=select max_users=976\n") {
		t.Errorf("the log does not say that there are 976 places, 48 less than select has: %s", log)
	}
	p := loginPair(t, d)
	start := time.Now()
	places := unix.FD_SETSIZE - d.Descriptors(t)
	strangers := dialAll(t, d, places+tooMany)
	for _, c := range strangers[places:] {
		c.ExpectEOF()
	}
	p.talk(10)
	d.ExpectIdle(t)
	expectComplaints(t, d, "select cannot wait for descriptor 1024 or above", start)
	strangers[0].Leave()
	d.AwaitDescriptors(t, 2+places-1)
	strangers[1].Login("stranger")
	d.Login(t, "late").Line("LIST")
	p.ada.ExpectNothingBefore("LIST", "LIST-OK ada,bob,stranger,late")
	for _, c := range strangers[2:] {
		c.Close()
	}
	d.AwaitDescriptors(t, 4)
}
