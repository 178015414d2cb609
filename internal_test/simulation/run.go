package main

import (
	"bytes"
	"fmt"
	"runtime/debug"
	"time"
)

// run is a whole run. The error says which rule was broken.
func run(s settings, trace func(format string, args ...any)) (c counts, err error) {
	w := newWorld(draw(s), trace)
	defer func() {
		c = w.watch.counts
		switch broken := recover().(type) {
		case nil:
		case violation:
			err = fmt.Errorf("%s", broken)
		default:
			err = fmt.Errorf("panic: %v\n%s", broken, debug.Stack())
		}
	}()
	w.left = w.steps
	w.turns()
	w.calm()
	w.rest(longest)
	w.hearOut()
	w.checkAll()
	if !w.watch.stopping() {
		w.empty()
		w.checkFresh()
	}
	return w.watch.counts, nil
}

// longest is a time after which all that can happen has happened.
const longest = 10 * time.Minute

// calm ends all faults, so that what was begun can come to its end.
func (w *world) calm() {
	w.note("the faults end")
	w.rates = [faults]int{}
	w.kernel.spell = 0
	w.left, w.eager = 0, true
	for _, c := range w.all {
		c.stuck = 0
	}
}

// hearOut ends the process if it has stopped. What has been written still arrives.
func (w *world) hearOut() {
	if w.loop.Stopped() {
		w.kernel.exit()
	}
	for w.listen() {
	}
}

// empty lets all clients go. Nothing is left of them (I4).
func (w *world) empty() {
	w.note("all leave")
	for _, c := range w.all {
		c.halfClose()
	}
	w.rest(longest)
	w.checkAll()
	w.watch.live(func(v *view) { w.watch.fail("%s is there after all have left", v.id) })
	w.watch.dropOwnerless()
	if len(w.watch.receipts) > 0 {
		w.watch.fail("%d receipts are out after all have left", len(w.watch.receipts))
	}
}

// checkFresh: two fresh users find a server that works (I1, I2).
func (w *world) checkFresh() {
	w.note("two come")
	a, b := w.connect(), w.connect()
	for _, turn := range []struct {
		c    *client
		says string
	}{
		{a, "HELLO-FROM fresh1\n"},
		{b, "HELLO-FROM fresh2\n"},
		{a, "SEND fresh2 hi\n"},
		{b, "LIST\n"},
	} {
		turn.c.unsent = append(turn.c.unsent, turn.says...)
		w.rest(time.Second)
	}
	told := string(a.heard) + string(b.heard)
	if told != "HELLO fresh1\nSEND-OK\nHELLO fresh2\nDELIVERY fresh1 hi\nLIST-OK fresh1,fresh2\n" && w.maxUsers > 1 {
		w.watch.fail("two who come at the end are told %q (I1)", told)
	}
}

// checkAll: each client was told what the model says, or the beginning of it if it would not or
// could not hear it all (H7, I5).
func (w *world) checkAll() {
	for _, v := range w.watch.all {
		c := w.client(v)
		whole := v.whole || !v.closed
		if w.loop.Stopped() && !v.closed || c.socket.cut != never || c.socket.gone && !c.final {
			whole = false
		}
		if !bytes.HasPrefix(v.said, c.heard) || whole && len(c.heard) < len(v.said) {
			w.watch.fail("client %d (%s) has heard %s, where the model says %s",
				c.number, v.id, quote(c.heard), quote(v.said))
		}
		if whole && v.closed && !c.final {
			w.watch.fail("client %d (%s) was told everything, and not that this was the end (D13)", c.number, v.id)
		}
	}
}

func (w *world) client(v *view) *client {
	for _, c := range w.all {
		if c.socket == v.socket {
			return c
		}
	}
	return nil
}
