package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEveryMessageIsExplained: whatever the program may say, in its log, as a reason, as a figure or
// when it gives up, stands in docs/operation.md.
func TestEveryMessageIsExplained(t *testing.T) {
	t.Parallel()
	manual := strings.Join(strings.Fields(operation(t)), " ")
	messages := messagesIn(t, "../../main.go", "../../poller/*.go", "../../poller/service/*.go", "../../poller/linux/*.go", "../../protocol/*.go")
	for _, known := range []string{"stopping", "accepting is paused", "log lines dropped", "send_timeout", "in_use", "unexpected argument %q"} {
		if !slices.Contains(messages, known) {
			t.Errorf("the test does not find %q in the program: it found %q", known, messages)
		}
	}
	verb := regexp.MustCompile(`%[a-z]`)
	for _, message := range messages {
		var pattern []string
		for _, part := range verb.Split(message, -1) {
			pattern = append(pattern, regexp.QuoteMeta(strings.TrimSpace(part)))
		}
		if !regexp.MustCompile("`[^`]*" + strings.Join(pattern, ` ?\S* ?`)).MatchString(manual) {
			t.Errorf("docs/operation.md does not explain %q", message)
		}
	}
}

// messagesIn finds what the program may say: the text of each log line, of each error of its own,
// each reason for a closing, and the name of each figure.
func messagesIn(t *testing.T, patterns ...string) (messages []string) {
	t.Helper()
	literal := func(node ast.Node) string {
		text, _ := node.(*ast.BasicLit)
		if text == nil || text.Kind != token.STRING {
			return ""
		}
		value, _ := strconv.Unquote(text.Value)
		return value
	}
	hasWords := regexp.MustCompile(`[a-z_]{3}`)
	inspect := func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.CallExpr:
			called, _ := node.Fun.(*ast.SelectorExpr)
			if called == nil || len(node.Args) == 0 {
				break
			}
			switch called.Sel.Name {
			case "Debug", "Info", "Warn", "Error", "warnLimited", "Errorf", "New":
				messages = append(messages, literal(node.Args[0]))
			}
		case *ast.ValueSpec:
			if typeName(node.Type) == "Reason" {
				for _, value := range node.Values {
					messages = append(messages, literal(value))
				}
			}
		case *ast.BasicLit:
			text := literal(node)
			if match := regexp.MustCompile(`msg="?([^"]*)"? `).FindStringSubmatch(text); match != nil {
				messages = append(messages, match[1])
			}
			messages = append(messages, regexp.MustCompile(`chatd_[a-z_]+`).FindAllString(text, -1)...)
		}
		return true
	}
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || files == nil {
			t.Fatalf("no files %s: %v", pattern, err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, inspect)
		}
	}
	return slices.DeleteFunc(messages, func(text string) bool { return !hasWords.MatchString(text) })
}

// typeName is the name of a type, without its package.
func typeName(expression ast.Expr) string {
	switch e := expression.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

func operation(t *testing.T) string {
	t.Helper()
	return contents(t, "../../docs/operation.md")
}
