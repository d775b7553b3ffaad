package workqueue

import (
	"flag"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

var soak = flag.Duration("soak", 5*time.Second, "how long TestFaults makes faults")

// Daemons are killed, the network parts, Python workers are killed, while jobs are
// submitted everywhere: each is done, and all workers hold the same table in the end.
func TestFaults(t *testing.T) {
	need(t, "python3")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, which decides the faults, not what they meet", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	names := []string{"a", "b", "c", "d"}
	c := cluster(t, len(names))
	goWorkers := []*running{
		run(t, c.Addr("a"), reverse, &WorkerOptions{Capacity: 2, Patience: time.Second}),
		run(t, c.Addr("c"), reverse, &WorkerOptions{Capacity: 2, Patience: time.Second}),
	}
	python := map[string]*process{"b": pythonWorker(t, c.Addr("b")), "d": pythonWorker(t, c.Addr("d"))}

	stop := make(chan struct{})
	var submitters sync.WaitGroup
	t.Cleanup(submitters.Wait)
	progress := make(chan int, 100_000) // one more job was done
	done := 0
	more := func(n int) { // waits for so many
		ctx := limited(t)
		for range n {
			select {
			case <-progress:
				done++
			case <-ctx.Done():
				t.Fatalf("nothing is done any more, after %d jobs", done)
			}
		}
	}
	for _, d := range names {
		s := submitter(t, c.Addr(d), &SubmitterOptions{poll: time.Second})
		for range 10 {
			submitters.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					p := []byte(d + label(i))
					j, err := s.SubmitAsync(t.Context(), p, WithMaxAttempts(1000))
					if err != nil {
						t.Error(err)
						return
					}
					want := reversed(p)
					b, err := j.Wait(t.Context())
					if err != nil || string(b) != string(want) {
						t.Errorf("%s: %q, %v", p, b, err)
						return
					}
					select {
					case progress <- 1:
					default:
					}
				}
			})
		}
	}
	for end := time.Now().Add(*soak); time.Now().Before(end) && !t.Failed(); {
		more(len(progress)) // count from here
		d := names[r.IntN(len(names))]
		others := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == d })
		r.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
		n := 1 + r.IntN(len(others)-1)
		lasts := r.IntN(2) == 0 // until all know of it
		switch r.IntN(3) {
		case 0:
			c.Kill(d)
			if lasts {
				c.WaitForView(limited(t), others...)
				more(r.IntN(50))
			}
			c.Restart(d)
		case 1:
			one, two := append(others[:n:n], d), others[n:]
			c.Partition(one, two)
			if lasts {
				c.WaitForView(limited(t), one...)
				c.WaitForView(limited(t), two...)
				more(r.IntN(50))
			}
			c.Heal()
		case 2:
			if p := python[d]; p != nil {
				p.kill()
				more(r.IntN(50))
				python[d] = pythonWorker(t, c.Addr(d))
			}
		}
		more(r.IntN(100))
	}
	close(stop)
	submitters.Wait()
	more(len(progress))
	t.Logf("%d jobs", done)
	s := submitter(t, c.Addr("a"), nil)
	waitWorkers(t, s, 4)
	waitEqual(t, goWorkers[0], goWorkers[1], python["b"], python["d"])
}
