package spmonitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/monitor/monitortest"
	"gospread/spread/internal/status"
)

// run carries out a command line.
func run(t *testing.T, d *monitortest.Cluster, line string) (out, errs string, err error) {
	t.Helper()
	words := strings.Fields(line)
	c := Command{Name: words[0], Timeout: 20 * time.Second}
	for _, w := range words[1:] {
		if w == "--json" {
			c.JSON = true
			continue
		}
		if w == "--quick" {
			c.Timeout = 2 * time.Second
			continue
		}
		c.Args = append(c.Args, w)
	}
	var o, e bytes.Buffer
	err = Do(t.Context(), Options{ConfigFile: d.File, Name: "a", Every: time.Hour}, c, &o, &e)
	return o.String(), e.String(), err
}

func TestCommands(t *testing.T) {
	d := monitortest.New(t, 3, "DangerousMonitor = yes")
	does := func(line, want string) {
		t.Helper()
		out, errs, err := run(t, d, line)
		if err != nil || errs != "" {
			t.Errorf("%s: %v %s", line, err, errs)
		}
		is(t, out, want)
	}
	does("partition c", "a: in part 2\nb: in part 2\nc: in part 1\n")
	d.Await("a", "a", "b")
	does("partition none", "a: hears all daemons\nb: hears all daemons\nc: hears all daemons\n")
	for _, name := range d.Names {
		d.Await(name, d.Names...)
	}
	does("flow window=100 personal=20 accelerated=5 a c", "a: Window 100, PersonalWindow 20, AcceleratedWindow 5\nc: Window 100, PersonalWindow 20, AcceleratedWindow 5\n")
	does("flow a", "a: Window 100, PersonalWindow 20, AcceleratedWindow 5\n")
	does("flow a accelerated=0 window=auto", "a: Window adapts, PersonalWindow 20, AcceleratedWindow 0\n")
	does("reload b", "b: the configuration is unchanged\n")
	if out, _, err := run(t, d, "status b a b"); err != nil || strings.Index(out, "Status at b ") > strings.Index(out, "Status at a ") || strings.Count(out, "Status at") != 2 {
		t.Errorf("status: %v\n%s", err, out)
	}
	does("terminate c", "c: stopping\n")
	d.AwaitEnd("c")

	out, _, err := run(t, d, "status all --json --quick")
	if !errors.Is(err, ErrFailed) {
		t.Errorf("c is down: %v", err)
	}
	var list []struct {
		Daemon, Error string
		OK            bool
		Status        *status.Summary
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 3 || !list[0].OK || list[1].Status.Daemon.Name != "b" || list[2].OK || list[2].Error == "" {
		t.Errorf("%v: %s", err, out)
	}
}

// TestFor: a partition is kept up until it is interrupted, and then ends.
func TestFor(t *testing.T) {
	d := monitortest.New(t, 2, "DangerousMonitor = yes")
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- Do(ctx, Options{ConfigFile: d.File, Name: "a"}, Command{Name: "partition", Args: []string{"a/b"}, For: time.Hour}, io.Discard, io.Discard)
	}()
	d.Await("a", "a")
	interrupt()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	d.Await("a", "a", "b")
	d.AwaitLog("b", "I'm in component 0")
	if err := Do(t.Context(), Options{ConfigFile: d.File, Name: "a"}, Command{Name: "partition", Args: []string{"b"}, For: time.Millisecond}, io.Discard, io.Discard); err != nil {
		t.Error(err)
	}
}

// TestForWithout: that a daemon is down does not keep the others from being parted as
// long as they were to be, nor from being let together; the output is one array.
func TestForWithout(t *testing.T) {
	d := monitortest.New(t, 3, "DangerousMonitor = yes")
	if _, errs, err := run(t, d, "terminate c"); err != nil {
		t.Fatal(err, errs)
	}
	d.AwaitEnd("c")
	d.Await("a", "a", "b")
	var out, errs bytes.Buffer
	err := Do(t.Context(), Options{ConfigFile: d.File, Name: "a"},
		Command{Name: "partition", Args: []string{"a/b,c"}, JSON: true, Timeout: time.Second, For: time.Millisecond}, &out, &errs)
	if !errors.Is(err, ErrFailed) || strings.Count(errs.String(), "spmonitor: c: no answer") != 2 {
		t.Errorf("%v\n%s", err, &errs)
	}
	var list []struct{ Daemon, Text string }
	if err := json.Unmarshal(out.Bytes(), &list); err != nil || len(list) != 3 || list[1].Text != "in part 2" {
		t.Errorf("%v: %s", err, &out)
	}
	d.AwaitLog("a", "I'm in component 0")
	d.AwaitLog("b", "I'm in component 0")
	d.Await("a", "a", "b")
}

// TestWatch: each answer is a line, until it is interrupted.
func TestWatch(t *testing.T) {
	d := monitortest.New(t, 2, "")
	for _, asJSON := range []bool{true, false} {
		ctx, interrupt := context.WithCancel(t.Context())
		out := newScreen()
		ended := make(chan error)
		go func() {
			ended <- Do(ctx, Options{ConfigFile: d.File, Name: "a", Every: time.Millisecond}, Command{Name: "watch", JSON: asJSON}, out, io.Discard)
		}()
		for range 3 {
			for _, name := range d.Names {
				if asJSON {
					out.expect(t, `{"daemon":"`+name+`","ok":true,`)
					out.expect(t, "}\n")
				} else {
					out.expect(t, "Status at "+name+" ")
				}
			}
		}
		interrupt()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestRefusals(t *testing.T) {
	d := monitortest.New(t, 1, "")
	for _, line := range []string{"partition a", "partition none", "terminate all", "flow window=5"} {
		out, errs, err := run(t, d, line)
		if !errors.Is(err, ErrFailed) || out != "" || !strings.HasPrefix(errs, "spmonitor: a: refused: the daemon is in safe mode") {
			t.Errorf("%s: %v %q %q", line, err, out, errs)
		}
	}
}

func TestWrongCommands(t *testing.T) {
	d := monitortest.New(t, 1, "")
	for line, want := range map[string]string{
		"status b":           `no daemon "b"; the file has a`,
		"terminate":          "needs the names",
		"terminate a x":      `no daemon "x"`,
		"partition":          "needs one argument",
		"partition a b":      "needs one argument",
		"partition a,":       "a name is missing",
		"partition /a":       "a name is missing",
		"partition a/a":      "a is twice",
		"partition x":        `no daemon "x"`,
		"partition all":      `no daemon "all"`,
		"flow size=5":        `no window "size"`,
		"flow window=x":      "a number of packets, or auto",
		"flow window=-1":     "a number of packets, or auto",
		"flow window=5 nobo": `no daemon "nobo"`,
		"reload x":           `no daemon "x"`,
		"watch x":            `no daemon "x"`,
	} {
		_, _, err := run(t, d, line)
		var wrong *UsageError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
	if err := Do(t.Context(), Options{ConfigFile: d.File + "x"}, Command{Name: "status"}, io.Discard, io.Discard); err == nil {
		t.Error("no file, no error")
	}
	if err := Do(t.Context(), Options{ConfigFile: d.File, Name: "z"}, Command{Name: "status"}, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "z") {
		t.Errorf("no such entry: %v", err)
	}
}

func TestParts(t *testing.T) {
	cfg, err := conf.Parse([]byte("Spread_Segment 10.0.0.255 { a 10.0.0.1 b 10.0.0.2 c 10.0.0.3 d 10.0.0.4 }"), "x", conf.Env{})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]map[string]int16{
		"none":    nil,
		"a,b/c,d": {"a": 1, "b": 1, "c": 2, "d": 2},
		"b":       {"a": 2, "b": 1, "c": 2, "d": 2},
		"a/b":     {"a": 1, "b": 2, "c": 3, "d": 3},
		"a,b,c,d": {"a": 1, "b": 1, "c": 1, "d": 1},
	} {
		if got, err := parseParts(text, cfg); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
}

// TestSource: what a live view asks.
func TestSource(t *testing.T) {
	d := monitortest.New(t, 2, "")
	s, err := Connect(t.Context(), Options{ConfigFile: d.File, Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	samples := s.Status(t.Context())
	if len(samples) != 2 || samples[1].Daemon != "b" || samples[1].Err != nil || samples[1].Summary.Daemon.Name != "b" {
		t.Errorf("%+v", samples)
	}
}
