package archtest

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestModule(t *testing.T) {
	root := os.DirFS("../..")
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(mod), "module "+module+"\n") {
		t.Fatalf("the module is no longer called %s", module)
	}
	r, err := check(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.findings {
		t.Error(f)
	}
	for _, dir := range []string{"", "internal/clientproto", "internal/group", "internal/ring", "internal/session"} {
		if !slices.Contains(r.seen, dir) {
			t.Errorf("the check did not come by %q", dir)
		}
	}
}

// The table itself keeps the promises that it is made of.
func TestTable(t *testing.T) {
	for name, room := range rooms {
		for _, to := range room.uses {
			if _, ok := rooms[to]; !ok {
				t.Errorf("%q uses %q, which has no row", name, to)
			}
		}
		below := reach(name)
		if below[name] {
			t.Errorf("%q can import itself in a circle", name)
		}
		for to := range below {
			if room.pure && !rooms[to].pure {
				t.Errorf("%q is pure and can reach %q, which is not", name, to)
			}
			if rooms[to].helper {
				t.Errorf("%q is no test and can reach %q, a helper of tests", name, to)
			}
			if strings.HasPrefix(to, "cmd/") {
				t.Errorf("%q can reach the program %q", name, to)
			}
			if name == "cmd/spread" && len(rooms[to].modules) > 0 {
				t.Errorf("the daemon can reach %q, which needs %q", to, rooms[to].modules)
			}
		}
	}
	if reach("internal/session")["internal/ring"] {
		t.Error("sessions can reach the ring")
	}
	for _, client := range []string{"", "flush", "cmd/spuser", "cmd/spflooder"} {
		for _, inner := range []string{"internal/conf", "internal/daemon", "internal/group", "internal/ring", "internal/session"} {
			if reach(client)[inner] {
				t.Errorf("%q can reach %q", client, inner)
			}
		}
	}
}

// reach returns the rooms that a room can import, over any number of steps.
func reach(from string) map[string]bool {
	found := map[string]bool{}
	todo := slices.Clone(rooms[from].uses)
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]
		if !found[next] {
			found[next] = true
			todo = append(todo, rooms[next].uses...)
		}
	}
	return found
}

// Every rule is broken once here, and the check must say so and nothing else.
func TestCheckFindsViolations(t *testing.T) {
	for _, c := range []struct {
		name, file, src string
		want            string // in the only finding; "" for none
	}{
		{"arrow up", "internal/session/x.go", `import _ "gospread/spread/internal/ring"`, `"internal/session" may not import "internal/ring"`},
		{"arrow up from the bottom", "internal/stats/x.go", `import _ "gospread/spread/internal/daemon"`, `may not import "internal/daemon"`},
		{"daemon internals in the client", "x.go", `import _ "gospread/spread/internal/session"`, `may not import "internal/session"`},
		{"arrow down", "internal/daemon/x.go", `import _ "gospread/spread/internal/ring"`, ""},
		{"tests import upward", "internal/session/x_test.go", `import _ "gospread/spread/internal/ring"`, ""},
		{"a closed room's tests do not", "compat/x_test.go", `import _ "gospread/spread/internal/clientproto"`, `"compat" may not import "internal/clientproto"`},
		{"room without a row", "internal/new/x.go", ``, `"internal/new" has no row`},
		{"build constraints hide nothing", "internal/session/x_plan9.go", `import _ "gospread/spread/internal/ring"`, `may not import`},

		{"socket in a pure room", "internal/ring/x.go", `import _ "net"`, `may not import "net"`},
		{"address in a pure room", "internal/ring/x.go", `import _ "net/netip"`, ""},
		{"random in a pure room", "internal/group/x.go", `import _ "math/rand/v2"`, `may not import "math/rand/v2"`},
		{"random in its tests", "internal/group/x_test.go", `import _ "math/rand/v2"`, ""},
		{"lock in a pure room", "internal/seqset/x.go", `import _ "sync"`, `may not import "sync"`},
		{"dependency in a pure room", "internal/ring/x.go", `import _ "golang.org/x/sys/unix"`, `only what it needs from the standard library`},
		{"file access in conf", "internal/conf/x.go", `import _ "os"`, `may not import "os"`},
		{"goroutine in a pure room", "internal/ring/x.go", `func f() { go f() }`, "no goroutine"},
		{"channel in a pure room", "internal/ring/x.go", `var c chan int`, "no channel"},
		{"select in a pure room", "internal/ring/x.go", `func f() { select {} }`, "waits for nothing"},
		{"goroutine elsewhere", "internal/daemon/x.go", `func f() { go f() }`, ""},
		{"clock in a pure room", "internal/ringproto/x.go", "import \"time\"\nvar t = time.Now()", "no clock: time.Now"},
		{"clock under another name", "internal/ring/x.go", "import clock \"time\"\nvar now = clock.Now", "no clock: time.Now"},
		{"clock without a name", "internal/ring/x.go", "import . \"time\"\nvar now = Now", "a dot import"},
		{"duration in a pure room", "internal/ring/x.go", "import \"time\"\nconst d = 3 * time.Second", ""},
		{"printing in a pure room", "internal/group/x.go", "import \"fmt\"\nfunc f() { fmt.Println() }", "no terminal: fmt.Println"},
		{"built-in printing", "internal/group/x.go", "func f() { println() }", "no terminal: println"},
		{"formatting in a pure room", "internal/group/x.go", "import \"fmt\"\nvar s = fmt.Sprint(1)", ""},

		{"sleep in a test", "flush/x_test.go", "import \"time\"\nfunc f() { time.Sleep(1) }", "time.Sleep in a test"},
		{"sleep under another name", "flush/x_test.go", "import tm \"time\"\nvar f = tm.Sleep", "time.Sleep in a test"},
		{"sleep by a timer", "flush/x_test.go", "import \"time\"\nfunc f() { <-time.After(1) }", "bare receive"},
		{"limit by a timer", "flush/x_test.go", "import \"time\"\nfunc f(c chan int) { select { case <-c: case <-time.After(1): } }", ""},
		{"sleep in a bubble", "flush/x_test.go", "import (\"testing/synctest\"; \"time\")\nfunc f() { synctest.Test(nil, func(any) { time.Sleep(1) }) }", ""},
		{"sleep beside a bubble", "flush/x_test.go", "import (\"testing/synctest\"; \"time\")\nfunc f() { synctest.Test(nil, func(any) {}); time.Sleep(1) }", "time.Sleep in a test"},
		{"sleep in a program", "cmd/spflooder/x.go", "import \"time\"\nfunc f() { time.Sleep(1) }", ""},

		{"dependency in a program", "internal/session/x.go", `import _ "golang.org/x/sys/unix"`, ""},
		{"another room's dependency", "internal/daemon/x.go", `import _ "github.com/gdamore/tcell/v3"`, "not among the dependencies"},
		{"a room's own dependency", "internal/top/x.go", `import _ "github.com/gdamore/tcell/v3/color"`, ""},
		{"test dependency in a program", "internal/session/x.go", `import _ "github.com/rogpeppe/go-internal/testscript"`, "not among the dependencies"},
		{"test dependency in a test", "internal/session/x_test.go", `import _ "github.com/rogpeppe/go-internal/testscript"`, ""},
		{"testing in a program", "internal/session/x.go", `import _ "testing"`, `"testing" is for test files`},
		{"testing in a helper", "spreadtest/x.go", `import _ "testing"`, ""},
		{"helper in a program", "internal/daemon/x.go", `import _ "gospread/spread/internal/ring/ringtest"`, `may not import "internal/ring/ringtest"`},
		{"helper in a test", "internal/daemon/x_test.go", `import _ "gospread/spread/internal/ring/ringtest"`, ""},
		{"helper in a helper", "internal/sim/x.go", `import _ "gospread/spread/internal/evscheck"`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := check(fstest.MapFS{c.file: {Data: []byte("package x\n" + c.src + "\n")}})
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case c.want == "" && len(r.findings) > 0:
				t.Errorf("what is allowed was reported: %q", r.findings)
			case c.want != "" && (len(r.findings) != 1 || !strings.Contains(r.findings[0], c.want)):
				t.Errorf("findings %q, want one with %q", r.findings, c.want)
			}
		})
	}
}

func TestCheckLeavesOutWhatIsNotTheModule(t *testing.T) {
	bad := &fstest.MapFile{Data: []byte("package x\nimport _ \"gospread/spread/internal/ring\"\n")}
	r, err := check(fstest.MapFS{
		"tools/go.mod":                   &fstest.MapFile{},
		"tools/x.go":                     bad,
		".hidden/x.go":                   bad,
		"_old/x.go":                      bad,
		"internal/session/testdata/x.go": bad,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.findings) > 0 || len(r.seen) > 0 {
		t.Errorf("saw %q, findings %q", r.seen, r.findings)
	}
}
