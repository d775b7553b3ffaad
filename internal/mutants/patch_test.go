package mutants

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// edit replaces a text that stands exactly once in a file, inside a function.
type edit struct{ file, old, new string }

// room is the directory that the edit's file is in, from the root of the module.
func (e edit) room() string { return "internal/" + filepath.Dir(e.file) }

func (e edit) path() string { return filepath.Join("..", filepath.FromSlash(e.file)) }

// find tells where the text stands in src.
func (e edit) find(src []byte) (at int, err error) {
	if n := bytes.Count(src, []byte(e.old)); n != 1 {
		return 0, fmt.Errorf("the text\n\t%s\nstands %d times in internal/%s, not once. The code has changed: look there for what "+
			"this mutant breaks, take the new text over into the table of internal/mutants (or remove the mutant if there is "+
			"nothing left to break), and see with -all which seeds show it", strings.ReplaceAll(e.old, "\n", "\n\t"), n, e.file)
	}
	return bytes.Index(src, []byte(e.old)), nil
}

// overlay holds sources in which all mutants are, for go build -overlay. Of each
// function that a mutant breaks there is a broken copy, and the function itself
// calls that if it is the mutant's turn. So one build serves all mutants.
type overlay struct {
	sources map[string]*source // by path
	calls   map[string][]call
	copies  map[string][]byte
	rooms   []string
}

// call is what goes to the beginning of a function.
type call struct {
	at   int
	text string
}

// selector is the name of the variable that tells whose turn it is, and environment
// where it is from.
const (
	selector    = "theMutant"
	environment = "GOSPREAD_MUTANT"
)

func newOverlay() *overlay {
	return &overlay{sources: make(map[string]*source), calls: make(map[string][]call), copies: make(map[string][]byte)}
}

// add adds mutant number n, which makes these edits.
func (o *overlay) add(n int, edits []edit) error {
	broken := make(map[string]map[*ast.FuncDecl][]change) // by path
	for _, e := range edits {
		c, err := o.locate(e)
		if err != nil {
			return err
		}
		path := e.path()
		if broken[path] == nil {
			broken[path] = make(map[*ast.FuncDecl][]change)
		}
		broken[path][c.in] = append(broken[path][c.in], c)
		if !slices.Contains(o.rooms, e.room()) {
			o.rooms = append(o.rooms, e.room())
		}
	}
	for path, functions := range broken {
		for _, changes := range functions {
			if err := o.duplicate(path, n, changes); err != nil {
				return err
			}
		}
	}
	return nil
}

// change is an edit with the function that it is in, and its place there.
type change struct {
	edit
	in *ast.FuncDecl
	at int
}

// source is a file that mutants break.
type source struct {
	text []byte
	ast  *ast.File // of a single file: positions are offsets from 1
}

// locate finds the function of an edit.
func (o *overlay) locate(e edit) (change, error) {
	path := e.path()
	src := o.sources[path]
	if src == nil {
		text, err := os.ReadFile(path)
		if err != nil {
			return change{}, err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
		if err != nil {
			return change{}, err
		}
		src = &source{text, f}
		o.sources[path] = src
	}
	at, err := e.find(src.text)
	if err != nil {
		return change{}, err
	}
	for _, d := range src.ast.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil && at > offset(fn.Body.Lbrace) && at+len(e.old) <= offset(fn.Body.Rbrace) {
			return change{e, fn, at}, nil
		}
	}
	return change{}, fmt.Errorf("internal/%s: the text\n%s\nis not in a function", e.file, e.old)
}

func offset(p token.Pos) int { return int(p) - 1 }

// duplicate adds a copy of a function with these changes.
func (o *overlay) duplicate(path string, n int, changes []change) error {
	fn, src := changes[0].in, o.sources[path].text
	suffix := fmt.Sprintf("_of_mutant_%d", n)
	target, results, err := callOf(fn, suffix)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if results {
		target = "return " + target
	} else {
		target += "; return"
	}
	o.calls[path] = append(o.calls[path], call{offset(fn.Body.Lbrace) + 1, fmt.Sprintf(" if %s == %d { %s };", selector, n, target)})
	slices.SortFunc(changes, func(a, b change) int { return a.at - b.at })
	b := append(o.copies[path], '\n')
	b = append(append(b, src[offset(fn.Pos()):offset(fn.Name.End())]...), suffix...)
	from := offset(fn.Name.End())
	for _, c := range changes {
		b = append(append(b, src[from:c.at]...), c.new...)
		from = c.at + len(c.old)
	}
	o.copies[path] = append(append(b, src[from:offset(fn.End())]...), '\n')
	return nil
}

// callOf is the call of the broken copy of fn with what fn was called with.
func callOf(fn *ast.FuncDecl, suffix string) (text string, results bool, err error) {
	text = fn.Name.Name + suffix
	if fn.Recv != nil {
		r := fn.Recv.List[0]
		if len(r.Names) == 0 {
			return "", false, fmt.Errorf("the receiver of %s has no name", fn.Name.Name)
		}
		text = r.Names[0].Name + "." + text
	}
	var args []string
	for _, p := range fn.Type.Params.List {
		if len(p.Names) == 0 {
			return "", false, fmt.Errorf("a parameter of %s has no name", fn.Name.Name)
		}
		for _, name := range p.Names {
			a := name.Name
			if _, variadic := p.Type.(*ast.Ellipsis); variadic {
				a += "..."
			}
			args = append(args, a)
		}
	}
	return text + "(" + strings.Join(args, ", ") + ")", fn.Type.Results != nil, nil
}

// write writes the sources to dir, and returns the file for go build -overlay.
func (o *overlay) write(dir string) (file string, err error) {
	replace := make(map[string]string)
	put := func(path string, b []byte) error {
		abs, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		replace[abs] = to
		return os.WriteFile(to, b, 0o600)
	}
	for path, src := range o.sources {
		calls := o.calls[path]
		slices.SortStableFunc(calls, func(a, b call) int { return a.at - b.at })
		var b []byte
		from := 0
		for _, c := range calls {
			b = append(append(b, src.text[from:c.at]...), c.text...)
			from = c.at
		}
		b = append(append(b, src.text[from:]...), o.copies[path]...)
		if err := put(path, b); err != nil {
			return "", err
		}
	}
	for _, room := range o.rooms {
		src := fmt.Sprintf("package %s\n\nimport (\"os\"; \"strconv\")\n\nvar %s, _ = strconv.Atoi(os.Getenv(%q))\n",
			filepath.Base(room), selector, environment)
		if err := put(filepath.Join("..", "..", room, selector+".go"), []byte(src)); err != nil {
			return "", err
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file = filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, b, 0o600)
}
