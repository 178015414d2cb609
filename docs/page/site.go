package main

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"chatd/internal_test/mistakes"
)

//go:embed site
var static embed.FS

var errNoFile = errors.New("no such file")

// A site has the files of the page, by name. Those that are built are built when they are first asked
// for, once.
type site struct {
	root    string // of the module
	scratch string // what is built

	mu    sync.Mutex // one build at a time
	built map[string][]byte
}

func newSite() (*site, error) {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return nil, err
	}
	root := filepath.Dir(strings.TrimSpace(string(mod)))
	if _, err := os.Stat(filepath.Join(root, "docs/page/wasm")); err != nil {
		return nil, fmt.Errorf("run it inside the module of chatd: %w", err)
	}
	scratch, err := os.MkdirTemp("", "page")
	return &site{root: root, scratch: scratch, built: map[string][]byte{}}, err
}

func (s *site) close() { os.RemoveAll(s.scratch) }

// program is the name of the compiled loop: 0 is the right one, the others are those of the levels.
// It is compressed as it is, so that any web host will do.
func program(level int) string { return fmt.Sprintf("loop-%d.wasm.gz", level) }

// names are the names of all files.
func (s *site) names() []string {
	names := append(s.written(), "wasm_exec.js", "sources.json", "levels.json")
	for level := range len(levels) + 1 {
		names = append(names, program(level))
	}
	return names
}

// written are the files that are not built.
func (s *site) written() (names []string) {
	entries, _ := fs.ReadDir(static, "site")
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// file is the content of a file.
func (s *site) file(name string) ([]byte, error) {
	if content, err := fs.ReadFile(static, "site/"+name); err == nil {
		return content, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	content, err := s.built[name], error(nil)
	if content == nil {
		content, err = s.make(name)
	}
	if err == nil {
		s.built[name] = content
	}
	return content, err
}

func (s *site) make(name string) ([]byte, error) {
	switch name {
	case "wasm_exec.js":
		goroot, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			return nil, err
		}
		return os.ReadFile(filepath.Join(strings.TrimSpace(string(goroot)), "lib/wasm/wasm_exec.js"))
	case "levels.json":
		return json.Marshal(levels)
	case "sources.json":
		return s.sources()
	}
	for level := range len(levels) + 1 {
		if name == program(level) {
			return s.build(level)
		}
	}
	return nil, fmt.Errorf("%s: %w", name, errNoFile)
}

// sources are the files that the page shows lines of.
func (s *site) sources() ([]byte, error) {
	texts := map[string]string{}
	for _, pattern := range []string{"poller/*.go", "protocol/linebuffer.go"} {
		files, err := filepath.Glob(filepath.Join(s.root, pattern))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			name, _ := filepath.Rel(s.root, file)
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			texts[filepath.ToSlash(name)] = string(text)
		}
	}
	return json.Marshal(texts)
}

// build compiles the loop, with the edits of a level applied to copies (go help build, -overlay).
func (s *site) build(level int) ([]byte, error) {
	var edits []mistakes.Edit
	if level > 0 {
		edits = levels[level-1].Edits
	}
	overlay, err := mistakes.Overlay(s.root, s.scratch, edits)
	if err != nil {
		return nil, fmt.Errorf("level %d: %w", level, err)
	}
	out := filepath.Join(s.scratch, "loop.wasm")
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-overlay", overlay, "-o", out}
	for _, large := range []string{"encoding/json", "fmt", "log/slog", "net/netip", "reflect", "time"} {
		args = append(args, "-gcflags="+large+"=-l") // without inlining: 30 KB less, and no step slower
	}
	cmd := exec.Command("go", append(args, "./docs/page/wasm")...)
	cmd.Dir = s.root
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("level %d: %w\n%s", level, err, text)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	return compress(wasm), nil
}

func compress(content []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid
	w.Write(content)
	w.Close()
	return b.Bytes()
}
