package main

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// The parts of one message. The first four are the system calls that any server must make for it;
// what they cost is measured without a server, see bareMessage. The other two are chatd's own work.
const (
	partWait     = "wait"
	partRead     = "read"
	partDelivery = "write DELIVERY"
	partReply    = "write SEND-OK"
	partMachine  = "machine"
	partLoop     = "loop"
)

var parts = []string{partWait, partRead, partDelivery, partReply, partMachine, partLoop}

// takeApart measures what each part of a message costs, once for each round. In these series the
// part stands for the server.
func (m *measurement) takeApart(root string) error {
	m.progress.say("taking one message apart")
	add := func(part string, ns float64) {
		m.record.add(key{Load: partsLoad, Figure: cost, Server: part}, ns)
	}
	for range m.options.rounds {
		calls, err := bareMessage()
		if err != nil {
			return err
		}
		for i, ns := range calls {
			add(parts[i], ns)
		}
	}
	machine, err := benchmark(root, "./protocol", "^BenchmarkSend$/^users=2$", m.options.rounds)
	if err != nil {
		return err
	}
	turn, err := benchmark(root, "./poller", "^BenchmarkTurn$/^senders=1$/^messages=1$", m.options.rounds)
	if err != nil {
		return err
	}
	for i := range m.options.rounds {
		add(partMachine, machine[i])
		add(partLoop, turn[i]-machine[i])
	}
	return nil
}

// benchmark runs one Go benchmark and returns its ns/op, as often as asked.
func benchmark(root, pkg, pattern string, count int) (ns []float64, err error) {
	command := exec.Command("go", "test", pkg, "-run", "^$", "-bench", pattern, "-benchtime", "100ms", "-count", strconv.Itoa(count))
	command.Dir = root
	output, err := command.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%v: %w\n%s", command, err, output)
	}
	for line := range strings.Lines(string(output)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") || fields[3] != "ns/op" {
			continue
		}
		value, err := strconv.ParseFloat(fields[2], 64)
		if err != nil {
			return nil, err
		}
		ns = append(ns, value)
	}
	if len(ns) != count {
		return nil, fmt.Errorf("%v: %d results, expected %d:\n%s", command, len(ns), count, output)
	}
	return ns, nil
}
