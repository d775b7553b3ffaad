package mutants

import (
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gospread/spread/internal/ring"
	"gospread/spread/internal/sim"
)

// Flags of the process that makes the runs of one mutant.
var (
	workFrom = flag.Uint64("from", 0, "of the worker: the first seed")
	workN    = flag.Int("n", 0, "of the worker: how many seeds")
	workLoad = flag.String("load", "", "of the worker: the workload")
	workStop = flag.String("until", "", "of the worker: rules, with blanks between; it stops when all are broken")
)

// finding is what the run of a seed has shown.
type finding struct {
	Seed  uint64
	Rules []string
	Texts []string // the first of each
}

// workloads are the kinds of runs that mutants are looked for in. Each makes a
// plan of a seed.
var workloads = map[string]func(seed uint64) *sim.Plan{
	// What the simulator chooses for itself.
	"any": func(seed uint64) *sim.Plan {
		return sim.Choose(seed, sim.Limits{MinDaemons: 2, MaxDaemons: 6, Duration: 4 * time.Second})
	},
	// A few daemons with much traffic, whose network parts again and again; now
	// and then in the middle of a membership change.
	"parts": func(seed uint64) *sim.Plan {
		p := crowd(seed, 3+int(seed%3))
		p.Faults = []sim.Fault{
			{Kind: sim.Loss, Level: 0.02},
			{Kind: sim.Partition, Every: 500 * time.Millisecond, Length: 300 * time.Millisecond},
			{Kind: sim.Trigger, Every: 150 * time.Millisecond, Length: 300 * time.Millisecond},
		}
		return p
	},
	// The same with daemons that end and start again, and late datagrams.
	"ends": func(seed uint64) *sim.Plan {
		p := crowd(seed, 3+int(seed%3))
		p.Faults = []sim.Fault{
			{Kind: sim.Loss, Level: 0.02},
			{Kind: sim.Duplicate, Level: 0.05},
			{Kind: sim.Late, Level: 0.2},
			{Kind: sim.Crash, Every: 500 * time.Millisecond, Length: 100 * time.Millisecond},
			{Kind: sim.PowerCut, Every: time.Second, Length: 100 * time.Millisecond},
			{Kind: sim.Trigger, Every: 150 * time.Millisecond, Length: 200 * time.Millisecond},
		}
		return p
	},
	// Daemons that lose, reorder and get twice much of what is sent, and are
	// cut from each other in one direction.
	"loss": func(seed uint64) *sim.Plan {
		p := crowd(seed, 3+int(seed%3))
		p.Faults = []sim.Fault{
			{Kind: sim.Loss, Level: 0.05},
			{Kind: sim.Duplicate, Level: 0.05},
			{Kind: sim.Reorder, Level: 0.05},
			{Kind: sim.Burst, Every: 300 * time.Millisecond, Length: 20 * time.Millisecond},
			{Kind: sim.OneWay, Every: 300 * time.Millisecond, Length: 100 * time.Millisecond},
			{Kind: sim.Isolate, Every: 700 * time.Millisecond, Length: 300 * time.Millisecond},
		}
		return p
	},
	// Large packets vanish or are late while the token gets through, and then the
	// membership changes: holes that nobody can fill.
	"holes": func(seed uint64) *sim.Plan {
		p := crowd(seed, 3+int(seed%3))
		p.Datagram, p.Near.Latency = 8900, 500*time.Microsecond
		p.Traffic.Large, p.Traffic.Burst = 0.3, 6
		p.Faults = []sim.Fault{
			{Kind: sim.Loss, Level: 0.05},
			{Kind: sim.BlackHole, Every: 30 * time.Millisecond, Length: 100 * time.Millisecond},
			{Kind: sim.Spike, Every: 200 * time.Millisecond, Length: 50 * time.Millisecond},
			{Kind: sim.Isolate, Every: 300 * time.Millisecond, Length: 150 * time.Millisecond},
			{Kind: sim.Crash, Every: 600 * time.Millisecond, Length: 50 * time.Millisecond},
			{Kind: sim.Trigger, Every: 100 * time.Millisecond, Length: 100 * time.Millisecond},
		}
		return p
	},
	// One attempt at a membership change follows the other, and datagrams of
	// former ones come late.
	"attempts": func(seed uint64) *sim.Plan {
		p := crowd(seed, 3+int(seed%4))
		p.Near.Jitter = time.Millisecond
		p.Faults = []sim.Fault{
			{Kind: sim.Loss, Level: 0.05},
			{Kind: sim.Duplicate, Level: 0.2},
			{Kind: sim.Late, Level: 0.2},
			{Kind: sim.Reorder, Level: 0.2},
			{Kind: sim.Spike, Every: 40 * time.Millisecond, Length: 15 * time.Millisecond},
			{Kind: sim.OneWay, Every: 200 * time.Millisecond, Length: 100 * time.Millisecond},
			{Kind: sim.Crash, Every: 300 * time.Millisecond, Length: 40 * time.Millisecond},
			{Kind: sim.Partition, Every: 400 * time.Millisecond, Length: 200 * time.Millisecond},
			{Kind: sim.Trigger, Every: 30 * time.Millisecond, Length: 100 * time.Millisecond},
		}
		return p
	},
	// Daemons far from each other, so that exchanges take their time, and parts
	// that come together and part again during them.
	"far": func(seed uint64) *sim.Plan {
		n := 3 + int(seed%3)
		p := crowd(seed, n)
		p.Sites, p.Multicast, p.Duration = n, false, 8*time.Second
		p.Far = sim.Path{Latency: 15 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.01}
		p.Traffic.Churn, p.Traffic.Groups, p.Traffic.Every = 0.2, 3, p.Traffic.Every*4
		p.Faults = []sim.Fault{
			{Kind: sim.Partition, Every: time.Second, Length: 800 * time.Millisecond},
			{Kind: sim.Crash, Every: 2 * time.Second, Length: 100 * time.Millisecond},
			{Kind: sim.Trigger, Every: 200 * time.Millisecond, Length: 500 * time.Millisecond},
		}
		return p
	},
	// Few members that come and go.
	"churn": func(seed uint64) *sim.Plan {
		p := crowd(seed, 2+int(seed%2))
		p.Traffic.Clients, p.Traffic.Groups, p.Traffic.Churn, p.Traffic.Burst = 1, 1+int(seed%3), 0.5, 1
		p.Faults = []sim.Fault{
			{Kind: sim.Loss, Level: 0.02},
			{Kind: sim.Partition, Every: 700 * time.Millisecond, Length: 300 * time.Millisecond},
		}
		return p
	},
}

// crowd is a plan of n daemons on a local network with busy clients.
func crowd(seed uint64, n int) *sim.Plan {
	p := sim.Local(n)
	p.Seed, p.Duration = seed, 1500*time.Millisecond
	p.Datagram = []int{1400, 1400, 8900, 576}[seed/3%4]
	p.Traffic = sim.Traffic{Clients: 2, Groups: 2, Burst: 4, Large: 0.05, Safe: 0.3, Churn: 0.06}
	p.Traffic.Every = time.Duration(n) * 30 * time.Millisecond
	if seed%5 == 0 {
		p.Windows = ring.Windows{Global: 20, Personal: 5, Accelerated: 2}
	}
	return p
}

// TestWorker makes runs in a process of its own, in which a mutant is at work. It
// writes a line of JSON for each run that breaks a rule.
func TestWorker(t *testing.T) {
	if *workN == 0 {
		t.Skip("started by other tests only")
	}
	left := strings.Fields(*workStop)
	wait := len(left) > 0
	out := json.NewEncoder(os.Stdout)
	for s := *workFrom; s < *workFrom+uint64(*workN); s++ {
		// A machine that runs in a circle is left to the killer.
		dog := time.AfterFunc(hangs, func() {
			_ = out.Encode(finding{s, []string{"hang"}, []string{"hang: no end of the run"}})
			os.Exit(0)
		})
		r := sim.Run(workloads[*workLoad](s))
		dog.Stop()
		f := finding{Seed: s}
		for _, v := range r.Violations {
			if !slices.Contains(f.Rules, v.Rule) {
				text := v.String()
				f.Rules, f.Texts = append(f.Rules, v.Rule), append(f.Texts, text[:min(len(text), 600)])
			}
		}
		if len(f.Rules) == 0 {
			continue
		}
		if err := out.Encode(f); err != nil {
			t.Fatal(err)
		}
		left = slices.DeleteFunc(left, func(rule string) bool { return slices.Contains(f.Rules, rule) })
		if wait && len(left) == 0 {
			return
		}
	}
}

// hangs is after how long a run of a few seconds of virtual time has no end.
const hangs = 40 * time.Second
