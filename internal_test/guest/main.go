// Guest boots Linux in software emulation (qemu-system-x86_64) and measures chatd with many idle
// clients there, because an ordinary process may not have so many descriptors (docs/scale.md):
//
//	apt-get download linux-image-6.1.0-56-cloud-amd64 && dpkg-deb -x linux-image-*.deb kernel
//	go run ./internal_test/guest -kernel kernel/boot/vmlinuz-6.1.0-56-cloud-amd64 -n 100000
//
// Any kernel with a serial console and TCP built in will do. The initramfs holds three static
// binaries: this program as init, chatd and swarm. All that the guest measures is its own: under
// emulation times are many times as long as on the processor itself; bytes and counts are the same.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"chatd/internal_test/contender"
)

func main() {
	if os.Getpid() == 1 {
		initialize()
		return
	}
	kernel := flag.String("kernel", newest("/boot/vmlinuz-*"), "`file` of a kernel for x86-64")
	clients := flag.Int("n", 10_000, "`number` of idle clients")
	memory := flag.Int("memory", 0, "the guest's memory in `MiB` (default: enough for the clients)")
	bound := flag.Duration("for", 10*time.Minute, "end the guest after this `time`")
	flag.Parse()
	if *memory == 0 {
		*memory = 1024 + *clients*17/1000 // 8.5 KB of the kernel's for both ends, and as much again for swarm and the rest
	}
	if err := boot(*kernel, *clients, *memory, *bound); err != nil {
		fmt.Fprintf(os.Stderr, "guest: %v\n", err)
		os.Exit(1)
	}
}

func newest(pattern string) string {
	if found, _ := filepath.Glob(pattern); len(found) > 0 {
		return found[len(found)-1]
	}
	return ""
}

// boot builds the initramfs and runs the guest. The serial console is the output.
func boot(kernel string, clients, memory int, bound time.Duration) error {
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		return err
	}
	if kernel == "" {
		return fmt.Errorf("no kernel: see go doc ./internal_test/guest")
	}
	root, err := contender.Root()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "guest")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	var files []file
	for name, target := range map[string]string{"init": "./internal_test/guest", "chatd": ".", "swarm": "./internal_test/swarm"} {
		path := filepath.Join(folder, name)
		build := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", path, target)
		build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOARCH=amd64")
		if output, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, output)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files = append(files, file{name, content})
	}
	initramfs := filepath.Join(folder, "initramfs")
	if err := os.WriteFile(initramfs, archive(files), 0o600); err != nil {
		return err
	}
	guest := exec.Command("timeout", fmt.Sprintf("%.0f", bound.Seconds()), qemu, "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2",
		"-m", fmt.Sprint(memory), "-display", "none", "-no-reboot", "-nic", "none", "-monitor", "none", "-serial", "stdio",
		"-kernel", kernel, "-initrd", initramfs,
		"-append", fmt.Sprintf("console=ttyS0 quiet panic=-1 mitigations=off clients=%d", clients))
	guest.Stdout, guest.Stderr = os.Stdout, os.Stderr
	fmt.Printf("%d clients in a guest with %d MiB and 2 processors, emulated by qemu on %s with %d\n", clients, memory, runtime.GOARCH, runtime.NumCPU())
	if err := guest.Run(); err != nil {
		return fmt.Errorf("the guest did not end by itself within %v: %w", bound, err)
	}
	return nil
}
