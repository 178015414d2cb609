package linux

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// unixPrefix marks the path of a UNIX-domain socket (unix(7)).
const unixPrefix = "unix:"

// unixOptions are what a connection of the UNIX domain has of connectionOptions.
var unixOptions = []option{{unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer}}

// listenUnix makes a listening socket of the UNIX domain. The umask of the process says which users may
// connect. A socket file that a process has left, and at which no other listens, is replaced.
func listenUnix(path string) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	address := &unix.SockaddrUnix{Name: path}
	if err = setOptions(fd, unixOptions); err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, address))
		if err != nil && isAbandoned(path) {
			os.Remove(path)
			err = os.NewSyscallError("bind", unix.Bind(fd, address))
		}
	}
	if err == nil {
		err = os.NewSyscallError("listen", unix.Listen(fd, backlog))
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// isAbandoned reports whether a path is a socket at which no process listens.
func isAbandoned(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != fs.ModeSocket {
		return false
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrUnix{Name: path}) == unix.ECONNREFUSED
}
