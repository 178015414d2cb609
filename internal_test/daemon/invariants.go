package daemon

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// CheckInvariants checks what must hold after every fault, when no more is connected than the users
// that are named, in the order in which they logged in:
//
//   - the descriptors of all other connections are closed, if AwaitReady saw how many there were
//     before;
//   - two fresh users log in, talk to each other, and are told SEND-OK;
//   - LIST names exactly the users that are logged in, each once;
//   - stdout holds nothing but its one line, unless it goes elsewhere.
func (d *Daemon) CheckInvariants(t testing.TB, present ...string) {
	t.Helper()
	if d.atStart > 0 {
		d.AwaitDescriptors(t, len(present))
	}
	ada, bob := d.Login(t, "invariant-ada"), d.Login(t, "invariant-bob")
	ada.Line("SEND invariant-bob are you there?")
	bob.Expect("DELIVERY invariant-ada are you there?")
	ada.Expect("SEND-OK")
	ada.Line("LIST")
	ada.Expect("LIST-OK " + strings.Join(append(present, "invariant-ada", "invariant-bob"), ","))
	ada.Leave()
	bob.Leave()
	if said := d.Stdout.String(); said != "Server is on\n" && d.command.Stdout == d.Stdout {
		t.Fatalf("stdout is %q, expected the one line", said)
	}
}

// AwaitDescriptors waits until no more descriptors are open than at the start and for so many
// connections.
func (d *Daemon) AwaitDescriptors(t testing.TB, connections int) {
	t.Helper()
	Await(t, fmt.Sprintf("descriptors for %d connections and no more", connections), func() bool {
		return d.Descriptors(t) == d.atStart+connections
	})
}

// ExpectIdle expects the process to use almost no processor time while it has nothing to do.
//
// That nothing happens can only be seen by looking for a while. A loop that turns for nothing uses all
// the time it can get in each window; one that sleeps uses none as soon as the runtime has tidied up its
// memory, which takes long on a busy machine.
func (d *Daemon) ExpectIdle(t testing.TB) {
	t.Helper()
	const window, most = 150 * time.Millisecond, 5 * time.Millisecond
	var used time.Duration
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); {
		before := d.CPU(t)
		time.Sleep(window)
		if used = d.CPU(t) - before; used <= most {
			return
		}
	}
	t.Fatalf("used %v of the processor in %v with nothing to do, expected at most %v", used, window, most)
}
