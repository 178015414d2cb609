package peers_test

import (
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
			witness.Ask("LIST", "LIST-OK witness,user")
			end(t, user)
			witness.AwaitList("witness")
			next := d.Login(t, "user")
			next.Ask("LIST", "LIST-OK witness,user")
			next.Leave()
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
	users := d.LoginAll(t, daemon.Crowd(t, 3000))
	d.Signal(t, syscall.SIGSTOP)
	for _, c := range users {
		c.Reset()
	}
	d.Signal(t, syscall.SIGCONT)
	witness.AwaitList("witness")
	d.CheckInvariants(t, "witness")
}
