//go:build unix

package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// step is a command of the drill and what it prints.
type step struct {
	line    int
	command string
	want    []string // lines; none: whatever
}

// TestDrill does what docs/drill.md says, and sees what it shows. It needs the ports of
// the document, and so a network of its own.
func TestDrill(t *testing.T) {
	if os.Getenv(aloneVar) == "" {
		for _, tool := range []string{"bash", "jq", "curl"} {
			if _, err := exec.LookPath(tool); err != nil {
				t.Skipf("no %s", tool)
			}
		}
		if !runAlone(t) {
			t.Skip("needs a network of its own: root, on Linux")
		}
		return
	}
	text, err := os.ReadFile("../docs/drill.md")
	if err != nil {
		t.Fatal(err)
	}
	d := newDrill(t)
	for _, s := range steps(string(text)) {
		if file, ok := strings.CutPrefix(s.command, "cat "); ok && filepath.Base(file) == file {
			d.write(file, s.want) // what the reader is to write
			continue
		}
		d.Logf("%d: %s", s.line, s.command)
		d.do(s)
	}
}

// steps reads the console blocks of a document.
func steps(text string) (list []step) {
	inside := false
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console"
		case !inside:
		case strings.HasPrefix(line, "$ "):
			list = append(list, step{line: i + 1, command: line[2:]})
		default:
			s := &list[len(list)-1]
			s.want = append(s.want, line)
		}
	}
	return list
}

// drill is the shell in which the commands are typed.
type drill struct {
	*testing.T
	dir   string
	shell *exec.Cmd
	in    *os.File
	lines chan string
}

func newDrill(t *testing.T) *drill {
	d := &drill{T: t, dir: t.TempDir(), lines: make(chan string)}
	for dir := d.dir; dir != "/tmp"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil { // daemons give up root
			t.Fatal(err)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	d.shell = exec.CommandContext(t.Context(), "bash", "--norc", "--noprofile")
	d.shell.Dir, d.shell.Stdin, d.in = d.dir, r, w
	out, err := d.shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.shell.Stderr = d.shell.Stdout
	d.shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.shell.Start(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	t.Cleanup(d.end)
	go func() {
		defer close(d.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			d.lines <- s.Text()
		}
	}()
	return d
}

// end ends the shell, and what still runs of what it has started.
func (d *drill) end() {
	_ = syscall.Kill(-d.shell.Process.Pid, syscall.SIGKILL)
	for range d.lines {
	}
	_ = d.shell.Wait() // it was killed
	d.in.Close()
}

func (d *drill) write(name string, lines []string) {
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		d.Fatal(err)
	}
}

// do types a command, again and again until it prints what it should: what happened
// before takes effect after some time.
func (d *drill) do(s step) {
	d.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for {
		got := d.run(s.command)
		if len(s.want) == 0 || fits(s.want, got) {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			d.Fatalf("docs/drill.md:%d: %s\nprints\n%s\nnot\n%s", s.line, s.command, strings.Join(got, "\n"), strings.Join(s.want, "\n"))
		}
	}
}

// run types a command and returns what it prints.
func (d *drill) run(command string) (out []string) {
	const mark = "@@ that was all"
	fmt.Fprintf(d.in, "%s\nprintf '\\n%s\\n'\n", command, mark) // what it prints may have no end of line
	for line := range d.lines {
		if line == mark {
			return slices.DeleteFunc(out, func(s string) bool { return s == "" })
		}
		out = append(out, line)
	}
	d.Fatalf("the shell has ended at: %s", command)
	return nil
}

var number = regexp.MustCompile(`\d+(\.\d+)*`)

// fits compares lines, whatever numbers and ... stand for.
func fits(want, got []string) bool {
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		pattern := regexp.QuoteMeta(number.ReplaceAllString(want[i], "0"))
		pattern = strings.ReplaceAll(pattern, `\.\.\.`, `.*`)
		if !regexp.MustCompile("^" + pattern + "$").MatchString(number.ReplaceAllString(got[i], "0")) {
			return false
		}
	}
	return true
}

// TestFits: a comparison that sees no difference would make the drill worthless.
func TestFits(t *testing.T) {
	want := []string{"a 12 of 3.5ms", "b (...)..."}
	for text, ok := range map[string]bool{
		"a 1 of 26.75ms\nb (x)":  true,
		"a 1 of 26.75ms\nb ()!":  true,
		"a 1 of 26.75us\nb (x)":  false,
		"a 1 of 26.75ms":         false,
		"a 1 of 26.75ms\nc (x)":  false,
		"a x of 26.75ms\nb (x)":  false,
		"a 1 of 26.75ms\nb (x\n": false,
	} {
		if fits(want, strings.Split(text, "\n")) != ok {
			t.Errorf("%q: not %v", text, ok)
		}
	}
}
