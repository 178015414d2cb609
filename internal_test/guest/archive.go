package main

import (
	"bytes"
	"fmt"
)

// A file is one of an initramfs.
type file struct {
	name    string
	content []byte
}

// archive is the files as executables in cpio's format "newc", which the kernel unpacks
// (Documentation/driver-api/early-userspace/buffer-format.rst).
func archive(files []file) []byte {
	var out bytes.Buffer
	entry := func(mode int, name string, content []byte, major, minor int) {
		fmt.Fprintf(&out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
			out.Len()+1, mode, 0, 0, 1, 0, len(content), 0, 0, major, minor, len(name)+1, 0, name)
		pad(&out)
		out.Write(content)
		pad(&out)
	}
	entry(0o040755, "proc", nil, 0, 0)
	entry(0o040755, "dev", nil, 0, 0)
	entry(0o020600, "dev/console", nil, 5, 1)
	entry(0o020666, "dev/null", nil, 1, 3)
	for _, f := range files {
		entry(0o100755, f.name, f.content, 0, 0)
	}
	entry(0, "TRAILER!!!", nil, 0, 0)
	return out.Bytes()
}

func pad(out *bytes.Buffer) { out.Write(make([]byte, -out.Len()&3)) }
