package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

// TestSwarmAttacks plays each attack beside a pair: the pair is measured, and the attackers reach the
// server.
func TestSwarmAttacks(t *testing.T) {
	for name := range attacks {
		t.Run(name, func(t *testing.T) {
			limit := "0"
			if name == "address" {
				limit = "3"
			}
			chatd := daemon.Start(t, "--max-per-address", limit)
			o := short("pairs")
			o.n, o.attack, o.attackers, o.address, o.pid = 1, name, 5, chatd.Address, chatd.PID()
			answered := 0
			for end := now() + deadline; answered == 0 && now() < end; { // the machine may be busy
				r, err := runUntil(o)
				if err != nil {
					t.Fatal(err)
				}
				if r.Messages == 0 || r.Attack != name || r.Attackers != 5 || r.Bottleneck {
					t.Fatalf("%+v, expected messages beside 5 attackers", r)
				}
				if answered = r.Answered; name == "drip" {
					return // its line does not end
				}
			}
			if answered == 0 {
				t.Errorf("the server has answered none of the attackers")
			}
		})
	}
}

// TestSwarmAttacksCommand prints the table and writes the files, for a server that is built already.
func TestSwarmAttacksCommand(t *testing.T) {
	folder := t.TempDir()
	table, lines := filepath.Join(folder, "a.json"), filepath.Join(folder, "a.csv")
	var output bytes.Buffer
	status := command([]string{
		"attacks", "-rounds", "1", "-load", "100ms", "-only", "lines", "-attackers", "3",
		"-servers", "this=" + daemon.Binary(t), "-json", table, "-csv", lines,
	}, &output, &output)
	if status != 0 || !strings.Contains(output.String(), "| quiet | 0 | this |") || !strings.Contains(output.String(), "| lines | 3 | this |") {
		t.Errorf("status %d and\n%s\nexpected two rows", status, &output)
	}
	for path, expected := range map[string]string{table: `"attack": "lines"`, lines: "this,lines,3,1,"} {
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), expected) {
			t.Errorf("%s, %v: %s\nexpected %s in it", path, err, text, expected)
		}
	}
}

// TestSwarmIdle prints one line for clients that are silent, and one when they are back at the
// successor of a server that has ended.
func TestSwarmIdle(t *testing.T) {
	first := daemon.Start(t)
	var output bytes.Buffer
	if status := command([]string{"idle", "-n", "200", "-rest", "10ms", "-address", first.Address}, &output, &output); status != 0 {
		t.Fatalf("status %d: %s", status, &output)
	}
	if got := output.String(); !strings.HasPrefix(got, "200 idle clients: in after ") || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q, expected one line about 200 idle clients", got)
	}

	// The server ends, and another one listens at its port.
	_, port, _ := strings.Cut(first.Address, ":")
	o := options{address: first.Address, idle: 200, seconds: 10 * time.Millisecond}
	said, done := new(daemon.Transcript), make(chan error)
	go func() { done <- idleRun(o, deadline, said) }()
	daemon.Await(t, "one line", func() bool { return strings.Contains(said.String(), "\n") })
	first.Signal(t, unix.SIGTERM)
	first.Wait(t)
	daemon.Start(t, "--port", port)
	if err := <-done; err != nil || !strings.Contains(said.String(), "200 clients back: first after ") {
		t.Errorf("%v: %q, expected a line about 200 clients that are back", err, said.String())
	}
}
