package poller

import (
	"context"
	"net"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// G11: descriptors are passed to this process, or they are none of its business.
func TestG11Passed(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for _, c := range []struct {
		count, pid string
		n          int
		wrong      bool
	}{
		{count: "1", pid: own, n: 1},
		{count: "2", pid: own, n: 2},
		{count: "0", pid: own},
		{count: "", pid: own},
		{count: "1", pid: ""},
		{count: "1", pid: "1"},
		{count: "x", pid: "1"},
		{count: "x", pid: own, wrong: true},
		{count: "-1", pid: own, wrong: true},
	} {
		n, err := passed(c.count, c.pid)
		if n != c.n || (err != nil) != c.wrong {
			t.Errorf("LISTEN_FDS=%q LISTEN_PID=%q: %d, %v; expected %d, an error: %v", c.count, c.pid, n, err, c.n, c.wrong)
		}
	}
}

// G11: a listener that was passed becomes like our own: it does not block, is not handed on, and
// hands on to its connections what ours would.
func TestG11AdoptedListener(t *testing.T) {
	for _, network := range []string{"tcp4", "tcp6"} {
		var config net.ListenConfig
		config.SetMultipathTCP(false) // has not all options
		listener, err := config.Listen(context.Background(), network, "localhost:0")
		if err != nil {
			t.Logf("no %s here: %v", network, err)
			continue
		}
		defer listener.Close()
		file, err := listener.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		fd := int(file.Fd()) // which makes it block
		unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0)
		address, err := adopt(fd)
		if err != nil || address.String() != listener.Addr().String() {
			t.Fatalf("adopt: %v, %v; expected %v", address, err, listener.Addr())
		}
		flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		ownFlags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if flags&unix.O_NONBLOCK == 0 || ownFlags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%s: flags %#o and %#o, expected O_NONBLOCK and FD_CLOEXEC", network, flags, ownFlags)
		}
		for _, o := range connectionOptions {
			got, err := unix.GetsockoptInt(fd, o.level, o.name)
			if o.name == unix.SO_SNDBUF {
				got /= 2 // the kernel doubles it (socket(7))
			}
			if err != nil || got != o.value {
				t.Errorf("%s: option %d of level %d is %d (%v), expected %d", network, o.name, o.level, got, err, o.value)
			}
		}
	}
}
