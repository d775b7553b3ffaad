// Package mutants shows that the simulator and the checker find faults: each entry
// of its tables breaks one thing in the machines, and a run must break the rule
// that is named. docs/mutants.md is the table for readers.
//
// Nothing of it is in the machines: copies of the sources with all mutants in
// them are compiled by go build -overlay, and an environment variable says which
// of them is at work.
package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	all    = flag.Bool("all", false, "look at -wide seeds of each workload, and tell which rules each mutant breaks, how often and first with which seed")
	wide   = flag.Int("wide", 3000, "with -all: number of seeds")
	loads  = flag.String("loads", "any parts ends loss holes attempts far churn", "with -all: the workloads")
	mutant = flag.String("mutant", "", "only mutants whose number and name match this regular expression")
)

// fault is a mutant.
type fault struct {
	name  string // what is broken
	edits []edit
	// rules are those that it breaks in the workload, all within the first so many
	// seeds. With each is the first seed that showed it when the table was made.
	rules  string
	load   string
	within int
	// script is a test of sim or mutants that fails with it, such as sim.TestForm.
	script string
	// why nothing shows it, of one that survives.
	why string
}

// faults are all mutants.
func faults() []fault { return slices.Concat(orderFaults, changeFaults, groupFaults) }

// wanted tells whether a flag chooses mutant number n.
func wanted(n int, f *fault) bool {
	return regexp.MustCompile(*mutant).MatchString(fmt.Sprint(n, " ", f.name))
}

// binaries are test binaries with all mutants in them: the worker, and the
// simulator's own.
type binaries struct{ worker, scripts string }

// build compiles them.
func build(t *testing.T) (b binaries) {
	t.Helper()
	dir := t.TempDir()
	o := newOverlay()
	for i, f := range faults() {
		if err := o.add(i+1, f.edits); err != nil {
			t.Errorf("mutant %q: %v", f.name, err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	file, err := o.write(dir)
	if err != nil {
		t.Fatal(err)
	}
	compile := func(room, name string) string {
		binary := filepath.Join(dir, name)
		cmd := exec.Command("go", "test", "-c", "-vet=off", "-overlay", file, "-o", binary, room)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("the mutants do not compile; mutant_N is the N-th of the tables: %v\n%s", err, out)
		}
		return binary
	}
	return binaries{compile(".", "worker.exe"), compile("../sim", "scripts.exe")}
}

// play runs a script with a mutant, 0 for none, and tells whether it has failed.
func play(t *testing.T, b binaries, number int, script string) (failed bool, out string) {
	t.Helper()
	room, name, _ := strings.Cut(script, ".")
	binary := b.worker
	if room == "sim" {
		binary = b.scripts
	}
	cmd := exec.CommandContext(t.Context(), binary, "-test.run=^"+name+"$", "-test.short", "-test.timeout=5m", "-test.v")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", environment, number))
	cmd.Dir = "../" + room
	text, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Errorf("%s: %v", script, err)
	}
	if !bytes.Contains(text, []byte("=== RUN   "+name+"\n")) {
		t.Errorf("there is no %s", script)
	}
	return err != nil, string(text)
}

// work makes runs with a mutant, 0 for none, and returns those that break a rule.
func work(t *testing.T, b binaries, number int, load string, from uint64, n int, until string) (found []finding) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.worker, "-test.run=^TestWorker$", "-test.timeout=0", "-load", load, "-from", fmt.Sprint(from), "-n", fmt.Sprint(n), "-until", until)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", environment, number), "GOMAXPROCS=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	d := json.NewDecoder(bytes.NewReader(out))
	for {
		var f finding
		if d.Decode(&f) != nil {
			break // the last words are of package testing
		}
		found = append(found, f)
	}
	if err != nil {
		// What the simulator cannot catch, such as a stack that overflows.
		found = append(found, finding{Rules: []string{"panic"}, Texts: []string{"panic: " + err.Error() + " " + tail(stderr.String())}})
	}
	return found
}

func tail(s string) string { return s[max(0, len(s)-400):] }

// together runs jobs, two at a time.
func together(n int, job func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range 2 {
		wg.Go(func() {
			for i := range next {
				job(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// brokenAt is the first seed that breaks a rule.
func brokenAt(found []finding, rule string) (f finding, ok bool) {
	i := slices.IndexFunc(found, func(f finding) bool { return slices.Contains(f.Rules, rule) })
	if i < 0 {
		return f, false
	}
	return found[i], true
}

// TestMutants lets every mutant loose. What it is said to break must break within
// the stated number of seeds, and must not break in the same runs without it.
func TestMutants(t *testing.T) {
	if *workN > 0 {
		t.Skip("this is a worker")
	}
	b := build(t)
	list := faults()
	var mu sync.Mutex
	if *all {
		survey(t, b, list, &mu)
		return
	}
	last := make(map[string]map[uint64]bool) // by workload, the seeds that were needed
	scripts := make(map[string]bool)         // and the scripts
	together(len(list), func(i int) {
		f := &list[i]
		switch {
		case !wanted(i+1, f):
			return
		case f.script != "":
			if failed, _ := play(t, b, i+1, f.script); !failed {
				t.Errorf("mutant %q: %s does not fail", f.name, f.script)
			}
			mu.Lock()
			defer mu.Unlock()
			scripts[f.script] = true
			return
		case f.rules == "":
			return
		}
		var until []string
		for _, b := range f.breaks() {
			until = append(until, b.rule)
		}
		found := work(t, b, i+1, f.load, 0, f.within, strings.Join(until, " "))
		mu.Lock()
		defer mu.Unlock()
		for _, rule := range until {
			at, ok := brokenAt(found, rule)
			if !ok {
				t.Errorf("mutant %q: %d seeds of %q do not show %s, only:\n%s"+
					"Find seeds that do: go test ./internal/mutants -run TestMutants -all -mutant %q",
					f.name, f.within, f.load, rule, summary(found), f.name)
				continue
			}
			if last[f.load] == nil {
				last[f.load] = make(map[uint64]bool)
			}
			last[f.load][at.Seed] = true
			t.Logf("%-5s seed %d, within %d of %q: %s", rule, at.Seed, f.within, f.load, f.name)
		}
	})
	control(t, b, last)
	for script := range scripts {
		if failed, out := play(t, b, 0, script); failed {
			t.Errorf("without any mutant, %s fails:\n%s", script, tail(out))
		}
	}
}

// control makes the runs that have shown a mutant without one.
func control(t *testing.T, b binaries, seeds map[string]map[uint64]bool) {
	type run struct {
		load string
		seed uint64
	}
	var runs []run
	for load, set := range seeds {
		for s := range set {
			runs = append(runs, run{load, s})
		}
	}
	var mu sync.Mutex
	together(len(runs), func(i int) {
		found := work(t, b, 0, runs[i].load, runs[i].seed, 1, "")
		mu.Lock()
		defer mu.Unlock()
		for _, f := range found {
			t.Errorf("without any mutant, seed %d of %q shows %q", f.Seed, runs[i].load, f.Texts)
		}
	})
	t.Logf("%d of these runs are all well without a mutant", len(runs))
}

// survey tells what each mutant breaks in a large number of runs.
func survey(t *testing.T, b binaries, list []fault, mu *sync.Mutex) {
	together(len(list)+1, func(i int) {
		name := "no mutant"
		if i > 0 {
			name = list[i-1].name
			if !wanted(i, &list[i-1]) {
				return
			}
		}
		for load := range strings.FieldsSeq(*loads) {
			begin := time.Now()
			found := work(t, b, i, load, 0, *wide, "")
			mu.Lock()
			fmt.Fprintf(os.Stderr, "%d %s: %d of %d seeds of %q fail (%v)\n%s", i, name, len(found), *wide, load, time.Since(begin).Round(time.Second), summary(found))
			mu.Unlock()
		}
	})
}

// summary tells for each rule how many seeds break it, and the first of them.
func summary(found []finding) string {
	type line struct {
		rule, text string
		n          int
		first      uint64
	}
	var lines []*line
	for _, f := range found {
		for i, rule := range f.Rules {
			k := slices.IndexFunc(lines, func(l *line) bool { return l.rule == rule })
			if k < 0 {
				k = len(lines)
				lines = append(lines, &line{rule: rule, text: f.Texts[i], first: f.Seed})
			}
			lines[k].n++
		}
	}
	slices.SortFunc(lines, func(a, b *line) int { return b.n - a.n })
	var b strings.Builder
	for _, l := range lines {
		text, _, _ := strings.Cut(l.text, "\n")
		fmt.Fprintf(&b, "  %-6s %d seeds, first %d: %.160s\n", l.rule, l.n, l.first, text)
	}
	return b.String()
}
