package process_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

// listen makes a listening socket as a supervisor does, and holds it until the test ends.
func listen(t *testing.T) (address string, held *os.File) {
	t.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	listener, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String(), fileOf(t, listener.(*net.TCPListener))
}

// fileOf is a socket as a file, which is good until the test ends.
func fileOf(t *testing.T, socket interface{ File() (*os.File, error) }) *os.File {
	t.Helper()
	file, err := socket.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// handOver prepares chatd with files passed in from descriptor 3 on, as sd_listen_fds(3) has it.
func handOver(command *exec.Cmd, files ...*os.File) *exec.Cmd {
	command.ExtraFiles = files
	return supervised(daemon.ThroughShell(command, "export LISTEN_PID=$$", ""), fmt.Sprintf("LISTEN_FDS=%d", len(files)))
}

// G11: a listening socket that blocks is passed in. It is used whatever the flags say, and blocks
// no more.
func TestG11ListenerPassedIn(t *testing.T) {
	t.Parallel()
	address, held := listen(t)
	d := daemon.Launch(t, handOver(daemon.Command(t, "--address", "192.0.2.1", "--port", "1"), held))
	d.AwaitReady(t)
	if d.Address != address {
		t.Fatalf("listens on %s, expected %s, which was passed in", d.Address, address)
	}
	d.CheckInvariants(t)
	d.ExpectIdle(t)
	d.Stop(t)
	if conn, err := net.Dial("tcp", address); err != nil {
		t.Errorf("after the stop a client was not left to the supervisor: %v", err)
	} else {
		conn.Close()
	}
}

// G11: systemd's own tool passes a listener in when the first client connects.
func TestG11SocketActivate(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		t.Skip("systemd-socket-activate is not installed")
	}
	address := "127.0.0.1:" + daemon.ReservePort(t)
	command := daemon.Command(t)
	command.Args = append([]string{tool, "--listen", address}, command.Args...)
	command.Path = tool
	d := daemon.Launch(t, command)
	var first net.Conn
	daemon.Await(t, "the tool listens on "+address, func() bool {
		first, err = net.Dial("tcp", address)
		return err == nil
	})
	defer first.Close()
	d.AwaitReady(t)
	if d.Address != address {
		t.Fatalf("listens on %s, expected %s", d.Address, address)
	}
	d.Login(t, "ada").Leave()
	d.Stop(t)
}

// G11: several sockets are passed in, one of them of the UNIX domain. Clients of all of them meet, and the
// file of the socket stays with the supervisor.
func TestG11SeveralPassedIn(t *testing.T) {
	t.Parallel()
	address, listener := listen(t)
	other, another := listen(t)
	path := filepath.Join(t.TempDir(), "socket")
	local, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	d := daemon.Launch(t, handOver(daemon.Command(t), listener, another, fileOf(t, local)))
	d.AwaitReady(t)
	expectMeeting(t, daemon.Dial(t, address), daemon.Dial(t, other), path)
	d.Stop(t)
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the socket of the supervisor: %v", err)
	}
}

// expectMeeting has two clients and one of a UNIX-domain socket log in and see each other.
func expectMeeting(t *testing.T, ada, bob *daemon.Client, path string) {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	local := bufio.NewReader(conn)
	expect := func(line string) {
		t.Helper()
		conn.SetReadDeadline(time.Now().Add(daemon.Patience))
		if said, err := local.ReadString('\n'); said != line+"\n" {
			t.Errorf("the local client heard %q (%v), expected %q", said, err, line)
		}
	}
	fmt.Fprintln(conn, "HELLO-FROM local")
	expect("HELLO local")
	ada.Login("ada")
	bob.Login("bob")
	bob.Ask("LIST", "LIST-OK local,ada,bob")
	ada.Ask("SEND local hello", "SEND-OK")
	expect("DELIVERY ada hello")
	fmt.Fprintln(conn, "SEND bob hello")
	expect("SEND-OK")
	bob.Expect("DELIVERY local hello")
}

// G11: something else is passed in. The server says why it does not start.
func TestG11SomethingElsePassedIn(t *testing.T) {
	t.Parallel()
	address, listener := listen(t)
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	datagrams, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	const none = "not a listening stream socket"
	for name, test := range map[string]struct {
		files []*os.File
		says  string
	}{
		"file":       {[]*os.File{file}, none},
		"datagrams":  {[]*os.File{fileOf(t, datagrams)}, none},
		"connection": {[]*os.File{fileOf(t, daemon.Dial(t, address).Conn)}, none},
		"one of two": {[]*os.File{listener, file}, "descriptor 4 is " + none},
	} {
		t.Run(name, func(t *testing.T) {
			daemon.Launch(t, handOver(daemon.Command(t), test.files...)).ExpectRefusal(t, 1, "LISTEN_FDS", test.says)
		})
	}
	t.Run("nothing", func(t *testing.T) { // though one is announced
		command := supervised(daemon.ThroughShell(daemon.Command(t), "export LISTEN_PID=$$", ""), "LISTEN_FDS=1")
		daemon.Launch(t, command).ExpectRefusal(t, 1, "LISTEN_FDS", none)
	})
	t.Run("no number", func(t *testing.T) {
		command := supervised(daemon.ThroughShell(daemon.Command(t), "export LISTEN_PID=$$", ""), "LISTEN_FDS=x")
		daemon.Launch(t, command).ExpectRefusal(t, 1, "LISTEN_FDS")
	})
}

// G11: the server does not use what is passed to another process: it listens where the flags
// say.
func TestG11PassedToAnotherProcess(t *testing.T) {
	t.Parallel()
	address, held := listen(t)
	for _, environment := range [][]string{
		{"LISTEN_FDS=1"}, {"LISTEN_FDS=1", "LISTEN_PID=1"}, {"LISTEN_FDS=x", "LISTEN_PID=1"}, {"LISTEN_PID=1"},
	} {
		command := supervised(daemon.Command(t), environment...)
		command.ExtraFiles = []*os.File{held}
		d := daemon.Launch(t, command)
		d.AwaitReady(t)
		if d.Address == address {
			t.Errorf("%v: listens on %s, which was passed to another process", environment, address)
		}
		d.CheckInvariants(t)
		d.Stop(t)
	}
}

// G11: the supervisor still holds the listener while the server drains, and clients keep coming.
// The server leaves them to its successor and sleeps: closing a socket that another process has open
// too does not take it out of an epoll set (epoll(7)).
func TestG11DrainWithAHeldListener(t *testing.T) {
	t.Parallel()
	address, held := listen(t)
	d := daemon.Launch(t, handOver(daemon.Command(t, "--drain-timeout", "1h"), held))
	d.AwaitReady(t)
	d.StallTarget(t)
	d.Signal(t, syscall.SIGTERM)
	d.AwaitLog(t, "msg=stopping")
	late := daemon.Dial(t, address)
	late.Line("HELLO-FROM late")
	d.ExpectIdle(t)
	d.Signal(t, syscall.SIGTERM)
	d.Wait(t)
	successor := daemon.Launch(t, handOver(daemon.Command(t), held))
	successor.AwaitReady(t)
	late.Expect("HELLO late")
	successor.Stop(t)
}
