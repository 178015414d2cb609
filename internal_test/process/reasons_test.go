package process_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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

// At level debug the log says of each login and each end which client it was: its ID, its address, also
// after a reset, and the name of a user. A warning about a client says it at every level.
func TestEachClientIsNamed(t *testing.T) {
	t.Parallel()
	d, log := daemon.StartLogged(t, "--send-timeout", "100ms")
	users := map[string]*daemon.Client{}
	for _, name := range []string{"leaves", "resets", "stalls"} {
		users[name] = d.Login(t, name)
	}
	refused := d.Dial(t)
	refused.Line("HELLO-FROM resets")
	refused.Expect("IN-USE")
	refused.ExpectEOF()
	users["refused"] = refused
	refused.Close()
	users["leaves"].Leave()
	users["resets"].Reset()
	go io.WriteString(users["stalls"].Conn, "SEND stalls "+strings.Repeat("x", 1<<20-100)+"\n")

	id := map[string]string{}
	find := func(user, message, more, name string) {
		t.Helper()
		var line string
		peer := fmt.Sprintf(" peer=%v name=%s", users[user].Conn.LocalAddr(), name)
		daemon.Await(t, "the log has a line "+message+" with "+peer, func() bool {
			line = log.Find(t, "msg="+message+" "+more, peer)
			return line != ""
		})
		_, client, _ := strings.Cut(line, " client=")
		client, _, _ = strings.Cut(client, " ")
		if id[user] != "" && id[user] != client {
			t.Errorf("%s is client %s and client %s", user, id[user], client)
		}
		id[user] = client
	}
	for _, name := range []string{"leaves", "resets", "stalls"} {
		find(name, "login", "", name+"\n")
	}
	find("leaves", "closed", "reason=eof", "leaves\n")
	find("resets", "closed", "reason=reset", "resets\n")
	find("stalls", "closing", "reason=send_timeout", "stalls ")
	find("stalls", "closed", "reason=send_timeout", "stalls\n")
	find("refused", "closed", "reason=in_use", "\"\"\n")
}

// docs/fail2ban/chatd.conf finds the addresses of clients that fail to log in, and of no others, in the
// log and as the journal shows it. A user cannot have another address banned by a name.
func TestFail2ban(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("fail2ban-regex")
	if err != nil {
		t.Skip("fail2ban-regex is not installed")
	}
	d, log := daemon.StartLogged(t, "--login-timeout", "100ms")
	d.Login(t, "reason=bad_login:client=1.1:peer=192.0.2.7:1").Leave()
	d.Login(t, "user").Reset()
	d.ExpectRejected(t, "nonsense", "BAD-RQST-HDR")
	d.Dial(t).ExpectEOF()
	daemon.Await(t, "all are closed", func() bool {
		closed := log.Closed(t)
		return closed["eof"] == 1 && closed["reset"] == 1 && closed["bad_login"] == 1 && closed["login_timeout"] == 1
	})
	text := log.Text(t)
	var journal strings.Builder
	for line := range strings.Lines(text) {
		_, rest, _ := strings.Cut(line, " ") // the journal has the time
		fmt.Fprintf(&journal, "Nov 25 10:00:00 host chatd[42]: %s", rest)
	}
	v6 := strings.ReplaceAll(text, "peer=127.0.0.1:", "peer=[2001:db8::1]:")
	for address, text := range map[string]string{"127.0.0.1": text, "127.0.0.1 ": journal.String(), "2001:db8::1": v6} {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		said, err := exec.Command(tool, "--out=<ip>", path, "../../docs/fail2ban/chatd.conf").CombinedOutput()
		found := strings.Fields(string(said))
		if address = strings.TrimSpace(address); err != nil || len(found) != 2 || found[0] != address || found[1] != address {
			t.Errorf("fail2ban finds %q (%v), expected %s twice, in\n%s", said, err, address, text)
		}
	}
}
