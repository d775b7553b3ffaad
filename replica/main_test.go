package replica

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gospread/spread/spreadtest"
)

// journal is a state that is the list of all updates, with something to make it large.
type journal struct {
	mu    sync.Mutex
	Lines []string
	Fill  string
}

func (j *journal) Apply(u *Update) []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n, ok := strings.CutPrefix(string(u.Data), "fill "); ok {
		size, _ := strconv.Atoi(n)
		j.Fill = strings.Repeat("x", size)
	}
	j.Lines = append(j.Lines, string(u.Data))
	return fmt.Appendf(nil, "line %d: %s", len(j.Lines), u.Data)
}

func (j *journal) Snapshot() ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return json.Marshal(j)
}

func (j *journal) Restore(b []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Lines, j.Fill = nil, ""
	if len(b) == 0 {
		return nil
	}
	return json.Unmarshal(b, j)
}

// Merge is the union, in the order of the parts.
func (j *journal) Merge(parts [][]byte) error {
	var all journal
	for _, p := range parts {
		var o journal
		if err := o.Restore(p); err != nil {
			return err
		}
		for _, l := range o.Lines {
			if !slices.Contains(all.Lines, l) {
				all.Lines = append(all.Lines, l)
			}
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Lines = all.Lines
	return nil
}

func (j *journal) lines() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.Lines)
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// running is a replica that runs.
type running struct {
	*Replica
	*journal
	t    *testing.T
	end  context.CancelFunc
	done chan error
}

var three = []string{"r1", "r2", "r3"}

func run(t *testing.T, addr string, cfg Config) *running {
	t.Helper()
	cfg.Daemon, cfg.State = addr, "journal"
	if cfg.Replicas == nil {
		cfg.Replicas = three
	}
	if cfg.Patience == 0 {
		cfg.Patience = 20 * time.Second // machines are slow at times; only tests of it are about patience
	}
	j := &journal{}
	r, err := New(cfg, j)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	x := &running{Replica: r, journal: j, t: t, end: end, done: make(chan error, 1)}
	go func() { x.done <- r.Run(ctx) }()
	t.Cleanup(x.stop)
	return x
}

// stop ends a replica in order.
func (x *running) stop() {
	x.t.Helper()
	x.end()
	select {
	case err, ok := <-x.done:
		if !ok {
			return
		}
		if err != nil {
			x.t.Error(err)
		}
		close(x.done)
	case <-time.After(20 * time.Second):
		x.t.Error("the replica does not end")
	}
}

func (x *running) update(data string) string {
	x.t.Helper()
	b, err := x.Update(limited(x.t), []byte(data))
	if err != nil {
		x.t.Fatal(err)
	}
	return string(b)
}

// wait waits until the status is as wanted.
func (x *running) wait(what string, ok func(Status) bool) {
	x.t.Helper()
	ctx := limited(x.t)
	for {
		changed := x.Changed()
		if ok(x.Status()) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			x.t.Fatalf("never %s: %+v", what, x.Status())
		}
	}
}

func (x *running) together(n int) {
	x.t.Helper()
	x.wait(fmt.Sprintf("%d together", n), func(s Status) bool { return s.Ready && s.Current && len(s.Members) == n })
}

func (x *running) synced() []string {
	x.t.Helper()
	if err := x.Sync(limited(x.t)); err != nil {
		x.t.Fatal(err)
	}
	return x.lines()
}

// same checks that all have the same lines, and returns them.
func same(t *testing.T, all ...*running) []string {
	t.Helper()
	first := all[0].synced()
	for _, x := range all[1:] {
		if lines := x.synced(); !slices.Equal(lines, first) {
			t.Fatalf("%s has %d lines, %s has %d:\n%.500q\n%.500q", all[0].cfg.Name, len(first), x.cfg.Name, len(lines), first, lines)
		}
	}
	return first
}

func trio(t *testing.T, c *spreadtest.Cluster, cfg Config) []*running {
	t.Helper()
	var all []*running
	for i, d := range c.Names()[:3] {
		cfg := cfg
		cfg.Name = three[i]
		if cfg.Store != "" {
			cfg.Store += "/" + cfg.Name
		}
		all = append(all, run(t, c.Addr(d), cfg))
	}
	for _, x := range all {
		x.together(3)
	}
	return all
}

const processVar = "REPLICA_TEST"

// TestMain is also the process of a replica, which tests kill: it submits numbered
// updates without end and prints those that are acknowledged, and what it has at last when
// its input ends.
func TestMain(m *testing.M) {
	if what := os.Getenv(processVar); what != "" {
		process(strings.Fields(what))
		return
	}
	os.Exit(m.Run())
}

func process(args []string) {
	addr, name, life, store := args[0], args[1], args[2], args[3]
	j := &journal{}
	r, err := New(Config{Daemon: addr, State: "journal", Name: name, Replicas: three, Store: store, Compact: 20_000}, j)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	ctx, end := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	stop := make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			line := fmt.Sprintf("%s.%s.%d", name, life, n)
			short, cancel := context.WithTimeout(ctx, time.Minute)
			if _, err := r.Update(short, []byte(line)); err == nil {
				fmt.Println("acked", line)
			}
			cancel()
		}
	})
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		switch in.Text() {
		case "stop":
			close(stop)
			work.Wait()
			fmt.Println("stopped")
		case "list":
			if err := r.Sync(ctx); err != nil {
				fmt.Println("error", err)
			}
			for _, l := range j.lines() {
				fmt.Println("line", l)
			}
			fmt.Println("end")
		}
	}
	end()
	if err := <-done; err != nil {
		fmt.Println("error", err)
	}
}
