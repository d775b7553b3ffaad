package sim

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	seeds    = flag.Int("seeds", 0, "number of random runs; 0: a few, without a look at coverage")
	seed     = flag.Uint64("seed", 0, "the first seed")
	virtual  = flag.Duration("virtual", 5*time.Second, "virtual time with faults of each run")
	daemons  = flag.String("daemons", "2-12", "number of daemons, or a range")
	traceTo  = flag.String("tracefile", "", "write the trace of the first failing seed to this file (with -seeds 1: of that seed)")
	failures = flag.Int("failures", 3, "stop after so many failing seeds")
	covered  = flag.Bool("covered", true, "with 200 seeds or more: fail if something never comes about")
	damage   = flag.String("damage", "", "break the machines from outside: see damages")
)

// raced tells that the race detector, which takes its time, looks at the runs.
var raced bool

func limits(t *testing.T) Limits {
	var l Limits
	if _, err := fmt.Sscanf(*daemons, "%d-%d", &l.MinDaemons, &l.MaxDaemons); err != nil {
		if _, err = fmt.Sscanf(*daemons, "%d", &l.MinDaemons); err != nil {
			t.Fatalf("-daemons %q: must be a number or a range such as 2-12", *daemons)
		}
		l.MaxDaemons = l.MinDaemons
	}
	if l.MinDaemons < 1 || l.MaxDaemons < l.MinDaemons {
		t.Fatalf("-daemons %q: an empty range", *daemons)
	}
	l.Duration = *virtual
	return l
}

// TestRandom makes random runs. To see one again:
//
//	go test ./internal/sim -run 'TestRandom$' -seeds 1 -seed N -virtual ... -daemons ... -tracefile FILE
func TestRandom(t *testing.T) {
	n := *seeds
	if n == 0 {
		n = 150
		if testing.Short() || raced {
			n = 30
		}
	}
	total := campaign(t, *seed, n, func(s uint64) *Plan {
		p := Choose(s, limits(t))
		p.Damage = *damage
		return p
	})
	missing := total.Missing()
	// So rare that scripts are for them: TestExchangeEndsBehindSignal, TestMoreHolesThanADatagramLists.
	missing = slices.DeleteFunc(missing, func(s string) bool { return s == "FinishedLate" || s == "MoreHoles" })
	if *covered && *seeds >= 200 && len(missing) > 0 {
		t.Errorf("these never came about: %s", strings.Join(missing, ", "))
	}
}

// TestRubbish feeds the machines damaged bytes, as if there were no seal. Nothing
// may panic or hang.
func TestRubbish(t *testing.T) {
	campaign(t, *seed, max(20, *seeds/10), func(s uint64) *Plan {
		p := Choose(s, limits(t))
		p.Rubbish = true
		return p
	})
}

// campaign makes n runs on all processors, and sums up their coverage.
func campaign(t *testing.T, first uint64, n int, plan func(seed uint64) *Plan) *Coverage {
	t.Helper()
	var (
		next   atomic.Uint64
		mu     sync.Mutex
		wg     sync.WaitGroup
		total  Coverage
		done   int
		failed []uint64
		spent  time.Duration
		slowest,
		steps = time.Duration(0), uint64(0)
		begin  = time.Now()
		report = begin
	)
	next.Store(first)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				s := next.Add(1) - 1
				if s >= first+uint64(n) {
					return
				}
				r := runSeed(plan(s), n == 1)
				mu.Lock()
				done++
				total.Add(&r.Seen)
				spent += r.Virtual
				slowest = max(slowest, r.Recovery)
				steps += r.Steps
				if len(r.Violations) > 0 {
					failed = append(failed, s)
					explain(t, r)
				}
				if time.Since(report) > 30*time.Second {
					report = time.Now()
					fmt.Fprintf(os.Stderr, "sim: %d of %d seeds, all below %d begun, %.2f virtual hours in %v, %d failed\n",
						done, n, next.Load(), spent.Hours(), time.Since(begin).Round(time.Second), len(failed))
				}
				enough := len(failed) >= *failures
				mu.Unlock()
				if enough {
					return
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d seeds from %d: %.2f virtual hours in %v, %d events, slowest recovery %v\n%v",
		done, first, spent.Hours(), time.Since(begin).Round(time.Millisecond), steps, slowest, &total)
	if len(failed) > 0 && *traceTo != "" && n > 1 {
		runSeed(plan(failed[0]), true)
	}
	return &total
}

// runSeed makes a run, and writes its trace down if asked to.
func runSeed(p *Plan, trace bool) *Result {
	w := NewWorld(p)
	if trace && *traceTo != "" {
		f, err := os.Create(*traceTo)
		if err != nil {
			panic(err)
		}
		b := bufio.NewWriter(f)
		defer f.Close()
		defer b.Flush()
		fmt.Fprintf(b, "seed %d: %v", p.Seed, p)
		w.Trace(b)
	}
	return finish(w)
}

// explain tells what a seed has shown, and how to see it again.
func explain(t *testing.T, r *Result) {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d violations\n", r.Plan.Seed, len(r.Violations))
	for i, v := range r.Violations {
		if i == 8 {
			b.WriteString("  ...\n")
			break
		}
		text := v.String()
		if len(text) > 1500 && v.Rule != "panic" {
			text = text[:1500] + " ..."
		}
		fmt.Fprintf(&b, "  %s\n", text)
	}
	fmt.Fprintf(&b, "%vrepeat: go test ./internal/sim -run '%s$' -seeds 1 -seed %d -virtual %v -daemons %s -tracefile FILE",
		r.Plan, t.Name(), r.Plan.Seed, *virtual, *daemons)
	t.Error(b.String())
}

// TestSameSeedSameRun: everything derives from the seed.
func TestSameSeedSameRun(t *testing.T) {
	for s := range uint64(12) {
		var hashes [2]uint64
		var lines [2]strings.Builder
		for i := range hashes {
			p := Choose(s, Limits{2, 7, 3 * time.Second})
			w := NewWorld(p)
			w.Hash()
			w.Trace(&lines[i])
			hashes[i] = finish(w).Hash
		}
		if hashes[0] != hashes[1] || lines[0].String() != lines[1].String() {
			t.Fatalf("seed %d: two runs differ%s", s, difference(lines[0].String(), lines[1].String()))
		}
	}
}

func difference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf(" at line %d:\n%s\n%s", i, x[i], y[i])
		}
	}
	return fmt.Sprintf(": %d lines and %d", len(x), len(y))
}

// TestDamage breaks the machines from outside; a run must show it.
func TestDamage(t *testing.T) {
	for _, name := range sortedKeys(damages) {
		found := false
		for s := uint64(0); s < 5 && !found; s++ {
			p := Choose(s, Limits{3, 5, 2 * time.Second})
			p.Damage = name
			found = len(Run(p).Violations) > 0
		}
		if !found {
			t.Errorf("nothing shows that %s is ever sent", strings.TrimPrefix(name, "no "))
		}
	}
}

// TestOneMessageIsNotTooMuch: seed 2107170 sent 92 KB in one message where the plan has
// 5 KB in all, since its window is one packet and its round trip 240 ms.
func TestOneMessageIsNotTooMuch(t *testing.T) {
	p := Choose(2107170, Limits{2, 12, 20 * time.Second})
	if p.Traffic.Most > 10_000 {
		t.Fatal("the seed has become another:", p)
	}
	w := NewWorld(p)
	for range 100_000 {
		if n := w.size(); n > 10_000 {
			t.Fatalf("%d bytes in one message, and %d may be sent in all", n, p.Traffic.Most)
		}
	}
}
