package linux

import (
	"math"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// MemoryLimit is how much memory the cgroups of the process allow it, in bytes; math.MaxInt: there is no
// limit, or it cannot be read.
func MemoryLimit() int { return memoryLimit("/") }

// memoryLimit reads the limit below a root folder. A line of /proc/self/cgroup says in which cgroup of a
// hierarchy the process is: 0::/PATH for version 2, N:memory:/PATH for version 1 (cgroups(7)). Each cgroup
// above it has a limit too, and in a container the path may begin above what is mounted; so all files
// that are there count.
func memoryLimit(root string) int {
	limit := math.MaxInt
	text, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		folder, file := "sys/fs/cgroup", "memory.max"
		switch fields[1] {
		case "":
		case "memory":
			folder, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for group := path.Clean("/" + fields[2]); ; group = path.Dir(group) {
			text, _ := os.ReadFile(filepath.Join(root, folder, group, file))
			if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil { // "max" is none
				limit = min(limit, n)
			}
			if group == "/" {
				break
			}
		}
	}
	return limit
}
