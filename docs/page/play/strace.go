package play

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"chatd/poller"
	"chatd/poller/memkernel"
)

// An Entry is a line of the log.
type Entry struct {
	Text     string
	Turn     int
	Answered bool // the player gave the answer
}

const shown = 48 // bytes of data and entries of an array that are printed

// strace is a call as strace(1) prints it, with its result.
func (r *Run) strace(c memkernel.Call) string {
	result := strconv.Itoa(c.N)
	if c.Err != nil {
		result = "-1 " + name(c.Err) + " (" + meanings[c.Err] + ")"
	}
	switch c.Name {
	case "wait":
		if c.Err == nil && c.N == 0 {
			result = "0 (timeout)"
		}
		return r.wait(c, true) + " = " + result
	case "read":
		data := "0x…"
		if c.Err == nil {
			data = quote(c.Data)
		}
		return fmt.Sprintf("read(%d, %s, 16384) = %s", c.FD, data, result)
	case "write":
		return fmt.Sprintf("write(%d, %s, %d) = %s", c.FD, quote(c.Data), r.offered, result)
	}
	if text := r.Before(c); c.Err == nil && strings.HasPrefix(text, "/*") {
		return text
	}
	return r.Before(c) + " = " + result
}

// Before is a call that has not been made, without its result.
func (r *Run) Before(c memkernel.Call) string {
	switch c.Name {
	case "accept":
		return fmt.Sprintf("accept4(%d, NULL, NULL, SOCK_NONBLOCK)", c.FD)
	case "read":
		return fmt.Sprintf("read(%d, …, 16384)", c.FD)
	case "write":
		return fmt.Sprintf("write(%d, %s, %d)", c.FD, quote(c.Data), len(c.Data))
	case "unacknowledged":
		return fmt.Sprintf("ioctl(%d, SIOCOUTQ)", c.FD)
	case "shutdown":
		return fmt.Sprintf("shutdown(%d, SHUT_WR)", c.FD)
	case "close":
		return fmt.Sprintf("close(%d)", c.FD)
	case "reserve":
		return `eventfd2(0, EFD_CLOEXEC)`
	case "peer":
		return fmt.Sprintf("getsockopt(%d, SOL_SOCKET, SO_PEERNAME)", c.FD)
	case "add", "modify":
		if r.Method != "epoll" {
			return fmt.Sprintf("/* no call: descriptor %d in the set of %s: %s */", c.FD, r.Method, Conditions(c.Interest))
		}
		operation := "ADD"
		if c.Name == "modify" {
			operation = "MOD"
		}
		return fmt.Sprintf("epoll_ctl(epfd, EPOLL_CTL_%s, %d, {%s})", operation, c.FD, events("EPOLL", c.Interest))
	}
	return r.wait(c, false)
}

// wait is what the kernel is told, and with done what it returns.
func (r *Run) wait(c memkernel.Call, done bool) string {
	timeout := "-1"
	if c.Timeout != poller.Forever {
		timeout = strconv.FormatInt(int64((c.Timeout+time.Millisecond-1)/time.Millisecond), 10)
	}
	switch r.Method {
	case "poll":
		told := r.list(func(s *memkernel.Socket) string {
			return fmt.Sprintf("{fd=%d, %s}", s.FD, events("POLL", s.Interest))
		}, ", ")
		returned := ""
		if done {
			returned = " → " + batch("revents: ", "POLL", c.Events)
		}
		return fmt.Sprintf("poll([%s], %s)%s", told, timeout, returned)
	case "select":
		set := func(asked poller.Readiness) string {
			return r.list(func(s *memkernel.Socket) string {
				if s.Interest&asked == 0 {
					return ""
				}
				return strconv.Itoa(s.FD)
			}, " ")
		}
		returned := ""
		if done {
			returned = " → " + batch("", "", c.Events)
		}
		return fmt.Sprintf("select(%d, [%s], [%s], NULL, %s)%s", len(r.Kernel.Sockets), set(poller.Readable), set(poller.Writable), timeout, returned)
	}
	returned := "…"
	if done {
		returned = batch("", "EPOLL", c.Events)
	}
	return fmt.Sprintf("epoll_wait(epfd, %s, 256, %s)", returned, timeout)
}

// list prints the registered sockets, of many only some.
func (r *Run) list(text func(*memkernel.Socket) string, separator string) string {
	var all []string
	for _, s := range r.Kernel.Sockets {
		if s == nil || s.ID == 0 {
			continue
		}
		if t := text(s); t != "" {
			all = append(all, t)
		}
	}
	if most := 8; len(all) > most {
		all = append(all[:most/2:most/2], append([]string{fmt.Sprintf("… %d more …", len(all)-most)}, all[len(all)-most/2:]...)...)
	}
	return strings.Join(all, separator)
}

func batch(before, prefix string, all []poller.Event) string {
	var texts []string
	for i, e := range all {
		if i == 8 {
			texts = append(texts, fmt.Sprintf("… %d more", len(all)-i))
			break
		}
		texts = append(texts, fmt.Sprintf("{fd=%d, %s}", e.ID.Slot(), events(prefix, e.Ready)))
	}
	return before + "[" + strings.Join(texts, ", ") + "]"
}

// events are named as in epoll_ctl(2) and poll(2).
func events(prefix string, r poller.Readiness) string {
	var names []string
	for i, n := range []string{"IN", "OUT", "HUP"} {
		if r&(1<<i) != 0 {
			names = append(names, prefix+n)
		}
	}
	if names == nil {
		return "0"
	}
	return strings.Join(names, "|")
}

// Conditions names a set of conditions.
func Conditions(r poller.Readiness) string { return events("", r) }

var meanings = map[error]string{
	syscall.EAGAIN: "Resource temporarily unavailable", syscall.EINTR: "Interrupted system call",
	syscall.ECONNRESET: "Connection reset by peer", syscall.EMFILE: "Too many open files",
	syscall.ECONNABORTED: "Software caused connection abort", syscall.ENOMEM: "Cannot allocate memory",
	syscall.EPIPE: "Broken pipe", syscall.ENOTCONN: "Transport endpoint is not connected", syscall.EBADF: "Bad file descriptor",
	syscall.ETIMEDOUT: "Connection timed out",
}

func name(err error) string {
	for n, e := range errnos {
		if e == err {
			return n
		}
	}
	return "errno"
}

func quote(p []byte) string {
	if len(p) > shown {
		return strconv.Quote(string(p[:shown])) + "..."
	}
	return strconv.Quote(string(p))
}
