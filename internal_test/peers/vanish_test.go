package internal_test

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"chatd/internal_test/daemon"
)

// E1: a user goes, in one of four ways. It leaves the list and its name is free, without waiting
// for any timer: the shortest is longer than daemon.Patience, but for the linger time, which is not
// for users that go.
func TestE1UserGoes(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	witness := d.Login(t, "witness")
	for way, end := range map[string]func(*testing.T, *daemon.Client){
		"closes":      func(_ *testing.T, c *daemon.Client) { c.Close() },
		"half-closes": func(_ *testing.T, c *daemon.Client) { c.HalfClose() },
		"resets":      func(_ *testing.T, c *daemon.Client) { c.Reset() },
		"is killed":   handToProcessAndKill,
	} {
		t.Run(way, func(t *testing.T) {
			user := d.Login(t, "user")
			witness.ExpectNothingBefore("LIST", "LIST-OK witness,user")
			end(t, user)
			awaitList(t, witness, "witness")
			heir := d.Login(t, "user")
			heir.ExpectNothingBefore("LIST", "LIST-OK witness,user")
			heir.Leave()
			d.AwaitDescriptors(t, 1)
		})
	}
	d.CheckInvariants(t, "witness")
}

// handToProcessAndKill makes a connection belong to another process only, and kills that.
func handToProcessAndKill(t *testing.T, c *daemon.Client) {
	t.Helper()
	file, err := c.Conn.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	holder := exec.Command("sleep", "60")
	holder.ExtraFiles = []*os.File{file}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	file.Close()
	c.Close()
	holder.Process.Kill()
	holder.Wait()
}

// E6: the machine of thousands of users is switched off, which resets all connections in one
// instant. All leave the list, and the others are served.
func TestE6CrowdResets(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	witness := d.Login(t, "witness")
	users := loginAll(t, d, crowd(t, 5000))
	d.Signal(t, syscall.SIGSTOP)
	for _, c := range users {
		c.Reset()
	}
	d.Signal(t, syscall.SIGCONT)
	awaitList(t, witness, "witness")
	d.CheckInvariants(t, "witness")
}

// H1: a hundred clients want the same name at the same time. One has it, and the others are told
// IN-USE and closed (PR5).
func TestH1SameNameInOneBatch(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	clients := make([]*daemon.Client, 100)
	for i := range clients {
		clients[i] = d.Dial(t)
	}
	d.Signal(t, syscall.SIGSTOP)
	for _, c := range clients {
		c.Line("HELLO-FROM x")
	}
	d.Signal(t, syscall.SIGCONT)
	holders := 0
	for _, c := range clients {
		switch answer := c.Hear(); answer {
		case "HELLO x":
			holders++
			c.ExpectNothingBefore("LIST", "LIST-OK x")
		case "IN-USE":
			c.ExpectEOF()
			c.Close()
		default:
			t.Errorf("%v heard %q, expected HELLO x or IN-USE", c, answer)
		}
	}
	if holders != 1 {
		t.Errorf("%d clients have the name, expected 1", holders)
	}
	d.CheckInvariants(t, "x")
}

// H5: a user logs in, sends and ends its input, all in one segment. The message arrives and the
// user is gone.
func TestH5WholeLifeInOneSegment(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	bob := d.Login(t, "bob")
	for i := range 50 {
		d.Signal(t, syscall.SIGSTOP) // so that the end comes with the lines
		ada := d.Dial(t)
		ada.Line("HELLO-FROM ada", fmt.Sprint("SEND bob hi ", i))
		ada.HalfClose()
		d.Signal(t, syscall.SIGCONT)
		bob.Expect(fmt.Sprint("DELIVERY ada hi ", i))
		ada.Expect("HELLO ada", "SEND-OK")
		ada.ExpectEOF()
		ada.Close()
	}
	d.CheckInvariants(t, "bob")
}
