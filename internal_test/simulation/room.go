package main

import "golang.org/x/sys/unix"

// A standing is who makes room when there is no descriptor for somebody new: those who linger
// before strangers, of each those first who have been so longest, and users never (A9).
type standing int

const (
	stays    standing = iota // a user, or there is something that it has not taken yet
	stranger                 // has not logged in
	lingers                  // has been told its last words
)

// room takes note of how a call of accept has ended. Without a descriptor the loop gives up its
// spare one and tries again: for a client that is there somebody makes room, and it is turned away
// if there is nobody who could (A1).
func (w *watch) room(fd int, err error) {
	full := err == unix.EMFILE || err == unix.ENFILE
	switch {
	case err == nil:
		w.effects++
		if w.spent {
			if w.next = w.makeRoom(); len(w.next) == 0 {
				w.turned = fd
			}
		}
		return
	case full && w.spare >= 0:
		return
	case full && !w.spent:
		w.next = w.makeRoom()
	case !full && (w.spent || err != unix.ENOBUFS && err != unix.ENOMEM):
		return
	}
	if len(w.next) == 0 {
		w.listener.paused, w.listener.since = true, w.kernel.clock
	}
}

// settle takes note of a connection's standing at the end of a turn.
func (w *watch) settle(v *view) {
	now := stays
	switch {
	case v.shut:
		now = lingers
	case v.name == "" && !v.dismissed && !v.left:
		now = stranger
	}
	if now != v.standing {
		v.standing, v.turn = now, w.counts.turns
	}
}

// makeRoom returns those of whom one must go now. Of those who came to their standing in the same
// turn, any may.
func (w *watch) makeRoom() (next []*view) {
	w.live(func(v *view) {
		over := v.failed != nil || v.left && !v.shut || v.shut && v.ended
		if v.standing == stays || over || v.standing == stranger && (v.name != "" || v.dismissed) {
			return
		}
		switch {
		case len(next) == 0 || next[0].standing < v.standing,
			next[0].standing == v.standing && next[0].turn > v.turn:
			next = []*view{v}
		case next[0].standing == v.standing && next[0].turn == v.turn:
			next = append(next, v)
		}
	})
	return next
}

// checkRoom: somebody has made room who had to.
func (w *watch) checkRoom() {
	for _, v := range w.next {
		if v.closed {
			return
		}
	}
	if len(w.next) > 0 {
		w.fail("%s is there and should have made room (A9)", w.next[0].id)
	}
}
