package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// initialize is the guest's first process. It measures and switches the guest off.
func initialize() {
	if err := measure(); err != nil {
		fmt.Println("guest:", err)
	}
	unix.Sync()
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

func measure() error {
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	clients := 0
	if _, after, ok := strings.Cut(string(line), "clients="); ok {
		fmt.Sscan(after, &clients)
	}
	descriptors := uint64(2*clients + 10_000)
	for name, value := range map[string]any{
		"fs/file-max": 4 * descriptors, "fs/nr_open": descriptors, "net/core/somaxconn": 4096,
		"net/ipv4/ip_local_port_range": "1024 65535", "net/ipv4/tcp_max_syn_backlog": 8192,
	} {
		if err := os.WriteFile("/proc/sys/"+name, fmt.Append(nil, value), 0); err != nil {
			return err
		}
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: descriptors, Max: descriptors}); err != nil {
		return err
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	for _, keepalive := range []string{"0", "60s"} {
		fmt.Printf("\n--keepalive %s\n", keepalive)
		if err := rounds(clients, keepalive); err != nil {
			return err
		}
	}
	return nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

// rounds measures idle clients, their return after a restart, and 50 pairs without and with them.
func rounds(clients int, keepalive string) error {
	chatd, err := start(clients, keepalive)
	if err != nil {
		return err
	}
	before := available()
	idle := exec.Command("/swarm", "idle", "-n", fmt.Sprint(clients), "-pid", fmt.Sprint(chatd.Process.Pid), "-rest", "20s", "-back", "10m")
	var failed bytes.Buffer // no terminal, so swarm draws no progress there
	idle.Stderr = &failed
	pipe, err := idle.StdoutPipe()
	if err != nil {
		return err
	}
	said := bufio.NewReader(pipe)
	if err := idle.Start(); err != nil {
		return err
	}
	line, err := said.ReadString('\n') // when they have rested
	if err != nil {
		return fmt.Errorf("swarm idle: %w: %s", err, &failed)
	}
	fmt.Print(line)
	fmt.Printf("memory of the guest in use: %d bytes a client, both ends and both programs\n", (before-available())/clients)
	kernelAtRest()
	chatd.Process.Signal(unix.SIGTERM)
	chatd.Wait()
	if chatd, err = start(clients, keepalive); err != nil {
		return err
	}
	line, _ = said.ReadString('\n') // when they are back
	fmt.Print(line)
	if err := idle.Wait(); err != nil {
		return fmt.Errorf("swarm idle: %w: %s", err, &failed)
	}
	for _, beside := range []int{0, clients} {
		pairs := exec.Command("/swarm", "pairs", "-n", "50", "-idle", fmt.Sprint(beside), "-settle", "20s", "-seconds", "20")
		output, err := pairs.CombinedOutput()
		if os.Stdout.Write(output); err != nil {
			return fmt.Errorf("swarm pairs: %w", err)
		}
	}
	chatd.Process.Kill()
	chatd.Wait()
	return nil
}

// start runs chatd, and returns when it is ready.
func start(clients int, keepalive string) (*exec.Cmd, error) {
	chatd := exec.Command("/chatd", "--max-users", fmt.Sprint(clients+1000), "--keepalive", keepalive)
	chatd.Stderr = os.Stdout
	ready, err := chatd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := chatd.Start(); err != nil {
		return nil, err
	}
	_, err = ready.Read(make([]byte, 64)) // "Server is on"
	return chatd, err
}

// available is the guest's available memory in bytes.
func available() (kib int) {
	text, _ := os.ReadFile("/proc/meminfo")
	_, after, _ := strings.Cut(string(text), "MemAvailable:")
	fmt.Sscan(after, &kib)
	return kib << 10
}

// kernelAtRest prints how busy the guest is while all clients are silent, in all its processors.
func kernelAtRest() {
	const rest = 20 * time.Second
	read := func() (f [8]int) {
		text, _ := os.ReadFile("/proc/stat")
		fmt.Sscanf(string(text), "cpu %d %d %d %d %d %d %d %d", &f[0], &f[1], &f[2], &f[3], &f[4], &f[5], &f[6], &f[7])
		return f
	}
	before := read()
	time.Sleep(rest)
	after, total := read(), 0
	for i := range after {
		after[i] -= before[i]
		total += after[i]
	}
	busy := total - after[3] - after[4] // neither idle nor waiting for a disk
	fmt.Printf("at rest: %.1f %% of two processors busy in %v, %.1f %% in soft interrupts\n",
		100*float64(busy)/float64(total), rest, 100*float64(after[6])/float64(total))
}
