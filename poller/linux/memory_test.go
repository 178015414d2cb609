package linux

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

// F9: the limit is the lowest of the cgroup of the process and those above it, in both versions.
func TestF9MemoryLimitOfTheCgroup(t *testing.T) {
	const v1, v2 = "sys/fs/cgroup/memory/", "sys/fs/cgroup/"
	for name, test := range map[string]struct {
		cgroup string
		files  map[string]string
		want   int
	}{
		"no cgroup":       {"", nil, math.MaxInt},
		"v2":              {"0::/a/b\n", map[string]string{v2 + "a/b/memory.max": "134217728\n", v2 + "a/memory.max": "max\n"}, 128 << 20},
		"v2 above":        {"0::/a/b\n", map[string]string{v2 + "a/b/memory.max": "max\n", v2 + "a/memory.max": "1000\n"}, 1000},
		"v2 in container": {"0::/\n", map[string]string{v2 + "memory.max": "1000\n"}, 1000},
		"v2 without":      {"0::/a\n", map[string]string{v2 + "a/memory.max": "max\n"}, math.MaxInt},
		"v1": {
			"4:memory:/a\n3:cpu,cpuacct:/b\n0::/c\n",
			map[string]string{v1 + "a/memory.limit_in_bytes": "2000\n", v1 + "memory.limit_in_bytes": "9223372036854771712\n", v1 + "b/memory.limit_in_bytes": "1\n"},
			2000,
		},
		"v1 in container": {"4:memory:/docker/1\n", map[string]string{v1 + "memory.limit_in_bytes": "3000\n"}, 3000},
		"nonsense":        {"x\n0::/a:b\n", map[string]string{v2 + "a:b/memory.max": "4000\n"}, 4000},
	} {
		root := t.TempDir()
		if test.files == nil {
			test.files = map[string]string{}
		}
		test.files["proc/self/cgroup"] = test.cgroup
		for path, text := range test.files {
			path = filepath.Join(root, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := memoryLimit(root); got != test.want {
			t.Errorf("%s: the limit is %d, expected %d", name, got, test.want)
		}
	}
}
