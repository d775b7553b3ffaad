package replica

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gospread/spread/spreadtest"
)

// need skips a test on machines without a language. CI has them all.
func need(t *testing.T, language string) {
	t.Helper()
	if _, err := exec.LookPath(language); err != nil {
		if os.Getenv("SPREAD_CONFORMANCE_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// The programs of docs/replica.md, in Go and Python, do what it says, and do it
// together.
func TestDocs(t *testing.T) {
	t.Parallel()
	need(t, "python3")
	b, err := os.ReadFile("../docs/replica.md")
	if err != nil {
		t.Fatal(err)
	}
	c := spreadtest.New(t, 3)
	dir := t.TempDir()
	source := func(language, name, daemon string) string {
		found := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(b)
		if found == nil {
			t.Fatalf("the text has no program in %s", language)
		}
		path := filepath.Join(dir, name)
		text := strings.ReplaceAll(string(found[1]), `"4803"`, `"`+c.Addr(daemon)+`"`)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	binary := filepath.Join(dir, "words")
	if out, err := exec.Command("go", "build", "-o", binary, source("go", "main.go", "c")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	clients, err := filepath.Abs("../clients/python")
	if err != nil {
		t.Fatal(err)
	}
	type program struct {
		cmd *exec.Cmd
		in  io.Writer
		out *bufio.Scanner
	}
	launch := func(args ...string) *program {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), "PYTHONPATH="+clients), os.Stderr
		in, err1 := cmd.StdinPipe()
		out, err2 := cmd.StdoutPipe()
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		return &program{cmd, in, bufio.NewScanner(out)}
	}
	say := func(p *program, word, answer, list string) {
		t.Helper()
		_, _ = fmt.Fprintln(p.in, word)
		for _, want := range []string{answer, list} {
			if !p.out.Scan() || p.out.Text() != want {
				t.Fatalf("%q, want %q", p.out.Text(), want)
			}
		}
	}
	first := launch("python3", source("python", "words.py", "a"), "r1")
	second := launch("python3", source("python", "words2.py", "b"), "r2")
	third := launch(binary, "r3")
	say(first, "one", "1 words", "['one']")
	say(third, "two", "2 words <nil>", "[one two]")
	say(second, "three", "3 words", "['one', 'two', 'three']")
	for _, p := range []*program{first, second, third} {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
	// The stores of both are alike, too: the languages are exchanged.
	source("python", "words3.py", "c")
	third = launch("python3", filepath.Join(dir, "words3.py"), "r3")
	second = launch(binary, "r2")
	say(third, "four", "4 words", "['one', 'two', 'three', 'four']")
	say(second, "five", "5 words <nil>", "[one two three four five]")
}
