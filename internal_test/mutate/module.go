package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A module is the code of which mutants are made.
type module struct {
	root, path string
	files      []*file
	mutants    []*mutant
	constants  map[string]*mutant // by package and name
}

// A file is one file of the product, with the edits that put its mutants in.
type file struct {
	name  string // relative to the module
	text  []byte
	edits []edit
	tree  *ast.File
	set   *token.FileSet
	info  *types.Info
	own   *types.Package

	judged map[ast.Expr]bool // conditions that are made true and false
}

// A mutant is one mistake. Its key does not depend on where in the file it stands.
type mutant struct {
	id                         int
	file, function, kind, text string
	first, last                int // lines of the function
}

func (m *mutant) key() string {
	return strings.Join([]string{m.file, m.function, m.kind, m.text}, "\t")
}

// An edit replaces text. Edits may lie in one another: with is given what the inner ones have made.
type edit struct {
	start, end int
	mutant     *mutant
	with       func(inner string) string
}

// load finds the mutants of a module, in files and in the folders of packages.
func load(root string, paths ...string) (*module, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	m := &module{root: root, constants: make(map[string]*mutant)}
	type listed struct {
		ImportPath, Dir, Export string
		GoFiles                 []string
		Module                  *struct {
			Path string
			Main bool
		}
	}
	command := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,Module", "./...")
	command.Dir, command.Env, command.Stderr = root, append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %w", command, err)
	}
	exports := make(map[string]string)
	var own []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var p listed
		if err := decoder.Decode(&p); err != nil {
			return nil, err
		}
		exports[p.ImportPath] = p.Export
		if p.Module != nil && p.Module.Main {
			own, m.path = append(own, p), p.Module.Path
		}
	}
	set := token.NewFileSet()
	imports := importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	for _, p := range own {
		folder, _ := filepath.Rel(root, p.Dir)
		var files []*file
		var trees []*ast.File
		for _, name := range p.GoFiles {
			name = filepath.Join(folder, name)
			if !slices.Contains(paths, name) && !slices.Contains(paths, folder) {
				continue
			}
			text, err := os.ReadFile(filepath.Join(root, name))
			if err != nil {
				return nil, err
			}
			tree, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			files, trees = append(files, &file{name: name, text: text, tree: tree, set: set, judged: make(map[ast.Expr]bool)}), append(trees, tree)
		}
		if files == nil {
			continue
		}
		info := &types.Info{Types: make(map[ast.Expr]types.TypeAndValue), Uses: make(map[*ast.Ident]types.Object)}
		checked, err := (&types.Config{Importer: imports}).Check(p.ImportPath, set, trees, info)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			f.info, f.own = info, checked
		}
		m.files = append(m.files, files...)
	}
	for _, f := range m.files {
		m.addConstants(f)
	}
	for _, f := range m.files {
		m.addMutants(f)
	}
	m.number()
	return m, nil
}

// number gives the mutants their numbers, and tells apart those of a function that read the same.
func (m *module) number() {
	seen := make(map[string]int)
	for i, w := range m.mutants {
		w.id = i
		if n := seen[w.key()]; n > 0 {
			seen[w.key()]++
			w.text += fmt.Sprintf(" #%d", n+1)
		} else {
			seen[w.key()] = 1
		}
	}
}

// write puts all mutants into a copy of the module, except those that do not compile.
func (m *module) write(folder string, dropped map[int]bool) error {
	for _, f := range m.files {
		edits := slices.DeleteFunc(slices.Clone(f.edits), func(e edit) bool { return dropped[e.mutant.id] })
		slices.Reverse(edits) // of several edits of the same text the last one is the outermost
		slices.SortStableFunc(edits, func(a, b edit) int {
			if a.start != b.start {
				return a.start - b.start
			}
			return b.end - a.end
		})
		text := region(string(f.text), &edits, 0, len(f.text))
		at := f.set.Position(f.tree.Name.End()).Offset // before every edit
		text = text[:at] + "; import \"" + m.path + "/mutant\"" + text[at:] + "\nvar _ = mutant.On\n"
		if err := os.WriteFile(filepath.Join(folder, f.name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	switches := filepath.Join(folder, "mutant")
	if err := os.MkdirAll(switches, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(switches, "mutant.go"), fmt.Appendf(nil, switchesText, max(1, len(m.mutants))), 0o644)
}

// region is the text from lo to hi with its edits, which it takes from the head of the list.
func region(text string, edits *[]edit, lo, hi int) string {
	var out strings.Builder
	for len(*edits) > 0 && (*edits)[0].end <= hi && (*edits)[0].start < hi {
		e := (*edits)[0]
		*edits = (*edits)[1:]
		out.WriteString(text[lo:e.start])
		inner := ""
		if e.end > e.start {
			inner = region(text, edits, e.start, e.end)
		}
		out.WriteString(e.with(inner))
		lo = e.end
	}
	return out.String() + text[lo:hi]
}

// switchesText is the package that the copy asks. What a process reaches it leaves in a file, which is
// mapped into its memory, so it is there however the process ends.
const switchesText = `package mutant

import "syscall"

const count = %d

var selected, reached = number(), table()

func On(i int) bool {
	reached[i] = 1
	return i == selected
}

func number() int {
	text, ok := syscall.Getenv("MUTANT")
	if !ok {
		return -1
	}
	n := 0
	for _, digit := range text {
		n = 10*n + int(digit-'0')
	}
	return n
}

func table() []byte {
	if name, ok := syscall.Getenv("MUTANTS_REACHED"); ok {
		if fd, err := syscall.Open(name, syscall.O_RDWR|syscall.O_CLOEXEC, 0); err == nil {
			defer syscall.Close(fd)
			if t, err := syscall.Mmap(fd, 0, count, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED); err == nil {
				return t
			}
		}
	}
	return make([]byte, count)
}
`
