package seal

import (
	"math/rand/v2"
	"testing"
)

func TestWindowEdges(t *testing.T) {
	var w window
	for _, step := range []struct {
		counter uint32
		want    bool
	}{
		{0, true}, {0, false},
		{2, true}, {1, true}, {1, false}, {2, false},
		{windowSize, true}, // 0 falls out, 1 and 2 are the last that are remembered
		{0, false}, {1, false}, {2, false}, {3, true},
		{windowSize + 3, true}, {3, false}, {4, true}, {4, false},
		{3*windowSize + 5, true}, // all others fall out
		{windowSize + 3, false}, {2*windowSize + 5, false}, {2*windowSize + 6, true}, {2*windowSize + 6, false},
		{epochSize - 1, true}, {epochSize - 1, false}, {epochSize - windowSize, true}, {epochSize - windowSize - 1, false},
		{1<<32 - 1, true}, {1<<32 - 1, false}, {0, false},
	} {
		if got := w.take(step.counter); got != step.want {
			t.Fatalf("counter %d: %v, want %v", step.counter, got, step.want)
		}
	}
}

// TestWindowModel compares with a set of all that has come.
func TestWindowModel(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var w window
		seen := make(map[uint32]bool)
		high := -1
		for range 20000 {
			var c int
			switch r := rnd.IntN(100); {
			case r < 60:
				c = high + 1
			case r < 70:
				c = high + rnd.IntN(200)
			case r < 71:
				c = high + rnd.IntN(2*windowSize)
			case r < 85:
				c = high - rnd.IntN(200)
			default:
				c = high - windowSize + rnd.IntN(130) - 65
			}
			c = max(c, 0)
			want := !seen[uint32(c)] && c > high-windowSize
			if got := w.take(uint32(c)); got != want {
				t.Fatalf("seed %d: counter %d with highest %d: %v, want %v", seed, c, high, got, want)
			}
			seen[uint32(c)] = seen[uint32(c)] || want
			high = max(high, c)
		}
	}
}
