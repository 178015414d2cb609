package main

import (
	"runtime"
	"strings"
)

// callNames are the system calls in which servers wait, by their number (/proc/PID/syscall).
var callNames = parseCalls(map[string]string{
	"amd64": "0 read 1 write 7 poll 23 select 35 nanosleep 43 accept 44 sendto 45 recvfrom 46 sendmsg 47 recvmsg 61 wait4 " +
		"202 futex 230 clock_nanosleep 232 epoll_wait 247 waitid 270 pselect6 271 ppoll 281 epoll_pwait 288 accept4 " +
		"426 io_uring_enter 441 epoll_pwait2 128 rt_sigtimedwait 34 pause",
	"arm64": "22 epoll_pwait 63 read 64 write 72 pselect6 73 ppoll 95 waitid 98 futex 101 nanosleep 115 clock_nanosleep " +
		"202 accept 206 sendto 207 recvfrom 211 sendmsg 212 recvmsg 242 accept4 260 wait4 426 io_uring_enter 441 epoll_pwait2",
}[runtime.GOARCH])

func parseCalls(text string) map[string]string {
	names := make(map[string]string)
	words := strings.Fields(text)
	for i := 0; i+1 < len(words); i += 2 {
		names[words[i]] = words[i+1]
	}
	return names
}
