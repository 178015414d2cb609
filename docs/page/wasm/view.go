//go:build js

package main

import (
	"time"

	"chatd/docs/page/play"
	"chatd/poller"
	"chatd/poller/memkernel"
)

const logLines = 60 // that the page gets

type object = map[string]any

// view is what the page shows of a run.
func view(r *play.Run) object {
	v := object{
		"method": r.Method, "idle": r.Idle, "calls": r.Steps, "turns": r.Turns, "now": millis(r.Kernel.Now()),
		"ended": r.Ended, "asleep": r.Asleep(), "stuck": r.Stuck(), "until": -1, "full": r.Kernel.Limit > 0,
		"answers": list(r.Answers()), "pending": "", "call": "",
		"clients": clients(r), "kernel": kernel(r), "loop": loop(r), "stack": stack(r), "log": log(r), "logged": len(r.Log),
	}
	if r.Pending != nil {
		v["pending"], v["call"] = r.Before(*r.Pending), r.Pending.Name
	}
	if r.Asleep() && r.Until != memkernel.Never {
		v["until"] = millis(r.Until)
	}
	if r.Broken != nil {
		v["broken"] = object{"promise": r.Broken.Promise, "why": r.Broken.Why}
	}
	return v
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func log(r *play.Run) (lines []any) {
	for _, e := range r.Log[max(0, len(r.Log)-logLines):] {
		lines = append(lines, object{"text": e.Text, "turn": e.Turn, "answered": e.Answered})
	}
	return lines
}

func stack(r *play.Run) (frames []any) {
	for _, f := range r.Stack() {
		frames = append(frames, object{"func": f.Func, "file": f.File, "line": f.Line})
	}
	return frames
}

func clients(r *play.Run) (all []any) {
	for _, c := range r.Clients {
		all = append(all, object{
			"letter": c.Letter, "fd": c.FD, "screen": list(c.Screen[max(0, len(c.Screen)-60):]), "stopped": c.Stopped,
			"halfClosed": c.EOF, "gone": c.Left || c.WasReset || c.Vanished, "unsent": c.Unsent, "finished": c.Finished(),
		})
	}
	return all
}

// kernel is the sockets with something to see: those of the player's clients, and the listener.
func kernel(r *play.Run) object {
	var sockets, ready, backlog []any
	for _, s := range r.Kernel.Sockets {
		if s == nil || s.Number > 0 && s.Number <= r.Idle {
			continue
		}
		sockets = append(sockets, socket(r, s))
	}
	for _, c := range r.Clients {
		if c.FD < 0 && !c.Closed && !c.WasReset {
			backlog = append(backlog, c.Letter)
		}
	}
	for _, name := range r.Batch() {
		if len(ready) < 12 {
			ready = append(ready, name)
		}
	}
	return object{
		"sockets": sockets, "ready": ready, "backlog": backlog,
		"lastKernel": r.Last.Kernel, "lastLoop": r.Last.Loop, "allKernel": r.Examined.Kernel, "allLoop": r.Examined.Loop,
	}
}

func socket(r *play.Run, s *memkernel.Socket) object {
	return object{
		"fd": s.FD, "name": r.NameOf(s.FD), "registered": s.ID != 0, "interest": play.Conditions(s.Interest),
		"holds": play.Conditions(s.Readiness()), "connection": s.Number > 0, "due": r.Due(s) != 0,
		"received": string(s.Received), "sending": string(s.Sending), "arrived": string(s.Arrived),
		"receiveSize": s.Buffers.Receive, "sendSize": s.Buffers.Send, "eof": s.EOF, "shut": s.Shut, "broken": s.Broken,
	}
}

func loop(r *play.Run) object {
	var conns []any
	for _, s := range r.Loop.Snapshots() {
		name := r.NameOf(s.Descriptor)
		if name == "idle" {
			continue
		}
		var receipts []any
		for i, end := range s.Receipts {
			receipts = append(receipts, object{"end": end, "owner": r.NameOf(s.Owners[i])})
		}
		conns = append(conns, connection(s, name, receipts))
	}
	sent, lost := r.Loop.Completing()
	return object{"conns": conns, "sent": sent, "lost": lost}
}

func connection(s poller.Snapshot, name string, receipts []any) object {
	return object{
		"fd": s.Descriptor, "generation": s.Generation, "name": name, "phase": s.Phase, "loggedIn": s.LoggedIn,
		"lines": s.Lines, "queue": s.Queue, "receipts": receipts, "pending": list(s.Pending), "active": s.Active,
		"write": s.Write, "blocked": s.Blocked, "throttled": s.Throttled, "resumed": s.Resumed,
	}
}
