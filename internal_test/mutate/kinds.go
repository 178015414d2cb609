package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strconv"
	"strings"
)

// A finder goes through one declaration and makes its mutants.
type finder struct {
	*module
	*file
	function    string
	first, last int
}

// addConstants makes one mutant of each named constant, whatever number of uses it has. Enumerations have
// none: which number a name has makes no difference.
func (m *module) addConstants(f *file) {
	for _, declaration := range f.tree.Decls {
		general, ok := declaration.(*ast.GenDecl)
		if !ok || general.Tok != token.CONST {
			continue
		}
		for _, spec := range general.Specs {
			spec := spec.(*ast.ValueSpec)
			for i, name := range spec.Names {
				if i >= len(spec.Values) || uses(spec.Values[i], "iota") {
					continue
				}
				value := f.info.Types[spec.Values[i]]
				if change := changed(value.Type, value.Value); change != "" {
					line := f.set.Position(name.Pos()).Line
					w := &mutant{file: f.name, function: "const " + name.Name, kind: "constant", text: name.Name + change, first: line, last: line}
					m.mutants = append(m.mutants, w)
					m.constants[f.own.Path()+"."+name.Name] = w
				}
			}
		}
	}
}

// changed is what a mutant does to a constant: a small number becomes one larger; a size or a time becomes
// twice as large, because a mutant of the comparison is already off by one; a word becomes another. It is
// empty for other constants, and for texts that people read.
func changed(t types.Type, value constant.Value) string {
	if value == nil {
		return ""
	}
	switch value.Kind() {
	case constant.Int:
		if basic, ok := t.Underlying().(*types.Basic); !ok || basic.Info()&types.IsInteger == 0 {
			return ""
		}
		if n, ok := constant.Int64Val(value); ok && (n >= 64 || t.String() == "time.Duration" && n > 0) {
			return "*2"
		}
		return "+1"
	case constant.String:
		if text := constant.StringVal(value); text != "" && !strings.Contains(strings.TrimSpace(text), " ") {
			return `+"x"`
		}
	}
	return ""
}

func uses(n ast.Node, name string) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Name == name {
			found = true
		}
		return true
	})
	return found
}

// addMutants makes the mutants of functions and of the values of variables.
func (m *module) addMutants(f *file) {
	for _, declaration := range f.tree.Decls {
		d := finder{
			module: m, file: f,
			first: f.set.Position(declaration.Pos()).Line, last: f.set.Position(declaration.End()).Line,
		}
		switch declaration := declaration.(type) {
		case *ast.FuncDecl:
			d.function = declaration.Name.Name
			if declaration.Recv != nil {
				receiver := declaration.Recv.List[0].Type
				if star, ok := receiver.(*ast.StarExpr); ok {
					receiver = star.X
				}
				if index, ok := receiver.(*ast.IndexExpr); ok {
					receiver = index.X
				}
				d.function = receiver.(*ast.Ident).Name + "." + d.function
			}
			d.earlyReturn(declaration)
			ast.Walk(d, declaration.Body)
		case *ast.GenDecl:
			for _, spec := range declaration.Specs {
				if spec, ok := spec.(*ast.ValueSpec); ok && declaration.Tok == token.VAR {
					d.function = "var " + spec.Names[0].Name
					for _, value := range spec.Values {
						d.expression(value)
					}
				}
			}
		}
	}
}

func (d finder) offset(at token.Pos) int { return d.set.Position(at).Offset }

// source is the text of a node, in one line.
func (d finder) source(n ast.Node) string {
	return string(d.file.text[d.offset(n.Pos()):d.offset(n.End())])
}

func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 90 {
		text = text[:60] + "..." + text[len(text)-25:]
	}
	return text
}

// add adds a mutant of a node. In with, $id is the mutant's number, and $inner the node as
// the mutants inside it have made it.
func (d finder) add(n ast.Node, kind, text, with string) {
	if strings.Contains(with, "\n") {
		return // the copy must keep its lines
	}
	w := &mutant{file: d.file.name, function: d.function, kind: kind, text: oneLine(text), first: d.first, last: d.last}
	d.mutants = append(d.mutants, w)
	d.edit(n.Pos(), n.End(), w, with)
}

func (d finder) edit(start, end token.Pos, w *mutant, with string) {
	d.edits = append(d.edits, edit{d.offset(start), d.offset(end), w, func(inner string) string {
		return strings.NewReplacer("$id", strconv.Itoa(w.id), "$inner", inner).Replace(with)
	}})
}

// Visit is for ast.Walk over statements.
func (d finder) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.GenDecl:
		if n.Tok == token.CONST {
			return nil
		}
	case *ast.BlockStmt:
		d.statements(n.List)
	case *ast.CaseClause:
		for _, e := range n.List {
			d.condition(e, false)
		}
		d.statements(n.Body)
	case *ast.CommClause:
		d.statements(n.Body)
	case *ast.IfStmt:
		d.condition(n.Cond, false)
	case *ast.ForStmt:
		if n.Cond != nil {
			d.condition(n.Cond, true)
		}
	case *ast.FuncLit:
		return d
	case ast.Expr:
		d.expression(n)
		return nil
	}
	return d
}

func (d finder) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				continue
			}
		case *ast.ExprStmt, *ast.IncDecStmt, *ast.DeferStmt, *ast.GoStmt, *ast.SendStmt, *ast.BranchStmt:
		default:
			continue
		}
		d.add(s, "removed", d.source(s), "if !mutant.On($id) { $inner }")
	}
}

func (d finder) earlyReturn(f *ast.FuncDecl) {
	if len(f.Body.List) == 0 {
		return
	}
	values := ""
	if results := f.Type.Results; results != nil && len(results.List[0].Names) == 0 {
		for i, r := range results.List {
			if i > 0 {
				values += ", "
			}
			values += "*new(" + d.source(r.Type) + ")"
		}
	}
	if _, ok := f.Body.List[0].(*ast.ReturnStmt); ok && values == "" {
		return
	}
	w := &mutant{file: d.file.name, function: d.function, kind: "return", text: "at once", first: d.first, last: d.last}
	d.mutants = append(d.mutants, w)
	at := f.Body.Lbrace + 1
	d.edit(at, at, w, " if mutant.On($id) { return "+values+" }; ")
}

// condition makes a condition true and makes it false. What is reached of the two says whether both have
// happened: mutant.On is asked only where it would change something. The condition of a loop is not made
// true, which would be seen by its time alone.
func (d finder) condition(e ast.Expr, loop bool) {
	e = ast.Unparen(e)
	if t, ok := d.info.Types[e].Type.(*types.Basic); !ok || t.Info()&types.IsBoolean == 0 || d.info.Types[e].Value != nil {
		return
	}
	d.judged[e] = true
	b, _ := e.(*ast.BinaryExpr)
	if !loop && (b == nil || b.Op != token.LAND) {
		d.add(e, "condition", "true instead of "+d.source(e), "(($inner) || mutant.On($id))")
	}
	if b == nil || b.Op != token.LOR {
		d.add(e, "condition", "false instead of "+d.source(e), "(($inner) && !mutant.On($id))")
	}
}

var (
	opposite = map[token.Token]string{
		token.LSS: ">=", token.LEQ: ">", token.GTR: "<=", token.GEQ: "<", token.EQL: "!=", token.NEQ: "==",
	}
	neighbour = map[token.Token]string{token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">"}
)

// expression makes the mutants of an expression and of its parts.
func (d finder) expression(e ast.Expr) {
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			ast.Walk(d, n.Body)
			return false
		case *ast.ArrayType, *ast.MapType, *ast.StructType, *ast.FuncType, *ast.InterfaceType:
			return false
		case *ast.KeyValueExpr:
			d.expression(n.Value)
			return false
		case *ast.CallExpr:
			return d.call(n)
		case *ast.BinaryExpr:
			if d.info.Types[n].Value == nil {
				d.binary(n)
				return true
			}
		case *ast.Ident:
			if n.Name == "true" || n.Name == "false" {
				d.add(n, "constant", "!"+n.Name, "($inner != mutant.On($id))")
				return false
			}
		}
		if e, ok := n.(ast.Expr); ok && d.info.Types[e].Value != nil {
			return d.constant(e)
		}
		return true
	})
}

// constant makes a mutant of a constant. It reports whether its parts have mutants of their own.
func (d finder) constant(e ast.Expr) (parts bool) {
	name := e
	if selector, ok := e.(*ast.SelectorExpr); ok {
		name = selector.Sel
	}
	if id, ok := name.(*ast.Ident); ok {
		if c, ok := d.info.Uses[id].(*types.Const); ok && c.Pkg() != nil {
			if w := d.constants[c.Pkg().Path()+"."+c.Name()]; w != nil {
				if t, ok := d.typeOf(e); ok {
					d.edit(e.Pos(), e.End(), w, d.either(t, d.source(e)+w.text[len(c.Name()):]))
				}
			}
		}
		return false
	}
	named, literal := false, false
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			named = named || d.info.Uses[n] != nil && d.info.Uses[n].Pkg() != nil
		case *ast.BasicLit:
			literal = true
		}
		return true
	})
	t, ok := d.typeOf(e)
	if !ok {
		return false
	}
	if b, ok := e.(*ast.BinaryExpr); ok && b.Op == token.OR {
		d.add(b, "constant", d.source(b)+" -> "+d.source(b.X), d.either(t, d.source(b.X)))
		d.add(b, "constant", d.source(b)+" -> "+d.source(b.Y), d.either(t, d.source(b.Y)))
		return false
	}
	if change := changed(d.info.Types[e].Type, d.info.Types[e].Value); change != "" && literal && (!named || t == "time.Duration") {
		d.add(e, "constant", d.source(e)+change, d.either(t, "("+d.source(e)+")"+change))
		return false
	}
	return named
}

// typeOf is how the file names the type of an expression.
func (d finder) typeOf(e ast.Expr) (text string, ok bool) {
	ok = true
	text = types.TypeString(types.Default(d.info.Types[e].Type), func(p *types.Package) string {
		if p == d.own {
			return ""
		}
		for _, i := range d.tree.Imports {
			if path, _ := strconv.Unquote(i.Path.Value); path == p.Path() {
				if i.Name != nil {
					return i.Name.Name
				}
				return p.Name()
			}
		}
		ok = false
		return ""
	})
	return text, ok
}

// either is an expression of which only one of two forms is computed.
func (d finder) either(t, other string) string {
	return fmt.Sprintf("func() %s { if mutant.On($id) { return %s }; return $inner }()", t, other)
}

// binary makes the mutants of an operator.
func (d finder) binary(b *ast.BinaryExpr) {
	x, y, op := d.source(b.X), d.source(b.Y), b.Op.String()
	is := func(text string) { // a comparison
		d.add(b, "comparison", x+" "+op+" "+y+" -> "+text, "(mutant.On($id) && ("+x+" "+text+" "+y+") || !mutant.On($id) && ($inner))")
	}
	if text := neighbour[b.Op]; text != "" {
		is(text)
	}
	if text := opposite[b.Op]; text != "" {
		if !d.judged[b] {
			is(text)
		}
		return
	}
	if b.Op == token.LAND || b.Op == token.LOR {
		d.judged[ast.Unparen(b.X)], d.judged[ast.Unparen(b.Y)] = true, true
	}
	switch b.Op {
	case token.LAND:
		d.add(b.X, "condition", "true && "+y, "(($inner) || mutant.On($id))")
		d.add(b.Y, "condition", x+" && true", "(($inner) || mutant.On($id))")
		return
	case token.LOR:
		d.add(b.X, "condition", "false || "+y, "(($inner) && !mutant.On($id))")
		d.add(b.Y, "condition", x+" || false", "(($inner) && !mutant.On($id))")
		return
	}
	basic, ok := d.info.Types[b].Type.Underlying().(*types.Basic)
	t, named := d.typeOf(b)
	if !ok || !named || basic.Info()&types.IsNumeric == 0 {
		return
	}
	switch b.Op {
	case token.ADD:
		d.add(b, "operator", x+" + "+y+" -> -", d.either(t, x+" - "+y))
	case token.SUB:
		d.add(b, "operator", x+" - "+y+" -> +", d.either(t, x+" + "+y))
		d.add(b, "swapped", y+" - "+x, d.either(t, y+" - ("+x+")"))
	case token.QUO, token.REM:
		d.add(b, "swapped", y+" "+op+" "+x, d.either(t, y+" "+op+" ("+x+")"))
	}
}

// call makes the mutants of a call. It reports whether the arguments have mutants of their own: the words
// of a log line or of an error have none.
func (d finder) call(c *ast.CallExpr) (arguments bool) {
	called := d.source(c.Fun)
	switch name := called[strings.LastIndex(called, ".")+1:]; {
	case name == "make":
		for _, size := range c.Args[1:min(2, len(c.Args))] {
			d.expression(size)
		}
		return false
	case strings.HasPrefix(called, "slog.") || strings.Contains(called, "Log."),
		name == "Errorf", name == "warnLimited", name == "Sprintf", name == "Appendf", name == "Fprintf", name == "NewSyscallError":
		return false
	case called == "log.Warn" || called == "log.Info" || called == "log.Error":
		return false
	case called == "min" || called == "max":
		if t, ok := d.typeOf(c); ok && d.info.Types[c].Value == nil {
			other := map[string]string{"min": "max", "max": "min"}[called]
			d.add(c, "operator", d.source(c)+" -> "+other, d.either(t, other+d.source(c)[3:]))
		}
		return true
	}
	if called == "bytes.Equal" {
		return true // in any order
	}
	for i := range len(c.Args) - 1 {
		a, b := c.Args[i], c.Args[i+1]
		ta, tb := d.info.Types[a], d.info.Types[b]
		if !types.Identical(ta.Type, tb.Type) || ta.Value != nil && tb.Value != nil || calls(a) || calls(b) || i+1 == len(c.Args)-1 && c.Ellipsis.IsValid() {
			continue
		}
		t, ok := d.typeOf(a)
		if !ok || ta.Type.String() == "untyped nil" {
			continue
		}
		text := called + "(" + d.source(b) + ", " + d.source(a) + ")"
		w := &mutant{file: d.file.name, function: d.function, kind: "swapped", text: oneLine(text), first: d.first, last: d.last}
		if strings.Contains(text, "\n") {
			continue
		}
		d.mutants = append(d.mutants, w)
		d.edit(a.Pos(), a.End(), w, d.either(t, d.source(b)))
		d.edit(b.Pos(), b.End(), w, d.either(t, d.source(a)))
	}
	return true
}

func calls(e ast.Expr) (found bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.CallExpr, *ast.FuncLit:
			found = true
		}
		return true
	})
	return found
}
