package replog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// setMachine is a state that is a set: what was applied, with the number of times.
type setMachine struct {
	t      *testing.T
	have   map[string]bool
	merges int
}

func (m *setMachine) Apply(u *Update) []byte {
	if m.have[u.ID] {
		m.t.Fatalf("%s is applied twice", u.ID)
	}
	m.have[u.ID] = true
	return []byte("result of " + u.ID)
}

func (m *setMachine) Snapshot() ([]byte, error) {
	return []byte(strings.Join(slices.Sorted(maps.Keys(m.have)), " ")), nil
}

func (m *setMachine) Restore(b []byte) error {
	m.have = map[string]bool{}
	return m.add(b)
}

func (m *setMachine) add(b []byte) error {
	for id := range strings.FieldsSeq(string(b)) {
		m.have[id] = true
	}
	return nil
}

func (m *setMachine) Merge(parts [][]byte) error {
	m.merges++
	m.have = map[string]bool{}
	for _, b := range parts {
		_ = m.add(b)
	}
	return nil
}

func everywhereWorld(t *testing.T, seed uint64, n int) (w *world, machines map[*simReplica]*setMachine, acked map[string]bool) {
	w = newWorld(t, seed, n)
	machines, acked = map[*simReplica]*setMachine{}, map[string]bool{}
	w.make = func(s *simReplica) core {
		machines[s] = &setMachine{t: t, have: map[string]bool{}}
		return NewEverywhere(w.config(s), machines[s])
	}
	w.config = func(s *simReplica) Config {
		return Config{Name: s.name, Group: simGroup, Pending: 30, PendingBytes: 1 << 20, HeldBytes: 20_000, Part: 100}
	}
	w.resolved = func(s *simReplica, e Resolve) {
		switch {
		case strings.HasPrefix(e.ID, "sync"):
			w.steps["synced"]++
		case e.Outcome == Applied && machines[s].have[e.ID] && (!e.Kept || string(e.Result) == "result of "+e.ID):
			acked[e.ID] = true
			w.steps["applied"]++
		case e.Outcome == Refused && e.Reason == busy:
		default:
			t.Fatalf("%s: %+v", s.name, e)
		}
	}
	w.stateful = func(*simReplica) bool { return false }
	return w, machines, acked
}

// alike checks that each part goes on, and that all of a part have the same state.
func alike(w *world, machines map[*simReplica]*setMachine) {
	w.t.Helper()
	w.settle()
	for _, p := range w.parts() {
		var first *simReplica
		for _, s := range w.replicas {
			if s.conn == nil || !s.conn.joined || s.conn.daemon.part != p {
				continue
			}
			if st := s.core.Status(); !st.Ready || !st.Current || st.Pending > 0 {
				w.t.Fatalf("%s: %+v %+v", s.name, st, s.core.(*Everywhere).view)
			}
			if first == nil {
				first = s
			}
			a, b := machines[first], machines[s]
			if !maps.Equal(a.have, b.have) || first.core.(*Everywhere).lineage != s.core.(*Everywhere).lineage {
				w.t.Fatalf("%s and %s differ: %v %v", first.name, s.name, len(a.have), len(b.have))
			}
		}
	}
}

func TestEverywhereHistories(t *testing.T) {
	n := uint64(2000)
	if testing.Short() {
		n = 200
	}
	steps := map[string]int{}
	merges := 0
	for seed := range n {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w, machines, acked := everywhereWorld(t, seed, 1+int(seed%5))
			w.lasting = seed%2 == 0 // what only a crashed one has is lost
			for i := range 30 {
				for range 60 {
					w.step(true)
				}
				if i%10 == 9 {
					alike(w, machines)
				}
			}
			w.heal()
			alike(w, machines)
			for id := range acked {
				if !machines[w.replicas[0]].have[id] && w.lasting {
					t.Fatalf("%s was acknowledged and is lost", id)
				}
			}
			for k, v := range w.steps {
				steps[k] += v
			}
			for _, m := range machines {
				merges += m.merges
			}
		})
		if t.Failed() {
			return
		}
	}
	t.Log(steps, merges)
	if steps["applied"] == 0 || steps["synced"] == 0 || steps["merge"] == 0 || merges == 0 {
		t.Error("there was too little of something")
	}
}

// A replica that was only away, and its part that did nothing, is not merged but
// brought up to date.
func TestEverywhereCatchesUp(t *testing.T) {
	w, machines, _ := everywhereWorld(t, 1, 3)
	w.heal()
	a, b := w.replicas[0], w.replicas[1]
	w.submit(a)
	w.settle()
	w.drop(b)
	w.settle()
	w.submit(a)
	w.settle()
	w.heal()
	alike(w, machines)
	if len(machines[b].have) != 2 || machines[a].merges+machines[b].merges > 0 {
		t.Fatal(machines[b])
	}
}
