package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// report is what a check of a tree gives.
type report struct {
	findings []string // "file:line: what is wrong", in the order of the tree
	seen     []string // the rooms that have Go files
}

// check reads every Go file of the module at the root of tree, whatever its
// build constraints, and holds it against the table. Nested modules, testdata,
// and directories that the go command ignores are left out.
func check(tree fs.FS) (*report, error) {
	r := &report{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != "." && ignored(tree, name) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		src, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		return r.file(name, src)
	})
	return r, err
}

func ignored(tree fs.FS, dir string) bool {
	base := path.Base(dir)
	if base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	_, err := fs.Stat(tree, path.Join(dir, "go.mod"))
	return err == nil
}

// source is one file under the rules of its room.
type source struct {
	*report
	fset    *token.FileSet
	file    *ast.File
	dir     string
	room    room
	test    bool
	bubbles []ast.Node // functions that run in a synctest bubble
}

func (r *report) file(name string, src []byte) error {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	dir := path.Dir(name)
	if dir == "." {
		dir = ""
	}
	known, ok := rooms[dir]
	if !slices.Contains(r.seen, dir) {
		r.seen = append(r.seen, dir)
		if !ok {
			r.findings = append(r.findings, fmt.Sprintf("%s: the directory %q has no row in the table of rooms", name, dir))
		}
	}
	if !ok {
		return nil
	}
	s := &source{report: r, fset: fset, file: file, dir: dir, room: known, test: strings.HasSuffix(name, "_test.go")}
	s.imports()
	s.findBubbles()
	ast.Inspect(file, func(n ast.Node) bool {
		switch {
		case s.test:
			s.wallClock(n)
		case known.pure:
			s.purity(n)
		}
		return true
	})
	return nil
}

func (s *source) bad(at ast.Node, format string, args ...any) {
	pos := s.fset.Position(at.Pos())
	s.findings = append(s.findings, fmt.Sprintf("%s:%d: %s", pos.Filename, pos.Line, fmt.Sprintf(format, args...)))
}

func (s *source) imports() {
	for _, spec := range s.file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		if spec.Name != nil && spec.Name.Name == "." && (name == "time" || name == "fmt") {
			s.bad(spec, "a dot import of %q hides what is called", name)
		}
		switch {
		case inside(name, module):
			s.importRoom(spec, strings.TrimPrefix(strings.TrimPrefix(name, module), "/"))
		case s.test:
		case strings.Contains(strings.SplitN(name, "/", 2)[0], "."):
			if !slices.ContainsFunc(slices.Concat(dependencies, s.room.modules), func(d string) bool { return inside(name, d) }) {
				s.bad(spec, "%q is not among the dependencies of programs and library", name)
			}
			if s.room.std != nil {
				s.bad(spec, "%s may import only what it needs from the standard library, not %q", s.dir, name)
			}
		case inside(name, "testing") && !s.room.helper:
			s.bad(spec, "%q is for test files", name)
		case s.room.std != nil && !slices.Contains(s.room.std, name):
			s.bad(spec, "%s may not import %q", s.dir, name)
		}
	}
}

func (s *source) importRoom(spec *ast.ImportSpec, to string) {
	free := s.test || s.room.helper
	if s.room.closed {
		free = s.test && to == s.dir
	}
	if !free && !slices.Contains(s.room.uses, to) {
		s.bad(spec, "%q may not import %q", s.dir, to)
	}
}

// inside tells whether an import path is that module or package or below it.
func inside(name, prefix string) bool {
	return name == prefix || strings.HasPrefix(name, prefix+"/")
}

// purity reports what a machine without a clock has no use for.
func (s *source) purity(n ast.Node) {
	switch n := n.(type) {
	case *ast.GoStmt:
		s.bad(n, "a pure room starts no goroutine")
	case *ast.SelectStmt:
		s.bad(n, "a pure room waits for nothing")
	case *ast.ChanType:
		s.bad(n, "a pure room has no channel")
	case *ast.SelectorExpr:
		if slices.Contains(clockCalls, n.Sel.Name) && s.isPackage(n.X, "time") {
			s.bad(n, "a pure room has no clock: time.%s; time is an argument", n.Sel.Name)
		}
		if slices.Contains(terminalCalls, n.Sel.Name) && s.isPackage(n.X, "fmt") {
			s.bad(n, "a pure room has no terminal: fmt.%s", n.Sel.Name)
		}
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "print" || f.Name == "println") {
			s.bad(n, "a pure room has no terminal: %s", f.Name)
		}
	}
}

// wallClock reports the ways in which a test lets real time go by. In a synctest
// bubble time is fake, and sleeping moves it.
func (s *source) wallClock(n ast.Node) {
	if s.inBubble(n) {
		return
	}
	switch n := n.(type) {
	case *ast.SelectorExpr:
		if n.Sel.Name == "Sleep" && s.isPackage(n.X, "time") {
			s.bad(n, "time.Sleep in a test: wait for the event, or use testing/synctest")
		}
	case *ast.BlockStmt:
		for _, stmt := range n.List {
			if s.receivesFromTimer(stmt) {
				s.bad(stmt, "a bare receive from a timer is a sleep: wait for the event, or use testing/synctest")
			}
		}
	}
}

func (s *source) receivesFromTimer(stmt ast.Stmt) bool {
	expr, ok := stmt.(*ast.ExprStmt)
	if !ok {
		return false
	}
	recv, ok := expr.X.(*ast.UnaryExpr)
	if !ok || recv.Op != token.ARROW {
		return false
	}
	call, ok := recv.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	f, ok := call.Fun.(*ast.SelectorExpr)
	return ok && (f.Sel.Name == "After" || f.Sel.Name == "Tick") && s.isPackage(f.X, "time")
}

func (s *source) findBubbles() {
	ast.Inspect(s.file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		f, ok := call.Fun.(*ast.SelectorExpr)
		if ok && f.Sel.Name == "Test" && s.isPackage(f.X, "testing/synctest") {
			for _, arg := range call.Args {
				if lit, ok := arg.(*ast.FuncLit); ok {
					s.bubbles = append(s.bubbles, lit)
				}
			}
		}
		return true
	})
}

func (s *source) inBubble(n ast.Node) bool {
	return n != nil && slices.ContainsFunc(s.bubbles, func(b ast.Node) bool {
		return b.Pos() <= n.Pos() && n.End() <= b.End()
	})
}

// isPackage tells whether an expression is the name under which the file
// imports that package.
func (s *source) isPackage(x ast.Expr, imported string) bool {
	id, ok := x.(*ast.Ident)
	if !ok {
		return false
	}
	for _, spec := range s.file.Imports {
		if spec.Path.Value != strconv.Quote(imported) {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name == id.Name
		}
		return path.Base(imported) == id.Name
	}
	return false
}
