package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestSwarmProgressIsForTerminals: in a file or a pipe, lines that are written over would be dirt.
func TestSwarmProgressIsForTerminals(t *testing.T) {
	_, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	if newProgress(pipe) != nil || newProgress(new(bytes.Buffer)) != nil {
		t.Errorf("there is progress without a terminal, expected none")
	}
	var none *progress
	none.say("nothing")
	none.tick(1, 0)
	none.restart()
	none.clear()
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal to be had: %v", err)
	}
	defer terminal.Close()
	if newProgress(terminal) == nil {
		t.Errorf("there is no progress on a terminal")
	}
}

// TestSwarmProgress writes its line when a second is over and not before.
func TestSwarmProgress(t *testing.T) {
	var out bytes.Buffer
	p := &progress{w: &out}
	p.say("pairs")
	p.tick(10, 0)
	if said := out.String(); said != clearLine+"pairs" {
		t.Errorf("said %q at once, expected what is being done", said)
	}
	p.next = 0 // the second is over
	p.tick(10, 0)
	p.next = 0
	p.tick(25, 1)
	if said := out.String(); !strings.HasSuffix(said, clearLine+"pairs: 15 messages/s, 1 errors") {
		t.Errorf("said %q, expected 15 messages in the last second", said)
	}
}
