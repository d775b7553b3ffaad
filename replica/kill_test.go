package replica

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"gospread/spread/spreadtest"
)

// proc is a replica in a process of its own.
type proc struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	done chan struct{} // closed at the end of its output

	mu     sync.Mutex
	acked  []string
	lines  []string
	enough map[int]chan struct{} // closed when so many were acknowledged
	ended  chan string           // "stopped", "end"
}

func start(t *testing.T, addr, name string, life int, store string) *proc {
	t.Helper()
	p := &proc{t: t, cmd: exec.Command(os.Args[0]), done: make(chan struct{}), ended: make(chan string, 1), enough: map[int]chan struct{}{}}
	p.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d %s", processVar, addr, name, life, store))
	p.cmd.Stderr = os.Stderr
	in, err1 := p.cmd.StdinPipe()
	out, err2 := p.cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	p.in = in
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(out)
	t.Cleanup(p.kill)
	return p
}

func (p *proc) read(out io.Reader) {
	defer close(p.done)
	for s := bufio.NewScanner(out); s.Scan(); {
		what, line, _ := strings.Cut(s.Text(), " ")
		p.mu.Lock()
		switch what {
		case "acked":
			p.acked = append(p.acked, line)
			if c := p.enough[len(p.acked)]; c != nil {
				close(c)
			}
		case "line":
			p.lines = append(p.lines, line)
		case "error":
			p.t.Error(line)
		default:
			p.ended <- what
		}
		p.mu.Unlock()
	}
}

// await waits until n more updates were acknowledged.
func (p *proc) await(n int) {
	p.t.Helper()
	c := make(chan struct{})
	p.mu.Lock()
	p.enough[len(p.acked)+n] = c
	p.mu.Unlock()
	select {
	case <-c:
	case <-limited(p.t).Done():
		p.t.Fatalf("not %d more", n)
	}
}

// kill is kill -9. All that the process had written is read before it returns.
func (p *proc) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
	_ = p.cmd.Wait()
}

func (p *proc) ask(what, answer string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, what+"\n"); err != nil {
		p.t.Fatal(err)
	}
	select {
	case got := <-p.ended:
		if got != answer {
			p.t.Fatal(got)
		}
	case <-p.done:
		p.t.Fatal("it has ended")
	case <-limited(p.t).Done():
		p.t.Fatalf("no answer to %s", what)
	}
}

// Replicas in processes of their own are killed, one or all at a time, and their
// daemons too. What was acknowledged is there at the end, once and everywhere.
func TestKill(t *testing.T) {
	t.Parallel()
	c := spreadtest.New(t, 3)
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(3, 3))
	life := 0
	procs := make([]*proc, 3)
	var acked []string
	launch := func(i int) {
		life++
		procs[i] = start(t, c.Addr(c.Names()[i]), three[i], life, dir+"/"+three[i])
	}
	kill := func(i int) {
		procs[i].kill()
		acked = append(acked, procs[i].acked...)
	}
	for i := range procs {
		launch(i)
	}
	for round := range 8 {
		procs[r.IntN(3)].await(20)
		switch i := r.IntN(3); round % 4 {
		case 0, 2: // one, and it comes back after a while
			kill(i)
			procs[(i+1)%3].await(20)
			launch(i)
		case 1: // all
			for i := range procs {
				kill(i)
			}
			for i := range procs {
				launch(i)
			}
		case 3: // a daemon, and a replica at another one at the same time
			c.Kill(c.Names()[i])
			kill((i + 1) % 3)
			launch((i + 1) % 3)
			c.Restart(c.Names()[i])
		}
	}
	for _, p := range procs {
		p.await(20)
	}
	for _, p := range procs {
		p.ask("stop", "stopped")
	}
	for _, p := range procs {
		p.ask("list", "end")
		acked = append(acked, p.acked...)
	}
	lines := procs[0].lines
	seen := map[string]bool{}
	for _, l := range lines {
		if seen[l] {
			t.Errorf("%s was applied twice", l)
		}
		seen[l] = true
	}
	for _, l := range acked {
		if !seen[l] {
			t.Errorf("%s was acknowledged and is lost", l)
		}
	}
	for _, p := range procs[1:] {
		if !slices.Equal(p.lines, lines) {
			t.Errorf("%d lines here, %d there", len(lines), len(p.lines))
		}
	}
	t.Logf("%d processes, %d updates acknowledged of %d", life, len(acked), len(lines))
	for _, p := range procs {
		_ = p.in.Close()
		<-p.done
	}
}
