package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gospread/spread/spreadtest"
)

func TestThreeReplicas(t *testing.T) {
	t.Parallel()
	c := spreadtest.New(t, 3)
	all := trio(t, c, Config{})
	var work sync.WaitGroup
	for _, x := range all {
		work.Go(func() {
			var futures []*Future
			for i := range 100 {
				futures = append(futures, x.Submit(fmt.Appendf(nil, "%s %d", x.cfg.Name, i)))
			}
			for _, f := range futures {
				if _, err := f.Wait(limited(t)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	lines := same(t, all...)
	if len(lines) != 300 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, x := range all { // those of one are in its order
		i := 0
		for _, l := range lines {
			if l == fmt.Sprintf("%s %d", x.cfg.Name, i) {
				i++
			}
		}
		if i != 100 {
			t.Errorf("the updates of %s are not in their order", x.cfg.Name)
		}
	}
	if s := all[0].Status(); s.Applied != 300 || s.Pending != 0 || s.Epoch == 0 || s.Reason != "" {
		t.Errorf("%+v", s)
	}
}

func TestDaemonDies(t *testing.T) {
	t.Parallel()
	c := spreadtest.New(t, 3)
	all := trio(t, c, Config{})
	all[0].update("one")
	c.Kill("b")
	all[1].wait("away", func(s Status) bool { return !s.Ready })
	if s := all[1].Status(); s.Reason == "" {
		t.Errorf("%+v", s)
	}
	waiting := all[1].Submit([]byte("from r2"))
	all[0].together(2)
	all[2].update("two")
	c.Restart("b")
	if b, err := waiting.Wait(limited(t)); err != nil || string(b) != "line 3: from r2" {
		t.Fatalf("%q %v", b, err)
	}
	if lines := same(t, all...); !slices.Equal(lines, []string{"one", "two", "from r2"}) {
		t.Fatal(lines)
	}
}

func TestPartition(t *testing.T) {
	t.Parallel()
	c := spreadtest.New(t, 3)
	all := trio(t, c, Config{})
	all[2].update("one")
	same(t, all...) // an acknowledgement speaks of a majority, not of all
	c.Partition([]string{"a"}, []string{"b", "c"})
	all[0].wait("alone", func(s Status) bool { return !s.Ready && strings.Contains(s.Reason, "no majority") })
	_, err := all[0].Update(limited(t), []byte("refused"))
	var u *UpdateError
	if !errors.As(err, &u) || !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "no majority: of 3 replicas 2 are needed, and here are only r1") {
		t.Fatal(err)
	}
	if err := all[0].Sync(limited(t)); !errors.Is(err, ErrRefused) {
		t.Fatal(err)
	}
	all[0].Read(func() {
		if lines := all[0].lines(); !slices.Equal(lines, []string{"one"}) {
			t.Error(lines)
		}
	})
	all[1].together(2)
	all[1].update("two")
	all[2].update("three")
	c.Heal()
	all[0].together(3)
	all[0].update("four")
	if lines := same(t, all...); !slices.Equal(lines, []string{"one", "two", "three", "four"}) {
		t.Fatal(lines)
	}
}

// An update that was sent before the network parted, and may have been applied by
// the others, is unknown, and safe to submit again.
func TestUnknownAndAgain(t *testing.T) {
	t.Parallel()
	c := spreadtest.New(t, 3)
	all := trio(t, c, Config{})
	c.Pause("b") // nothing is ordered any more
	ctx, cancel := context.WithCancelCause(t.Context())
	f := all[0].Submit([]byte("one"), WithID("the-one"))
	cancel(errors.New("no patience"))
	_, err := all[0].await(ctx, f)
	if !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "no patience") {
		t.Fatal(err)
	}
	if _, again := f.Wait(limited(t)); again == nil || again.Error() != err.Error() {
		t.Fatal(again)
	}
	c.Resume("b")
	for range 3 {
		for _, x := range all {
			b, err := x.Update(limited(t), []byte("one"), WithID("the-one"))
			if err != nil || string(b) != "line 1: one" {
				t.Fatalf("%q %v", b, err)
			}
		}
	}
	if lines := same(t, all...); len(lines) != 1 {
		t.Fatal(lines)
	}
}

// A replica with nothing gets a large state while the others go on.
func TestJoinerUnderTraffic(t *testing.T) {
	t.Parallel()
	for _, log := range []int{-1, 100_000} { // whole state, or the log
		c := spreadtest.New(t, 3)
		all := trio(t, c, Config{Log: log})
		all[0].update("fill 5000000")
		all[2].stop()
		all[0].together(2)
		stop := make(chan struct{})
		var work sync.WaitGroup
		counts := make([]int, 2)
		for i, x := range all[:2] {
			work.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if _, err := x.Update(limited(t), fmt.Appendf(nil, "%s %d", x.cfg.Name, counts[i])); err != nil {
						t.Error(err)
						return
					}
					counts[i]++
				}
			})
		}
		for range 2 {
			all[2] = run(t, c.Addr("c"), Config{Name: "r3", Log: log})
			all[2].together(3)
			all[2].update("of r3")
			all[2].stop()
			all[0].together(2)
		}
		all[2] = run(t, c.Addr("c"), Config{Name: "r3", Log: log})
		all[2].together(3)
		close(stop)
		work.Wait()
		if lines := same(t, all...); len(lines) != 3+counts[0]+counts[1] || len(all[2].Fill) != 5_000_000 {
			t.Fatalf("%d lines", len(lines))
		}
	}
}

func TestStoreKeepsTheVote(t *testing.T) {
	t.Parallel()
	c := spreadtest.New(t, 3)
	dir := t.TempDir()
	all := trio(t, c, Config{Store: dir, Compact: 1000})
	for i := range 30 {
		all[i%3].update(fmt.Sprintf("line of number %d", i))
	}
	want := same(t, all...)
	for _, x := range all {
		x.stop()
	}
	// Two of three are enough to go on, as they know what they had.
	a := run(t, c.Addr("a"), Config{Name: "r1", Store: dir + "/r1"})
	b := run(t, c.Addr("b"), Config{Name: "r2", Store: dir + "/r2"})
	a.together(2)
	if lines := same(t, a, b); !slices.Equal(lines, want) {
		t.Fatal(lines)
	}
	a.update("more")
	// Without a store it would not count.
	b.stop()
	b = run(t, c.Addr("b"), Config{Name: "r2"})
	b.wait("refusing", func(s Status) bool { return strings.Contains(s.Reason, "not counting those without a state (r2)") })
	d := run(t, c.Addr("c"), Config{Name: "r3", Store: dir + "/r3"})
	b.together(3)
	if lines := same(t, a, b, d); len(lines) != 31 {
		t.Fatal(lines)
	}
}

func TestEverywhere(t *testing.T) {
	t.Parallel()
	c := spreadtest.New(t, 3)
	all := trio(t, c, Config{Policy: Everywhere})
	all[0].update("one")
	same(t, all...)
	c.Partition([]string{"a"}, []string{"b", "c"})
	all[0].together(1)
	all[1].together(2)
	all[0].update("left")
	all[1].update("right")
	all[2].update("right too")
	c.Heal()
	for _, x := range all {
		x.together(3)
	}
	all[0].update("last")
	lines := same(t, all...)
	if len(lines) != 5 || lines[0] != "one" || lines[4] != "last" {
		t.Fatal(lines)
	}
	// A newcomer gets the state.
	all[2].stop()
	all[2] = run(t, c.Addr("c"), Config{Name: "r3", Policy: Everywhere})
	all[2].together(3)
	if got := same(t, all...); !slices.Equal(got, lines) {
		t.Fatal(got)
	}
}

// Somebody in the group who says nothing is not waited for longer than Patience.
func TestSilentMember(t *testing.T) {
	t.Parallel()
	for _, policy := range []Policy{Majority, Everywhere} {
		c := spreadtest.New(t, 3)
		silent := c.Dial("c")
		name := silent.Name()
		if err := silent.Join(t.Context(), "rp-journal"); err != nil {
			t.Fatal(err)
		}
		go func() {
			for range silent.Events(t.Context()) {
			}
		}()
		cfg := Config{Policy: policy, Replicas: []string{"r1", "r2", name}, Patience: 300 * time.Millisecond}
		cfg.Name = "r1"
		a := run(t, c.Addr("a"), cfg)
		cfg.Name = "r2"
		b := run(t, c.Addr("b"), cfg)
		if policy == Everywhere {
			a.together(2)
			b.together(2)
			a.update("one")
			same(t, a, b)
			continue
		}
		// The first start needs all, which is said.
		a.wait("refusing", func(s Status) bool { return strings.Contains(s.Reason, "without a state (r1, r2)") })
	}
}

func TestRefusals(t *testing.T) {
	good := Config{Daemon: "4803", State: "s", Name: "r1", Replicas: three}
	for what, change := range map[string]func(*Config){
		"state":    func(c *Config) { c.State = "a b" },
		"name":     func(c *Config) { c.Name = "r#1" },
		"missing":  func(c *Config) { c.Name = "r4" },
		"replicas": func(c *Config) { c.Replicas = []string{"r1", "r1"} },
		"long":     func(c *Config) { c.Replicas = []string{"r1", "rrrrrrrrrrr"} },
		"policy":   func(c *Config) { c.Policy = 7 },
		"store":    func(c *Config) { c.Policy, c.Store = Everywhere, "x" },
		"no dir":   func(c *Config) { c.Store = "/no such directory/x" },
	} {
		cfg := good
		change(&cfg)
		if _, err := New(cfg, &journal{}); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if _, err := New(good, nil); err == nil {
		t.Error("no state")
	}
	r, err := New(good, &journal{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Update(t.Context(), make([]byte, MaxUpdate+1)); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	if _, err := r.Update(t.Context(), nil, WithID("a b")); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	f := r.Submit(nil, WithID("x"))
	if _, err := r.Update(t.Context(), nil, WithID("x")); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Update(ctx, nil); !errors.Is(err, ErrRefused) || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "no connection") {
		t.Error(err)
	}
	if err := r.Run(ctx); err != nil {
		t.Error(err)
	}
	if _, err := f.Wait(t.Context()); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	if err := r.Sync(t.Context()); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	if err := r.Run(ctx); err == nil {
		t.Error("a second run")
	}
}

// Updates that nobody waits for any more do not fill the memory where the daemon takes
// none.
func TestHungDaemon(t *testing.T) {
	t.Parallel()
	c := spreadtest.New(t, 1)
	x := run(t, c.Addr("a"), Config{Name: "r1", Replicas: three[:1], PendingBytes: 1 << 20})
	x.together(1)
	c.Pause("a")
	data := make([]byte, MaxUpdate)
	refused := 0
	for range 200 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if _, err := x.Update(ctx, data); errors.Is(err, ErrRefused) {
			refused++
		}
		cancel()
	}
	c.Resume("a")
	if refused < 100 {
		t.Errorf("%d of 200 were refused", refused)
	}
	again := time.NewTicker(10 * time.Millisecond) // what waits is sent first
	defer again.Stop()
	for {
		_, err := x.Update(limited(t), []byte("one"))
		if err == nil {
			break
		}
		if !errors.Is(err, ErrRefused) {
			t.Fatal(err)
		}
		<-again.C
	}
}

// Who waits for a replica that ends learns why.
func TestWaitReadyEnds(t *testing.T) {
	t.Parallel()
	r, err := New(Config{Daemon: "nonsense@@", State: "s", Name: "r1", Replicas: []string{"r1"}}, &journal{})
	if err != nil {
		t.Fatal(err)
	}
	waited := make(chan error)
	go func() { waited <- r.WaitReady(limited(t)) }()
	ended := r.Run(limited(t))
	if err := <-waited; ended == nil || err == nil || !strings.Contains(err.Error(), ended.Error()) {
		t.Fatalf("%v, and it has ended with %v", err, ended)
	}
	if err := r.WaitReady(limited(t)); err == nil {
		t.Fatal("ready")
	}
}

// A state whose snapshot cannot be had ends its replica, with the reason.
func TestBrokenState(t *testing.T) {
	t.Parallel()
	c := spreadtest.New(t, 1)
	cfg := Config{Daemon: c.Addr("a"), State: "s", Name: "r1", Replicas: []string{"r1"}, Store: t.TempDir() + "/x", Compact: 1}
	r, err := New(cfg, brokenState{&journal{}})
	if err != nil {
		t.Fatal(err)
	}
	f := r.Submit([]byte("one"))
	if err := r.Run(limited(t)); err == nil || !strings.Contains(err.Error(), "broken on purpose") {
		t.Fatal(err)
	}
	if _, err := f.Wait(limited(t)); err == nil {
		t.Fatal("applied")
	}
}

type brokenState struct{ *journal }

func (brokenState) Snapshot() ([]byte, error) { return nil, errors.New("broken on purpose") }
