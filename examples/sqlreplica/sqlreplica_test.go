// Package sqlreplica has nothing but tests of the example.
package sqlreplica

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gospread/spread/spreadtest"
)

// python tells how Python is called. CI has it.
func python(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("SPREAD_CONFORMANCE_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return path
}

// TestDemo is what make demo does.
func TestDemo(t *testing.T) {
	t.Parallel()
	py := python(t)
	spread := filepath.Join(t.TempDir(), "spread")
	if out, err := exec.Command("go", "build", "-o", spread, "../../cmd/spread").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), py, "demo.py", "--spread", spread).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "all databases are equal; every seat belongs to whom it was promised; no money was made or lost") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func TestDatabase(t *testing.T) {
	t.Parallel()
	if out, err := exec.CommandContext(t.Context(), python(t), "-m", "unittest", "test_database").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// node is a process of node.py.
type node struct {
	t    *testing.T
	name string
	addr string
	data string
	cmd  *exec.Cmd
	url  string
}

func start(t *testing.T, py, name, addr, data string) *node {
	t.Helper()
	n := &node{t: t, name: name, addr: addr, data: data}
	n.cmd = exec.Command(py, "node.py", "--name", name, "--of", "a,b,c", "--daemon", addr, "--data", data, "--listen", "127.0.0.1:0")
	n.cmd.Stderr = t.Output()
	out, err := n.cmd.StdoutPipe()
	if err == nil {
		err = n.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("node %s does not start: %v", name, err)
	}
	n.url = "http://" + strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	return n
}

// kill is kill -9.
func (n *node) kill() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
}

// ask makes a request; what it is answered goes into a generic value.
func (n *node) ask(path, body string) (code int, answer map[string]any) {
	n.t.Helper()
	client := http.Client{Timeout: time.Minute}
	var r *http.Response
	var err error
	if body == "" {
		r, err = client.Get(n.url + path)
	} else {
		r, err = client.Post(n.url+path, "text/plain", strings.NewReader(body))
	}
	if err != nil {
		n.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(b)).Decode(&answer)
	}
	if err != nil {
		n.t.Fatalf("%v: %s", err, b)
	}
	return r.StatusCode, answer
}

// wait waits until a node is as wanted.
func (n *node) wait(what string, ok func(ready, current bool, members int) bool) {
	n.t.Helper()
	for late := time.Now().Add(time.Minute); ; {
		_, s := n.ask("/status", "")
		members, _ := s["members"].([]any)
		if ok(s["ready"] == true, s["current"] == true, len(members)) {
			return
		}
		if time.Now().After(late) {
			n.t.Fatalf("node %s is never %s: %v", n.name, what, s)
		}
	}
}

func (n *node) together(members int) {
	n.t.Helper()
	n.wait("ready", func(_, current bool, m int) bool { return current && m == members })
}

// The network parts, with writers on both sides: one side refuses, the other goes on,
// and afterwards all are equal.
func TestPartition(t *testing.T) {
	t.Parallel()
	py := python(t)
	c := spreadtest.New(t, 3)
	dir := t.TempDir()
	var nodes []*node
	for _, d := range c.Names() {
		nodes = append(nodes, start(t, py, d, c.Addr(d), filepath.Join(dir, d)))
	}
	for _, n := range nodes {
		n.together(3)
	}
	if code, s := nodes[0].ask("/sql", "CREATE TABLE seat (nr INTEGER PRIMARY KEY, who)"); code != 200 {
		t.Fatal(s)
	}
	c.Partition([]string{"a"}, []string{"b", "c"})
	nodes[0].wait("alone", func(ready, _ bool, m int) bool { return !ready && m == 1 })
	nodes[1].together(2)
	promised := map[int]string{}
	var mu sync.Mutex
	var work sync.WaitGroup
	for _, n := range nodes {
		work.Go(func() {
			for nr := range 50 {
				code, s := n.ask("/sql", fmt.Sprintf("INSERT INTO seat VALUES (%d, '%s')", nr, n.name))
				mu.Lock()
				switch {
				case n.name == "a" && (code != 503 || !strings.Contains(fmt.Sprint(s["error"]), "no majority")):
					t.Errorf("a, which is alone, says %d %v", code, s)
				case code == 200 && promised[nr] != "":
					t.Errorf("seat %d is promised to %s and %s", nr, promised[nr], n.name)
				case code == 200:
					promised[nr] = n.name
				case n.name != "a" && code != 409:
					t.Errorf("%s says %d %v", n.name, code, s)
				}
				mu.Unlock()
			}
		})
	}
	work.Wait()
	if code, s := nodes[0].ask("/query", "SELECT count(*) FROM seat"); code != 200 || fmt.Sprint(s["rows"]) != "[[0]]" {
		t.Errorf("what is old can be read: %d %v", code, s)
	}
	if code, s := nodes[0].ask("/query?fresh", "SELECT count(*) FROM seat"); code != 503 {
		t.Errorf("and not as if it were fresh: %d %v", code, s)
	}
	c.Heal()
	nodes[0].together(3)
	var digests []any
	for _, n := range nodes {
		code, s := n.ask("/query?fresh", "SELECT nr, who FROM seat ORDER BY nr")
		rows, _ := s["rows"].([]any)
		if code != 200 || len(rows) != 50 {
			t.Fatalf("%s: %d %v", n.name, code, s)
		}
		for nr, row := range rows {
			if got := fmt.Sprint(row); got != fmt.Sprintf("[%d %s]", nr, promised[nr]) {
				t.Errorf("%s: %s, and it was promised to %s", n.name, got, promised[nr])
			}
		}
		_, s = n.ask("/digest", "")
		digests = append(digests, s["digest"])
	}
	if digests[0] != digests[1] || digests[0] != digests[2] || digests[0] == nil {
		t.Errorf("the databases differ: %v", digests)
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	py := python(t)
	c := spreadtest.New(t, 1)
	dir := t.TempDir()
	var nodes []*node
	for _, name := range []string{"a", "b", "c"} {
		nodes = append(nodes, start(t, py, name, c.Addr("a"), filepath.Join(dir, name)))
	}
	for _, n := range nodes {
		n.together(3)
	}
	for _, x := range []struct {
		path, body string
		code       int
		part       string
	}{
		{"/sql", "CREATE TABLE t (x)", 200, ""},
		{"/sql", `{"statements": [["INSERT INTO t VALUES (?)", ["one"]], ["INSERT INTO t VALUES (2)", []]], "id": "x"}`, 200, "changes:2"},
		{"/sql", `{"statements": [["INSERT INTO t VALUES (?)", ["one"]], ["INSERT INTO t VALUES (2)", []]], "id": "x"}`, 200, "changes:2"},
		{"/query?fresh", "SELECT x FROM t", 200, "rows:[[one] [2]]"},
		{"/sql", "INSERT INTO t VALUES (random())", 409, "random"},
		{"/sql", "nonsense", 409, "syntax error"},
		{"/sql", "{", 400, "understood"},
		{"/sql", `{"statements": 7}`, 400, "understood"},
		{"/sql", `{"statements": [["SELECT 1", []]], "id": "a b"}`, 503, "cannot be an id"},
		{"/query", "DELETE FROM t", 409, "readonly"},
		{"/other", "x", 404, ""},
		{"/other", "", 404, ""},
	} {
		if code, s := nodes[0].ask(x.path, x.body); code != x.code || !strings.Contains(fmt.Sprint(s), x.part) {
			t.Errorf("%s %s: %d %v", x.path, x.body, code, s)
		}
	}
}
