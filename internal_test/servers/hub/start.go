package hub

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Start is the beginning of each server's main: it reads the flags, listens, and says where.
func Start() (*Hub, net.Listener, error) {
	address := flag.String("address", "127.0.0.1", "address to listen on")
	port := flag.Int("port", 5378, "port, 0 for any free one")
	maxUsers := flag.Int("max-users", 1<<20, "users logged in at a time")
	maxLine := flag.Int("max-line", 1<<20, "longest line of a user, in bytes")
	flag.Parse()

	config := net.ListenConfig{Control: control, KeepAlive: -1}
	listener, err := config.Listen(context.Background(), "tcp", net.JoinHostPort(*address, strconv.Itoa(*port)))
	if err != nil {
		return nil, nil, err
	}
	fmt.Fprintf(os.Stderr, "listening address=%v\n", listener.Addr())
	fmt.Fprintln(os.Stdout, "Server is on")
	return newHub(*maxUsers, *maxLine), listener, nil
}

// control gives the listener the options that chatd's has, which accept(2) hands on.
func control(_, _ string, raw syscall.RawConn) (err error) {
	controlErr := raw.Control(func(fd uintptr) {
		for _, o := range []struct{ level, name, value int }{
			{unix.SOL_SOCKET, unix.SO_SNDBUF, 64 << 10},
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 60},
			{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 10},
			{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3},
			{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 90_000},
		} {
			err = errors.Join(err, unix.SetsockoptInt(int(fd), o.level, o.name, o.value))
		}
	})
	return errors.Join(controlErr, err)
}
