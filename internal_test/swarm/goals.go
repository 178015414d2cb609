package main

import (
	"fmt"
	"io"

	"chatd/internal_test/contender"
)

// printGoals is a row for each goal. CPU is compared with the reference in C, round by round: the
// two were measured within seconds of each other, so what the machine did meanwhile mostly cancels
// out.
func (r *record) printGoals(w io.Writer) {
	head(w, "what", "goal", "measured")
	row := func(what, goal, measured string) { fmt.Fprintf(w, "| %s | %s | %s |\n", what, goal, measured) }
	to := func(load, server string, f figure) string {
		of := key{Load: load, Figure: f, Server: "chatd"}
		return spread(r.ratios(of, key{Load: load, Figure: f, Server: server}), "%.2f")
	}
	own := func(load string, f figure, format string) string {
		return spread(r.values(key{Load: load, Figure: f, Server: "chatd"}), format)
	}
	row("CPU per message, "+pairs, "<= 1.03 x C", to(pairs, contender.Reference, cpuEach))
	row("CPU per message, "+onePair, "<= 1.07 x C", to(onePair, contender.Reference, cpuEach))
	row("system calls per message, the same", "4.0", own(onePair, callsEach, "%.2f"))
	row("context switches per message, the same", "1", own(onePair, switchesEach, "%.2f"))
	row("CPU per message, "+pipeline, "<= 1.05 x C", to(pipeline, contender.Reference, cpuEach))
	row("the same as a ratio to netpoll", "<= 0.2 x netpoll", to(pipeline, "netpoll", cpuEach))
	row("system calls per message, the same", "<= 0.30", own(pipeline, callsEach, "%.2f"))
	row("CPU per message, "+fanin, "<= 1.05 x C", to(fanin, contender.Reference, cpuEach))
	row("system calls per message, the same", "about 2", own(fanin, callsEach, "%.2f"))
	row("CPU per list, "+list, "<= 1.1 x C", to(list, contender.Reference, cpuEach))
	row(fmt.Sprintf("private bytes per idle client (slope %d to %d)", r.Few, r.Many), "<= 64, below C",
		own(idle, privateEach, "%.0f")+"; C "+spread(r.values(key{Load: idle, Figure: privateEach, Server: contender.Reference}), "%.0f"))

	crowded := func(f figure) string {
		return spread(r.ratios(key{tenPairs, f, "epoll", r.Many}, key{tenPairs, f, "epoll", 0}), "%.2f")
	}
	row(fmt.Sprintf("%d idle clients against none, CPU per message", r.Many), "<= 1.02 x", crowded(cpuEach))
	row("the same, p99", "<= 1.02 x", crowded(p99))
	rest := func(f figure) string { return spread(r.values(key{idle, f, "chatd", r.Many}), "%.0f") }
	row(fmt.Sprintf("ticks of CPU at rest with them, in %v", seconds(r.Rest)), "0", rest(restTicks))
	row("context switches, the same", "0", rest(restSwitches))
}
