package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"chatd/internal_test/contender"
	"chatd/internal_test/daemon"

	"golang.org/x/sys/unix"
)

// TestSwarmFigures measures two servers, with few clients and in little time: there must be a value
// of each round, the tables must show them, and the record must come back from its file as it was.
// The peer is left out where what its module needs was never downloaded.
func TestSwarmFigures(t *testing.T) {
	o := figuresOptions{
		rounds: 2, seconds: 50 * time.Millisecond, many: 200, few: 100, rest: 10 * time.Millisecond,
		only: "chatd,goroutines",
	}
	made, err := figures(o, io.Discard)
	for end := now() + deadline; errors.Is(err, errNothing) && now() < end; {
		made, err = figures(o, io.Discard)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range made.Series {
		if len(s.Values) != o.rounds && s.Figure != callsEach { // not if no message came while they were counted
			t.Errorf("%+v: %d values, expected one a round", s.key, len(s.Values))
		}
	}
	path := filepath.Join(t.TempDir(), "figures.json")
	if err := made.save(path); err != nil {
		t.Fatal(err)
	}
	if again, err := loadRecord(path); err != nil || !reflect.DeepEqual(made, again) {
		t.Errorf("the record came back from its file changed: %v\n%+v\n%+v", err, made, again)
	}
	var out, errs bytes.Buffer
	if status := command([]string{"figures", "-tables", path}, &out, &errs); status != 0 {
		t.Fatalf("figures -tables: status %d, %s", status, &errs)
	}
	for _, expected := range []string{
		"| load | figure | " + strings.Join(made.servers(), " | ") + " |\n|---|---|---|",
		"| CPU per message, 50 pairs, closed loop | <= 1.03 x C | - |\n",
		"\n| 200 | ",
		"\n| machine | ",
	} {
		if !strings.Contains(out.String(), expected) {
			t.Errorf("the output has no %q:\n%s", expected, &out)
		}
	}
}

// TestSwarmLeavesOutWhatFails measures beside chatd a server that ends at once.
func TestSwarmLeavesOutWhatFails(t *testing.T) {
	var said bytes.Buffer
	m := &measurement{stderr: &said, failed: make(map[string]bool)}
	m.contenders = []contender.Contender{contender.Running("chatd", daemon.Binary(t)), contender.Running("broken", "false")}
	attempts := 0
	for range 2 {
		for _, c := range m.inTurn(1) {
			err := m.attempt(c, idle, func() error {
				attempts++
				m.record.add(key{Server: c.Name, Load: idle}, 1)
				_, err := m.once(c, options{load: "none", seconds: 1})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if attempts != 3 || len(m.record.Series) != 1 || len(m.record.Series[0].Values) != 2 {
		t.Errorf("%d attempts, %+v; expected 3, and 2 values of chatd alone", attempts, m.record.Series)
	}
	const expected = "Left out: broken, idle clients: "
	if strings.Count(said.String(), expected) != 1 {
		t.Errorf("said %q, expected one %q", &said, expected)
	}
}

// TestSwarmRatios divides round by round, and not one median by another.
func TestSwarmRatios(t *testing.T) {
	var r record
	a, b := key{Server: "chatd"}, key{Server: contender.Reference}
	for _, values := range [][2]float64{{10, 10}, {30, 20}, {20, 40}} {
		r.add(a, values[0])
		r.add(b, values[1])
	}
	if got, expected := fmt.Sprint(r.ratios(a, b)), "[1 1.5 0.5]"; got != expected {
		t.Errorf("ratios %s, expected %s", got, expected)
	}
	if s := r.Series[0]; s.Median != 20 || s.Min != 10 || s.Max != 30 {
		t.Errorf("%+v, expected a median of 20 from 10 to 30", s)
	}
}

// TestSwarmBareMessage takes the bare system calls apart: each takes time.
func TestSwarmBareMessage(t *testing.T) {
	ns, err := bareMessage()
	if err != nil {
		t.Fatal(err)
	}
	for i, took := range ns {
		if took <= 0 {
			t.Errorf("%s took %v ns, expected more", parts[i], took)
		}
	}
}

// TestSwarmCountsCalls counts system calls of which the number is known: a child process that is
// asked for one answer after the other makes two calls for each.
func TestSwarmCountsCalls(t *testing.T) {
	const times = 500
	for name, count := range map[string]func(pid int, do func() error) (int, error){
		"perf_event_open": func(pid int, do func() error) (int, error) {
			c, err := openCounters(pid)
			if err != nil {
				return 0, err
			}
			err = do()
			return c.sum(), err
		},
		"strace": traceCalls,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath("strace"); name == "strace" && err != nil {
				t.Skip("strace is not installed")
			}
			echo := exec.Command("cat")
			in, inErr := echo.StdinPipe()
			out, outErr := echo.StdoutPipe()
			if err := errors.Join(inErr, outErr, echo.Start()); err != nil {
				t.Fatal(err)
			}
			defer echo.Wait()
			defer in.Close()
			ask := func() error {
				_, err := io.WriteString(in, "x")
				return errors.Join(err, func() error { _, err := io.ReadFull(out, make([]byte, 1)); return err }())
			}
			if err := ask(); err != nil { // it has started
				t.Fatal(err)
			}
			calls, err := count(echo.Process.Pid, func() error {
				for range times {
					if err := ask(); err != nil {
						return err
					}
				}
				return nil
			})
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) || errors.Is(err, unix.EPERM) {
				t.Skipf("it may not be used here: %v", err)
			}
			if err != nil || calls < 2*times-2 || calls > 2*times+4 {
				t.Errorf("%d calls, %v, expected 2 for each of %d", calls, err, times)
			}
		})
	}
}
