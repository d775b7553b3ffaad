package spreadtest_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gospread/spread"
	"gospread/spread/spreadtest"
)

// Nothing is left of a cluster, in whatever state its test ends. It runs alone, before
// the parallel ones.
func TestNothingIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	dir := ""
	t.Run("test", func(t *testing.T) {
		r := &record{TB: t}
		c := spreadtest.New(r, 5)
		dir = r.dir
		for _, name := range c.Names() {
			c.Dial(name)
		}
		c.Partition([]string{"a"}, []string{"b", "c"})
		c.Kill("b")
		c.Restart("b")
		c.Stop("c")
		c.Pause("d")
		c.Delay(time.Hour)
		c.Loss(0.5)
		r.end()
		if r.failed {
			t.Error(r.fatal)
		}
	})
	deadline := time.After(10 * time.Second)
	check := time.NewTicker(5 * time.Millisecond)
	defer check.Stop()
	for runtime.NumGoroutine() > before {
		select {
		case <-check.C:
		case <-deadline:
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s: %v", dir, err)
	}
}

func TestSizes(t *testing.T) {
	for _, c := range []struct {
		name  string
		n     int
		opts  []spreadtest.Option
		names string
	}{
		{"one", 1, nil, "a"},
		{"twelve", 12, nil, "a b c d e f g h i j k l"},
		{"named", 2, []spreadtest.Option{spreadtest.WithNames("paris", "oslo")}, "paris oslo"},
		{"segments", 5, []spreadtest.Option{spreadtest.WithSegments(2, 2, 1)}, "a b c d e"},
		{"alone in segments", 3, []spreadtest.Option{spreadtest.WithSegments(1, 1, 1), spreadtest.WithConfig("WideAreaNetwork = no")}, "a b c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cl := spreadtest.New(t, c.n, c.opts...)
			names := strings.Fields(c.names)
			if got := cl.Names(); !slices.Equal(got, names) {
				t.Fatalf("daemons %q", got)
			}
			for _, name := range names {
				if got := cl.Membership(name); !slices.Equal(got, names) {
					t.Errorf("%s is with %q", name, got)
				}
			}
			first, last := join(t, cl, "first", names[0], "first"), join(t, cl, "last", names[len(names)-1], "first last")
			if got := last.Daemon(); got != names[len(names)-1] {
				t.Errorf("a client is at %q", got)
			}
			first.view("first last")
			last.send(spread.Safe, "hello")
			first.message("last: hello")
		})
	}
}

// Lines of the configuration are in force.
func TestConfig(t *testing.T) {
	t.Parallel()
	c := spreadtest.New(t, 2, spreadtest.WithConfig("MaxSessions = 1", "EventTimeStamp"))
	c.Dial("a")
	c.Dial("b")
	if _, err := spread.Dial(limit(t), c.Addr("a")); !errors.Is(err, spread.ErrQuota) {
		t.Errorf("a second client: %v", err)
	}
	c.Stop("a") // its log is whole then: the client is told before the log is
	if log := c.Log("a"); !strings.Contains(log, "MaxSessions") {
		t.Errorf("the log is silent:\n%s", log)
	}
}

// A daemon alone can hang and crash, too.
func TestFaultsOfOne(t *testing.T) {
	t.Parallel()
	c := spreadtest.New(t, 1)
	alice := join(t, c, "alice", "a", "alice")
	c.Pause("a")
	alice.send(spread.Agreed, "late")
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if ev, err := alice.Receive(short); err == nil {
		t.Errorf("a daemon that is paused delivered %v", ev)
	}
	c.Resume("a")
	alice.message("alice: late")
	c.Kill("a")
	alice.broken()
	if got := c.Running(); len(got) != 0 {
		t.Errorf("running: %q", got)
	}
	c.Restart("a")
	join(t, c, "alice", "a", "alice")
}

// Clusters at the same time do not know of each other.
func TestSeveralClusters(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	one, two := spreadtest.New(t, 2), spreadtest.New(t, 2)
	join(t, one, "alice", "a", "alice")
	bob := join(t, two, "bob", "b", "bob")
	one.Partition([]string{"a"})
	two.WaitTogether(limit(t))
	bob.send(spread.Agreed, "here")
	bob.message("bob: here")
	// Faults of one from several goroutines.
	for _, name := range []string{"a", "b"} {
		wg.Go(func() {
			one.Kill(name)
			one.Restart(name)
		})
	}
	wg.Wait()
	one.Heal()
	one.WaitTogether(limit(t))
}

// Mistakes end the test with a text that tells what to do.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n    int
		opts []spreadtest.Option
		want string
	}{
		{0, nil, "0 daemons: must be at least 1"},
		{3, []spreadtest.Option{spreadtest.WithNames("x")}, "1 names for 3 daemons"},
		{3, []spreadtest.Option{spreadtest.WithSegments(1, 1)}, "segments of together 2 daemons for 3"},
		{3, []spreadtest.Option{spreadtest.WithSegments(3, 0)}, "a segment of 0 daemons"},
		{2, []spreadtest.Option{spreadtest.WithNames("x", "x")}, "x"},
		{1, []spreadtest.Option{spreadtest.WithConfig("Nonsense = 1")}, "Nonsense"},
		{129, nil, "more than 128 daemons"},
		{1, []spreadtest.Option{spreadtest.WithConfig("EventLogFile = /nonexistent/log")}, "/nonexistent"},
	} {
		r := &record{TB: t}
		if got := r.failing(func() { spreadtest.New(r, c.n, c.opts...) }); !strings.Contains(got, c.want) {
			t.Errorf("%d daemons: %q, want %q", c.n, got, c.want)
		}
		r.end()
	}

	r := &record{TB: t}
	defer r.end()
	c := spreadtest.New(r, 3)
	c.Kill("c")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, m := range []struct {
		f    func()
		want string
	}{
		{func() { c.Kill("x") }, `there is no daemon "x"; the daemons are {a b c}`},
		{func() { c.Dial("A") }, `there is no daemon "A"`},
		{func() { c.Dial("a", spread.WithName("too long a name")) }, "too long a name"},
		{func() { c.Partition([]string{"a", "b"}, []string{"b"}) }, `"b" is named twice`},
		{func() { c.Loss(1.5) }, "must be from 0 to 1"},
		{func() { c.Delay(-1) }, "must not be negative"},
		{func() { c.Kill("c") }, "daemon c is down; Restart it first"},
		{func() { c.Pause("c") }, "daemon c is down"},
		{func() { c.Restart("a") }, "daemon a is running; Kill or Stop it first"},
		{func() { c.WaitForView(ended, "a", "c") }, "c is down (context canceled)"},
		{func() { c.WaitForView(ended) }, "no daemon is named; WaitTogether"},
		{func() { c.WaitForView(ended, "a") }, "not together: a is with {a b"},
	} {
		if got := r.failing(m.f); !strings.Contains(got, m.want) {
			t.Errorf("%q, want %q", got, m.want)
		}
	}
}

// A test that has failed shows the logs.
func TestLogsOfAFailedTest(t *testing.T) {
	t.Parallel()
	for _, failed := range []bool{false, true} {
		r := &record{TB: t}
		spreadtest.New(r, 2)
		r.failed = failed
		r.end()
		if got := strings.Contains(strings.Join(r.logs, ""), "Membership id is"); got != failed {
			t.Errorf("failed: %v, logs shown: %v", failed, got)
		}
	}
}

// Nothing that is exported needs a package that users cannot import.
func TestPublic(t *testing.T) {
	files, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		internal := map[string]bool{}
		for _, i := range f.Imports {
			if p := strings.Trim(i.Path.Value, `"`); strings.Contains(p, "/internal/") {
				internal[filepath.Base(p)] = true
			}
		}
		ast.FileExports(f)
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BlockStmt:
				return false
			case *ast.FuncDecl:
				return n.Recv == nil || exportedReceiver(n)
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && internal[x.Name] {
					t.Errorf("%s: %s.%s", fset.Position(n.Pos()), x.Name, n.Sel.Name)
				}
			}
			return true
		})
	}
}

func exportedReceiver(f *ast.FuncDecl) bool {
	typ := f.Recv.List[0].Type
	if p, ok := typ.(*ast.StarExpr); ok {
		typ = p.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}
