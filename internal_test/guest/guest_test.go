package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestGuest boots a guest with a few clients. It is skipped without qemu or a kernel, and unless it is
// asked for: GUEST_KERNEL names the kernel.
func TestGuest(t *testing.T) {
	kernel := os.Getenv("GUEST_KERNEL")
	if kernel == "" {
		t.Skip("GUEST_KERNEL names no kernel")
	}
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Skipf("a guest needs qemu: %v", err)
	}
	if err := boot(kernel, 500, 1024, 10*time.Minute); err != nil {
		t.Error(err)
	}
}

// TestArchive has cpio read the archive, where there is one.
func TestArchive(t *testing.T) {
	cpio, err := exec.LookPath("cpio")
	if err != nil {
		t.Skipf("only cpio can read the archive: %v", err)
	}
	path := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(path, archive([]file{{"init", []byte("12345")}, {"chatd", nil}}), 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command("sh", "-c", cpio+" -t <"+path).CombinedOutput()
	const expected = "proc\ndev\ndev/console\ndev/null\ninit\nchatd\n"
	if err != nil || string(output[:min(len(output), len(expected))]) != expected {
		t.Errorf("%v: %s", err, output)
	}
}
