package process_test

import (
	"io"
	"strings"
	"syscall"
	"testing"

	"chatd/internal_test/daemon"
)

// TestReasons: "why was I closed?" Every reason for which a connection ends is provoked once, and
// is what the log says of that connection and of no other. A witness stays connected. (refused:
// TestReasonRefused.)
func TestReasons(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason  string
		flags   string
		provoke func(*testing.T, *daemon.Daemon)
	}{
		{"eof", "", func(t *testing.T, d *daemon.Daemon) { d.Login(t, "leaves").Leave() }},
		{"reset", "", func(t *testing.T, d *daemon.Daemon) { d.Login(t, "resets").Reset() }},
		{"bad_login", "", func(t *testing.T, d *daemon.Daemon) { d.ExpectRejected(t, "nonsense", "BAD-RQST-HDR") }},
		{"in_use", "", func(t *testing.T, d *daemon.Daemon) { d.ExpectRejected(t, "HELLO-FROM witness", "IN-USE") }},
		{"evicted", "", func(t *testing.T, d *daemon.Daemon) {
			unauthenticated := d.Dial(t)
			d.AwaitDescriptors(t, 2)
			d.LowerLimit(t, d.LowestFree(t))
			d.Dial(t)
			unauthenticated.ExpectEOF()
		}},
		{"login_timeout", "--login-timeout 1s", func(t *testing.T, d *daemon.Daemon) { d.Dial(t).ExpectEOF() }},
		{"send_timeout", "--send-timeout 100ms", func(t *testing.T, d *daemon.Daemon) {
			d.StallAlone(t)
		}},
		{"buffer", "--max-buffer 1MiB --max-line 4MiB", func(t *testing.T, d *daemon.Daemon) {
			go io.WriteString(d.Login(t, "hoards").Conn, "SEND hoards "+strings.Repeat("x", 2<<20))
		}},
		{"shutdown", "", func(t *testing.T, d *daemon.Daemon) { d.Signal(t, syscall.SIGTERM) }},
	} {
		t.Run(test.reason, func(t *testing.T) {
			d, log := daemon.StartLogged(t, strings.Fields(test.flags)...)
			witness := d.Login(t, "witness")
			test.provoke(t, d)
			log.ExpectClosed(t, test.reason, 1)
			if test.reason == "shutdown" {
				witness.ExpectEOF()
			} else {
				witness.Ask("LIST", "LIST-OK witness")
			}
		})
	}
}
