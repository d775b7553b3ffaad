package workqueue

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The programs of docs/workqueue.md do what it says.
func TestDocs(t *testing.T) {
	need(t, "python3")
	need(t, "php")
	b, err := os.ReadFile("../docs/workqueue.md")
	if err != nil {
		t.Fatal(err)
	}
	c := cluster(t, 1)
	dir := t.TempDir()
	program := func(n int, ext string) string {
		language := strings.TrimPrefix(strings.Replace(ext, ".py", ".python", 1), ".")
		found := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(b), -1)
		if len(found) <= n {
			t.Fatalf("the text has %d programs in %s", len(found), language)
		}
		name := filepath.Join(dir, "program"+string(rune('0'+n))+ext)
		text := strings.NewReplacer(`"4803"`, `"`+c.Addr("a")+`"`, `'4803'`, `'`+c.Addr("a")+`'`).Replace(found[n][1])
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return name
	}
	worker := command("python3", program(0, ".py"))
	worker.Dir = ".."
	worker.Env = append(worker.Env, "PYTHONPATH=clients/python")
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = worker.Process.Kill()
		_ = worker.Wait()
	})
	waitWorkers(t, submitter(t, c.Addr("a"), nil), 1)
	for _, x := range [][]string{{"python3", program(1, ".py")}, {"php", program(0, ".php")}, {"go", "run", program(0, ".go")}} {
		cmd := command(x[0], x[1:]...)
		cmd.Dir = ".."
		cmd.Env = append(cmd.Env, "PYTHONPATH=clients/python")
		out, err := cmd.Output()
		if err != nil || !strings.Contains(string(out), "HELLO") {
			t.Errorf("%v: %v, %q", x, err, out)
		}
		if x[0] != "go" && !strings.Contains(string(out), "60% working\n") {
			t.Errorf("%v shows no progress: %q", x, out)
		}
	}
}
