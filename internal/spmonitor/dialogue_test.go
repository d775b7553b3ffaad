package spmonitor

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gospread/spread/internal/monitor"
	"gospread/spread/internal/monitor/monitortest"
)

// screen is an output that tests wait for.
type screen struct {
	mu      sync.Mutex
	text    bytes.Buffer
	seen    int
	changed chan struct{}
}

func newScreen() *screen { return &screen{changed: make(chan struct{})} }

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// expect waits until a text comes behind what was expected before, and returns all
// up to its end.
func (s *screen) expect(t *testing.T, text string) string {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		s.mu.Lock()
		rest := s.text.String()[s.seen:]
		changed := s.changed
		i := strings.Index(rest, text)
		if i >= 0 {
			s.seen += i + len(text)
			s.mu.Unlock()
			return rest[:i+len(text)]
		}
		s.mu.Unlock()
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%q does not come; there is\n%s", text, rest)
		}
	}
}

// session is a dialogue that goes on.
type session struct {
	t         *testing.T
	keys      io.WriteCloser
	out, errs *screen
	ended     chan error
}

func begun(t *testing.T, d *monitortest.Cluster, every time.Duration, terminal bool) *session {
	t.Helper()
	in, keys := io.Pipe()
	s := &session{t, keys, newScreen(), newScreen(), make(chan error, 1)}
	o := Options{ConfigFile: d.File, Name: "a", Every: every, Version: "v1.2.3", Terminal: terminal}
	go func() {
		s.ended <- Run(context.Background(), o, in, s.out, s.errs)
		in.Close()
	}()
	s.out.expect(t, menu)
	return s
}

func (s *session) enter(lines ...string) {
	s.t.Helper()
	for _, l := range lines {
		if _, err := io.WriteString(s.keys, l+"\n"); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *session) end() {
	s.t.Helper()
	s.enter("9")
	if err := <-s.ended; err != nil {
		s.t.Error(err)
	}
	if out := s.out.String(); !strings.HasSuffix(out, "Bye.\n") {
		s.t.Errorf("the end is %q", out[max(0, len(out)-100):])
	}
}

// is compares a part of the dialogue.
func is(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestDialogue is word for word what the original prints, but for the daemons.
func TestDialogue(t *testing.T) {
	d := monitortest.New(t, 3, "")
	s := begun(t, d, time.Hour, true)
	s.enter("x", "")
	is(t, s.out.expect(t, menu), "\nUnknown commnad\n"+menu)
	is(t, s.out.expect(t, menu), "\nUnknown commnad\n"+menu)
	s.enter(" 0")
	is(t, s.out.expect(t, menu), "\nUnknown commnad\n"+menu)

	const mapHead = "\n=============\nPartition Map:\n-------------\n\n"
	s.enter("3 and the rest is ignored")
	is(t, s.out.expect(t, prompt), mapHead+"\ta\t0\n\n\tb\t0\n\n\tc\t0\n\n"+prompt)
	s.enter("1", "1", "foo", "", "  2 3", "70000")
	is(t, s.out.expect(t, prompt), "\n=============\nDefine Partition\n-------------\n\n"+
		"\ta\t\n\tb\tPlease enter a number\n\tb\tPlease enter a number\n\tb\t\n\tc\t\n"+
		mapHead+"\ta\t1\n\n\tb\t2\n\n\tc\t4464\n\n"+prompt)
	s.enter("3")
	is(t, s.out.expect(t, prompt), mapHead+"\ta\t0\n\n\tb\t0\n\n\tc\t0\n\n"+prompt)

	const flowHead = "\n========================\nFlow Control Parameters:\n------------------------\n\n"
	s.enter("7")
	is(t, s.out.expect(t, prompt), flowHead+"Window size:  0\n\n\ta personal window\t0\n\n\tb personal window\t0\n\n\tc personal window\t0\n\n"+prompt)
	s.enter("5", "100", "", "x", "12", "-1")
	is(t, s.out.expect(t, prompt), "\n===================\nDefine Flow Control\n-------------------\n\n"+
		"    Window size: \n\ta personal window\t\n\tb personal window\tPlease enter a number\n\tb personal window\t\n\tc personal window\t\n"+
		flowHead+"Window size:  100\n\n\ta personal window\t-1\n\n\tb personal window\t12\n\n\tc personal window\t-1\n\n"+prompt)

	s.enter("0", "nobody", "   ", "c", "none", "")
	is(t, s.out.expect(t, prompt), "\n=============\nActivate Status\n-------------\n\n"+
		"\tEnter Proc Name: Please! enter a legal proc name, none, or all\n"+
		"\tEnter Proc Name: Please enter a legal proc name, none, or all\n"+
		"\tEnter Proc Name: \tEnter Proc Name: \tEnter Proc Name: "+prompt)
	s.enter("0", "b", "")
	is(t, s.out.expect(t, prompt), "\n=============\nActivate Status\n-------------\n\n"+
		"\tEnter Proc Name: \tEnter Proc Name: Monitor: send status query\n"+prompt)
	got := s.out.expect(t, prompt)
	for _, line := range []string{`^\n============================\nStatus at b V 1\.02\. 3 \(state \d, gstate \d\) after \d+ seconds :\n`,
		`\nMembership  :  3  procs in 3 segments, leader is [abc], regular protocol\n`,
		`\nrounds   : +\d+\ttok_hurry : +\d+\tmemb change: +\d+\n`, `\nP/A Window|\tP/A Window : +\d+/\d+\nDelta Mes: `, `\n==================================\n\nMonitor> $`} {
		if !regexp.MustCompile(line).MatchString(got) {
			t.Errorf("no %s in\n%s", line, got)
		}
	}

	s.enter("2")
	is(t, s.out.expect(t, prompt), "Monitor: send partition\n"+prompt)
	s.errs.expect(t, "spmonitor: a: refused: the daemon is in safe mode")
	s.enter("4")
	is(t, s.out.expect(t, prompt), "Monitor: send partition\n"+prompt)
	s.enter("6")
	is(t, s.out.expect(t, prompt), "Monitor: send flow control params\n"+prompt)
	s.enter("8", "zz", "all", "")
	is(t, s.out.expect(t, prompt), "\tEnter Proc Name to Terminate: Please! enter a legal proc name, none, or all\n"+
		"\tEnter Proc Name to Terminate: \tEnter Proc Name to Terminate: "+
		"Monitor: Terminating a\nMonitor: Terminating b\nMonitor: Terminating c\n"+prompt)
	s.enter("r")
	got = s.out.expect(t, "Reload Membership. \n")
	if !regexp.MustCompile(`^Old configuration hash is: (\d+)\nMonitor: send conf reload command\nNew configuration hash is: \d+\n` +
		`All Status, Partition, FC, etc commands are reset by configuration reload!\nReload Membership\. \n$`).MatchString(got) {
		t.Errorf("reload:\n%s", got)
	}
	for _, name := range d.Names {
		d.AwaitLog(name, "reloading the configuration")
	}
	s.end()
}

// TestSteering: what is defined and sent happens.
func TestSteering(t *testing.T) {
	d := monitortest.New(t, 3, "DangerousMonitor = true\nAcceleratedRing = true")
	s := begun(t, d, 100*time.Millisecond, true)
	s.enter("1", "5", "5", "6", "2")
	d.Await("a", "a", "b")
	d.Await("c", "c")
	s.enter("4")
	for _, name := range d.Names {
		d.Await(name, d.Names...)
	}
	s.enter("5", "90", "30", "7", "20", "", "", "0", "6")
	for _, name := range d.Names {
		d.AwaitLog(name, "flow control from")
	}
	s.enter("0", "all", "")
	s.out.expect(t, "Monitor: send status query\n")
	// Every daemon is asked at once and again, and says what is new since.
	for range 3 {
		s.out.expect(t, "Status at a ")
		got := s.out.expect(t, prompt)
		if !strings.Contains(got, ", accelerated protocol\n") || !strings.Contains(got, "\tWindow     :      90\n") || !strings.Contains(got, "\tP/A Window :      30/7\n") {
			t.Errorf("got\n%s", got)
		}
	}
	s.enter("8", "c", "")
	d.AwaitEnd("c")
	d.Await("a", "a", "b")
	s.errs.expect(t, "spmonitor: c: no answer")
	// It may have been late before. From now on it never answers, and that is said already.
	complaints := func() int {
		s.out.expect(t, s.out.String()[s.out.seen:]) // all that is there
		for range 3 {
			s.out.expect(t, "Status at a ")
		}
		return strings.Count(s.errs.String(), "c: no answer")
	}
	before := complaints()
	if now := complaints(); now != before {
		t.Errorf("said %d times more that c does not answer", now-before)
	}
	s.end()
}

// TestPipe: what commands of a pipe have caused is shown before the end.
func TestPipe(t *testing.T) {
	d := monitortest.New(t, 2, "")
	for _, end := range []string{"9\n", ""} {
		var out, errs bytes.Buffer
		o := Options{ConfigFile: d.File, Name: "a", Every: time.Hour}
		if err := Run(t.Context(), o, strings.NewReader("0\nall\n\n"+end), &out, &errs); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		for _, want := range []string{"Status at a ", "Status at b "} {
			if strings.Count(got, want) != 1 {
				t.Errorf("%q is not there once:\n%s", want, got)
			}
		}
		if !strings.HasSuffix(got, "==================================\n\nMonitor> Bye.\n") || errs.Len() > 0 {
			t.Errorf("the end is\n%s\n%s", got, &errs)
		}
	}
	// The input may end anywhere.
	for _, text := range []string{"", "1\n3\n", "5\n", "0\n", "8\na\n", "3"} {
		var out bytes.Buffer
		if err := Run(t.Context(), Options{ConfigFile: d.File, Name: "a", Every: time.Hour}, strings.NewReader(text), &out, io.Discard); err != nil || !strings.HasSuffix(out.String(), "Bye.\n") {
			t.Errorf("%q: %v", text, err)
		}
	}
	long := strings.Repeat("y", 1<<20) + "\n9\n"
	var out bytes.Buffer
	if err := Run(t.Context(), Options{ConfigFile: d.File, Name: "a", Every: time.Hour}, strings.NewReader(long), &out, io.Discard); err != nil || strings.Count(out.String(), "Unknown commnad") != 1 {
		t.Errorf("a long line: %v\n%.300s", err, out.String())
	}
}

// Commands go out one after the other, however long each takes.
func TestCommandsInOrder(t *testing.T) {
	d := &dialogue{out: io.Discard, err: io.Discard}
	var order []int
	for i := range 50 {
		d.command(func(context.Context) []monitor.Answer {
			for range 50 - i {
				runtime.Gosched()
			}
			order = append(order, i)
			return nil
		})
	}
	d.asking.Wait()
	if len(order) != 50 || !slices.IsSorted(order) {
		t.Errorf("%v", order)
	}
}

func TestLeadingNumber(t *testing.T) {
	for line, want := range map[string]string{
		"5": "5 true", " \t 7 8": "7 true", "-1": "-1 true", "+3": "3 true", "70000": "4464 true", "65535": "-1 true",
		"99999999999999999999999": "-1 true", "3x": "3 true", "": "0 false", "-": "0 false", "x": "0 false", "- 3": "0 false",
	} {
		n, ok := leadingNumber(line)
		if got := fmt.Sprint(n, ok); got != want {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
}
