//go:build unix

package top_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for what a screen shows; nothing passes because it has
// gone by.
const patience = 30 * time.Second

// demo builds the program that shows a played cluster, once.
var demo = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "top")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "demo")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", path, "./toptest/demo")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return path, cmd.Run()
})

func TestMain(m *testing.M) {
	status := m.Run()
	if built {
		path, _ := demo()
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(status)
}

var built bool // demo was called

// pane is a terminal of tmux with a shell in it.
type pane struct {
	testing.TB
	dir    string
	script string // what the demo is told
}

// open starts a terminal of that size. The variables are added to its environment.
func open(t *testing.T, width, height int, env ...string) *pane {
	t.Helper()
	for _, tool := range []string{"tmux", "bash"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s; scripts/setup.sh installs what is needed", tool)
		}
	}
	built = true
	program, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "tmux") // a short name, for a socket
	if err != nil {
		t.Fatal(err)
	}
	p := &pane{TB: t, dir: dir, script: filepath.Join(dir, "script")}
	t.Cleanup(func() {
		_ = exec.Command("tmux", "-S", p.socket(), "kill-server").Run()
		_ = os.RemoveAll(dir)
	})
	if err := os.WriteFile(p.script, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "config")
	if err := os.WriteFile(config, []byte("set -g default-terminal screen-256color\nset -sg escape-time 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-u", "-f", config, "new-session", "-d", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height)}
	variables := append([]string{"LC_ALL=C.UTF-8", "NO_COLOR=", "COLORTERM=", "ENV=", "PS1=ready> ", "DEMO=" + program, "SCRIPT=" + p.script}, env...)
	args = append(args, "env")
	args = append(args, variables...)
	p.tmux(append(args, "bash", "--norc", "-i")...)
	p.sees("ready>")
	return p
}

func (p *pane) socket() string { return filepath.Join(p.dir, "s") }

func (p *pane) tmux(args ...string) string {
	p.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, "tmux", append([]string{"-S", p.socket()}, args...)...)
	cmd.Env = append(os.Environ(), "TMUX=")
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		p.Fatalf("tmux %q: %v\n%s", args, err, &errs)
	}
	return out.String()
}

// keys types: names of keys as tmux has them, or text.
func (p *pane) keys(keys ...string) {
	p.Helper()
	p.tmux(append([]string{"send-keys"}, keys...)...)
}

func (p *pane) screen() string { return p.tmux("capture-pane", "-p") }

// until waits until what is looked at is as it should be.
func (p *pane) until(what string, look func() (string, bool)) {
	p.Helper()
	limit := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		seen, ok := look()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			p.Fatalf("still not %s:\n%s", what, seen)
		}
	}
}

// sees waits until all texts are on the screen.
func (p *pane) sees(texts ...string) {
	p.Helper()
	p.until("there: "+strings.Join(texts, ", "), func() (string, bool) {
		screen := p.screen()
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				return screen, false
			}
		}
		return screen, true
	})
}

// loses waits until a text is not on the screen.
func (p *pane) loses(text string) {
	p.Helper()
	p.until("gone: "+text, func() (string, bool) {
		screen := p.screen()
		return screen, !strings.Contains(screen, text)
	})
}

// order waits until the daemons stand in that order.
func (p *pane) order(names string) {
	p.Helper()
	p.until("in the order "+names, func() (string, bool) {
		screen := p.screen()
		var got []string
		for line := range strings.Lines(screen) {
			for _, name := range []string{"alpha", "bravo", "charlie", "delta", "echo"} {
				if strings.HasPrefix(strings.TrimLeft(line, " *"), name+" ") {
					got = append(got, name[:1])
				}
			}
		}
		return screen, strings.Join(got, "") == names
	})
}

// watch starts the live view and waits for it.
func (p *pane) watch() {
	p.Helper()
	p.keys("echo be'fore'; $DEMO $SCRIPT", "Enter")
	p.sees("5 of 5 up  one view, led by alpha")
}

// tell makes something happen in the played cluster.
func (p *pane) tell(command string) {
	p.Helper()
	f, err := os.OpenFile(p.script, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		p.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(command + "\n"); err != nil {
		p.Fatal(err)
	}
}

func (p *pane) signal(s syscall.Signal) {
	p.Helper()
	text, err := os.ReadFile(p.script + ".pid")
	if err != nil {
		p.Fatal(err)
	}
	pid, err := strconv.Atoi(string(text))
	if err != nil {
		p.Fatal(err)
	}
	if err := syscall.Kill(pid, s); err != nil {
		p.Fatal(err)
	}
}

// restored waits for the prompt and checks that the terminal is as it was before:
// its screen, the cursor, and what it does with keys.
func (p *pane) restored() {
	p.Helper()
	p.until("back at the prompt", func() (string, bool) {
		screen := strings.TrimRight(p.screen(), "\n ")
		return screen, strings.HasSuffix(screen, "ready>")
	})
	if got := p.tmux("display", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}"); got != "0 1 0\n" {
		p.Errorf("other screen, cursor and mouse: %s", got)
	}
	p.sees("before")
	p.keys("stty -a", "Enter")
	p.until("as the shell has it", func() (string, bool) {
		screen := p.screen()
		words := strings.Fields(screen)
		for _, mode := range []string{"icanon", "isig", "echo", "opost", "icrnl"} {
			if !slices.Contains(words, mode) {
				return screen, false
			}
		}
		return screen, true
	})
}

func TestInTmux(t *testing.T) {
	p := open(t, 80, 24)
	p.watch()
	p.sees("DAEMON▲", "*alpha", "in 15.0k/s", "nothing waits for a client", "none since the start", "q quit")
	for i, line := range strings.Split(strings.TrimSuffix(p.screen(), "\n"), "\n") {
		if i >= 24 || len([]rune(line)) > 80 {
			t.Errorf("line %d does not fit: %q", i, line)
		}
	}

	p.tell("slow #reader#bravo bravo")
	p.sees("#reader#bravo", "127.0.0.1:40001")
	p.tell("down delta")
	p.sees("NO ANSWER", "4 of 5 up  view of 4", "view of 4 daemons, led by alpha; without delta", "delta is silent")
	p.tell("part alpha,bravo charlie,echo")
	p.sees("PARTITION  A: alpha* bravo | B: charlie* echo", "PARTITION: 2 views exclude each other", "*charlie")
	p.tell("cut bravo")
	p.sees("bravo cut off 1 slow client: more bytes waiting than MaxSessionBytes", "nothing waits for a client")
	p.tell("heal")
	p.sees("the partition is over")
	p.tell("up delta")
	p.sees("delta is back, restarted", "5 of 5 up  one view")

	p.order("abcde")
	p.keys("r")
	p.order("edcba")
	p.keys("i")
	p.order("abcde")
	p.sees("▼IN/s")
	p.keys("Right", "r")
	p.sees("▲OUT/s")
	p.order("edcba")
	p.keys("/", "E", "l")
	p.sees("filter: El_")
	p.order("d")
	p.keys("Enter")
	p.sees("Esc all")
	p.keys("Escape")
	p.order("edcba")
	p.keys("?")
	p.sees("COLUMNS", "token rotation, mean")
	p.keys("Escape")
	p.loses("COLUMNS")
	p.keys("-", "-", "-")
	p.sees("every 2s")
	p.keys("+")
	p.sees("every 1s")
	p.keys("Space")
	p.sees("PAUSED")
	p.tell("down echo")
	p.keys("p")
	p.loses("PAUSED")
	p.sees("view of 4 daemons, led by alpha; without echo")
	p.keys("q")
	p.sees("demo: the end")
	p.restored()
}

func TestResizeInTmux(t *testing.T) {
	p := open(t, 80, 24)
	p.watch()
	p.tmux("resize-window", "-x", "120", "-y", "40")
	p.sees("LATENCY", "IN+OUT, PER SECOND", "█")
	p.tmux("resize-window", "-x", "40", "-y", "10")
	p.loses("LATENCY")
	p.sees("*alpha", "IN/s", "q quit")
	p.tmux("resize-window", "-x", "39", "-y", "9")
	p.sees("39x9 is too small", "40x10 is needed")
	p.tmux("resize-window", "-x", "1", "-y", "1")
	p.loses("small")
	p.tmux("resize-window", "-x", "80", "-y", "24")
	p.sees("*alpha", "QUEUED", "EVENTS", "q quit")
	p.keys("C-c")
	p.sees("demo: the end")
	p.restored()
}

// Ctrl-Z, and the signals that stop and continue from elsewhere.
func TestStopInTmux(t *testing.T) {
	p := open(t, 80, 24)
	p.watch()
	for _, stop := range []func(){
		func() { p.keys("C-z") },
		func() { p.signal(syscall.SIGTSTP) },
	} {
		stop()
		p.sees("Stopped")
		p.restored()
		p.keys("clear; echo be'fore'; fg", "Enter")
		p.sees("5 of 5 up", "q quit")
		p.keys("?")
		p.sees("COLUMNS")
		p.keys("Escape")
		p.loses("COLUMNS")
	}
	// A stop that cannot be caught leaves its screen; what comes after it draws anew.
	p.signal(syscall.SIGSTOP)
	p.sees("Stopped")
	p.keys("fg", "Enter")
	p.loses("Stopped")
	p.sees("5 of 5 up", "q quit")
	p.keys("q")
	p.sees("demo: the end")
	p.restored()
}

// Where no shell could continue it, it does not stop.
func TestNoShellInTmux(t *testing.T) {
	p := open(t, 80, 24)
	p.keys("exec $DEMO $SCRIPT", "Enter")
	p.sees("5 of 5 up")
	p.keys("C-z", "?")
	p.sees("COLUMNS")
	p.signal(syscall.SIGTSTP)
	p.keys("Escape")
	p.loses("COLUMNS")
	p.sees("5 of 5 up")
}

func TestEndsInTmux(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*pane)
		says string
	}{
		"SIGTERM": {func(p *pane) { p.signal(syscall.SIGTERM) }, "demo: ended by signal: terminated"},
		"SIGHUP":  {func(p *pane) { p.signal(syscall.SIGHUP) }, "demo: ended by signal: hangup"},
		"panic":   {func(p *pane) { p.tell("panic") }, "panic: as it was told"},
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, 80, 60)
			p.watch()
			c.end(p)
			p.sees(c.says)
			p.restored()
		})
	}
}

// coloured finds what chooses a colour, in the order of numbers that tmux writes.
var coloured = regexp.MustCompile(`\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d|10\d)(?:;\d+)*m`)

func TestColoursInTmux(t *testing.T) {
	// bad lets things happen that have all colours.
	bad := func(p *pane) string {
		p.watch()
		p.tell("down delta\npart alpha charlie\nslow #reader#bravo bravo")
		p.sees("NO ANSWER", "PARTITION  A", "#reader#bravo")
		return p.tmux("capture-pane", "-p", "-e")
	}
	t.Run("none", func(t *testing.T) {
		p := open(t, 80, 24, "NO_COLOR=1")
		if screen := bad(p); coloured.MatchString(screen) {
			t.Errorf("colours in spite of NO_COLOR: %q", coloured.FindAllString(screen, 3))
		} else if !strings.Contains(screen, "\x1b[") {
			t.Error("no attributes either")
		}
	})
	t.Run("eight", func(t *testing.T) {
		p := open(t, 80, 24)
		screen := bad(p)
		for _, want := range []string{"\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[41m"} {
			if !strings.Contains(screen, want) {
				t.Errorf("no %q", want)
			}
		}
		if regexp.MustCompile(`[34]8;`).MatchString(screen) {
			t.Error("more than the colours of the theme")
		}
	})
}

// Where only ASCII can be shown, nothing else is.
func TestASCIIInTmux(t *testing.T) {
	p := open(t, 120, 24, "LC_ALL=C")
	p.watch()
	p.tell("part alpha charlie")
	p.sees("DAEMON^", "<> sort", "PARTITION", "IN+OUT")
	screen := p.screen()
	if i := strings.IndexFunc(screen, func(r rune) bool { return r > '~' }); i >= 0 {
		t.Errorf("%q on the screen", screen[i:i+3])
	}
	if strings.Contains(screen, "?????") {
		t.Error("characters that could not be shown")
	}
}

func TestPipeIsNoTerminal(t *testing.T) {
	p := open(t, 80, 24, "TERM=dumb")
	p.keys("$DEMO $SCRIPT; echo status $?", "Enter")
	p.sees("a terminal that can move the cursor, and TERM is dumb", "status 1")
}
