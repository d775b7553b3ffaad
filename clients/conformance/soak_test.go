package conformance

import (
	"slices"
	"testing"
	"time"
)

// TestSoak keeps each language busy, with traffic in both directions, large
// messages, views, refusals and new connections, and sees that the memory of its driver
// stays what it is.
func TestSoak(t *testing.T) {
	if *soakFlag <= 0 {
		t.Skip("give -soak DURATION")
	}
	for _, l := range suite.languages {
		t.Run(l.Language, func(t *testing.T) {
			t.Parallel()
			l.ready(t)
			suite.reference.ready(t)
			soak(t, l)
		})
	}
}

// soakPace is the least time of a round: all clients at once shall not keep each other
// from their turns.
const soakPace = 200 * time.Millisecond

// soakRound is what is played again and again.
var soakRound = []object{
	{"op": "multicast", "c": "a", "groups": []any{"g"}, "data_size": 100.0, "repeat": 500.0},
	{"op": "multicast", "c": "b", "service": "fifo", "groups": []any{"g"}, "data_size": 300.0, "repeat": 500.0},
	{"op": "multicast", "c": "b", "groups": []any{"g"}, "data_size": 100_000.0, "repeat": 5.0},
	{"op": "drain", "c": "a", "count": 1005.0},
	{"op": "drain", "c": "b", "count": 1005.0},
	{"op": "connect", "c": "n"},
	{"op": "join", "c": "n", "group": "g"},
	{"op": "receive", "c": "n"},
	{"op": "leave", "c": "n", "group": "g"},
	{"op": "receive", "c": "n"},
	{"op": "disconnect", "c": "n"},
}

func soak(t *testing.T, l *language) {
	d := startDaemons(t, &scenario{Daemons: 1}, nil)[0]
	crew := newCrew(t)
	subject, err := crew.get("", l)
	if err != nil {
		t.Fatal(err)
	}
	peer, err := crew.get("peer", suite.reference)
	if err != nil {
		t.Fatal(err)
	}
	do := func(step object) {
		to := subject
		if step["c"] == "b" {
			to = peer
		}
		if step["op"] == "connect" {
			step["daemon"] = d.tcp()
		}
		if _, err := mustOK(t, to, step); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "b"} {
		do(object{"op": "connect", "c": name, "name": name})
		do(object{"op": "join", "c": name, "group": "g"})
	}
	for range 2 { // a's view of each join: b is there before anything is sent
		do(object{"op": "receive", "c": "a"})
	}
	var samples []int // MiB, one for each part of the time
	const parts = 20
	start := time.Now()
	rounds := 0
	pace := time.NewTicker(soakPace)
	defer pace.Stop()
	for part := range parts {
		most := 0
		for time.Since(start) < *soakFlag*time.Duration(part+1)/parts {
			for _, step := range soakRound {
				do(step)
			}
			rounds++
			<-pace.C
			most = max(most, presentMemory(subject))
		}
		samples = append(samples, most>>10)
	}
	t.Logf("%s: %d rounds, memory of the driver in MiB: %v", l.Language, rounds, samples)
	early, late := slices.Max(samples[parts/4:parts/2]), slices.Max(samples[parts*3/4:])
	if late > early+early/10+4 {
		t.Errorf("the memory of the driver grows: %d MiB in the second quarter, %d in the last", early, late)
	}
}
