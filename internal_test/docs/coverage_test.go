package docs_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A faultTest is a test, or a fuzz test, that provokes a fault.
type faultTest struct{ folder, name, level string }

// testsOfFaults finds the tests of the module below a folder, by the number of the fault that each
// carries, in the order of their folders and names.
func testsOfFaults(t *testing.T, root string) map[string][]faultTest {
	t.Helper()
	found := make(map[string][]faultTest)
	for folder, code := range testCode(t, root) {
		for name, functions := range code {
			for _, id := range faultIDsOf(functions[0]) {
				found[id] = append(found[id], faultTest{folder, name, code.level(folder, name)})
			}
		}
	}
	for _, tests := range found {
		slices.SortFunc(tests, func(a, b faultTest) int {
			return cmp.Or(cmp.Compare(a.folder, b.folder), cmp.Compare(a.name, b.name))
		})
	}
	return found
}

var (
	testName  = regexp.MustCompile(`^(?:Test|Fuzz)((?:[A-H][1-9]\d?)*)`)
	story     = regexp.MustCompile(`^((?:[A-Z]+\d+, )*[A-Z]+\d+):`) // D1, PR12: ...
	idInside  = regexp.MustCompile(`[A-Z]+\d+`)
	faultOnly = regexp.MustCompile(`^[A-H]\d+$`) // PR12 and its like are rules
)

// faultIDsOf is which faults a function provokes, by its name or the beginning of its comment, if
// it is a test. One that always skips itself provokes none.
func faultIDsOf(function *ast.FuncDecl) (ids []string) {
	name := testName.FindStringSubmatch(function.Name.Name)
	if name == nil || function.Recv != nil || isSkipped(function) {
		return nil
	}
	said := name[1]
	if head := story.FindString(function.Doc.Text()); head != "" {
		said += " " + head
	}
	for _, id := range idInside.FindAllString(said, -1) {
		if faultOnly.MatchString(id) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func isSkipped(test *ast.FuncDecl) bool {
	if len(test.Body.List) == 0 {
		return true
	}
	statement, _ := test.Body.List[0].(*ast.ExprStmt)
	if statement == nil {
		return false
	}
	call, _ := statement.X.(*ast.CallExpr)
	if call == nil {
		return false
	}
	method, _ := call.Fun.(*ast.SelectorExpr)
	return method != nil && strings.HasPrefix(method.Sel.Name, "Skip")
}

// code is the functions and methods of one folder's tests, by name, which methods may share.
type code map[string][]*ast.FuncDecl

// testCode parses all tests of a module, by folder, and package daemon, which the black-box tests
// share.
func testCode(t *testing.T, root string) map[string]code {
	t.Helper()
	folders := make(map[string]code)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); path != root && (err == nil || entry.Name()[0] == '.') {
				return fs.SkipDir // another module, or no Go at all
			}
			return nil
		}
		if !strings.HasSuffix(path, "_test.go") && filepath.Base(filepath.Dir(path)) != "daemon" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if folder == "." {
			folder = "main"
		}
		if folders[folder] == nil {
			folders[folder] = make(code)
		}
		for _, declaration := range file.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok {
				name := function.Name.Name
				folders[folder][name] = append(folders[folder][name], function)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for folder, code := range folders { // what the black-box tests share is used behind a dot
		if strings.HasPrefix(folder, "internal_test/") && folder != "internal_test/daemon" {
			for name, functions := range folders["internal_test/daemon"] {
				code["."+name] = functions
			}
		}
	}
	return folders
}

// level says how real a test is (docs/faults.md), by what it comes to use.
func (c code) level(folder, test string) string {
	uses := make(map[string]bool)
	c.collect(test, uses)
	usesAny := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return uses[name] })
	}
	switch {
	case strings.Contains(folder, "simulation") || usesAny("newFakeKernel"):
		return "S"
	case usesAny(".LookPath", ".Unshare"):
		return "R"
	case usesAny("Listen", "NewEpoll", "NewWake", ".Socketpair", ".Pipe", ".IoctlSetPointerInt") || strings.HasPrefix(folder, "internal_test"):
		return "P"
	}
	return "U"
}

// collect gathers the names that a function uses, itself or through others of its folder. That goes
// by names alone: what stands behind a dot, and is gathered with it, may be a method of any type.
func (c code) collect(name string, uses map[string]bool) {
	afterDot := strings.HasPrefix(name, ".")
	var functions []*ast.FuncDecl
	for _, function := range c[strings.TrimPrefix(name, ".")] {
		if (function.Recv != nil) == afterDot {
			functions = append(functions, function)
		}
	}
	if afterDot {
		functions = append(functions, c[name]...)
	}
	for _, function := range functions {
		behindDot := make(map[*ast.Ident]string)
		ast.Inspect(function.Body, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.SelectorExpr:
				behindDot[node.Sel] = "."
			case *ast.Ident:
				if used := behindDot[node] + node.Name; !uses[used] {
					uses[used] = true
					c.collect(used, uses)
				}
			}
			return true
		})
	}
}
