package replog

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// simMachine is a state that is the list of all that was applied.
type simMachine struct {
	w    *world
	s    *simReplica
	list []string
}

func (m *simMachine) Apply(u *Update) []byte {
	if m.w != nil && (string(u.Data) != "data of "+u.ID || !strings.HasPrefix(u.ID, u.Origin+".")) {
		m.w.t.Fatalf("%s applies %q of %s with the data %q", m.s.name, u.ID, u.Origin, u.Data)
	}
	m.list = append(m.list, fmt.Sprintf("%d %s", u.Index, u.ID))
	m.w.check(m)
	return []byte("result of " + u.ID)
}

func (m *simMachine) Snapshot() ([]byte, error) { return []byte(strings.Join(m.list, "\n")), nil }

func (m *simMachine) Merge([][]byte) error { panic("merge") }

func (m *simMachine) Restore(b []byte) error {
	m.list = nil
	if len(b) > 0 {
		m.list = strings.Split(string(b), "\n")
	}
	m.w.check(m)
	return nil
}

// total is what the checks know of all replicas.
type total struct {
	order   []string       // all that was applied by anybody
	ids     map[string]int // its places
	last    map[string]int // counts of the origins
	acked   map[string]bool
	ackedIn []string // in this order
	refused map[string]bool
}

// check looks whether a replica's state is a beginning of the one order.
func (w *world) check(m *simMachine) {
	if w == nil { // of the vectors
		return
	}
	t := w.total
	for i, line := range m.list {
		if i < len(t.order) {
			if t.order[i] != line {
				w.t.Fatalf("%s has applied %q where others have %q", m.s.name, line, t.order[i])
			}
			continue
		}
		var index int
		var id string
		fmt.Sscan(line, &index, &id)
		if _, twice := t.ids[id]; twice {
			w.t.Fatalf("%s was applied twice", id)
		}
		if t.refused[id] {
			w.t.Fatalf("%s was applied and refused", id)
		}
		j := strings.LastIndexByte(id, '.')
		var n int
		fmt.Sscan(id[j+1:], &n)
		if n <= t.last[id[:j]] {
			w.t.Fatalf("%s was applied behind number %d of its origin", id, t.last[id[:j]])
		}
		t.last[id[:j]] = n
		t.ids[id] = i
		t.order = append(t.order, line)
	}
}

func (w *world) sync(s *simReplica) {
	n := 0
	if w.total != nil {
		n = len(w.total.ackedIn)
	}
	s.syncs[w.call(s, "sync")] = n
}

func (w *world) mayForget(s *simReplica) bool {
	n := 0
	for _, o := range w.replicas {
		if o != s && w.stateful(o) {
			n++
		}
	}
	return n >= len(w.replicas)/2+1 || !w.stateful(s)
}

func majorityWorld(t *testing.T, seed uint64, n int) *world {
	w := newWorld(t, seed, n)
	tot := &total{ids: map[string]int{}, last: map[string]int{}, acked: map[string]bool{}, refused: map[string]bool{}}
	w.total = tot
	w.config = func(s *simReplica) Config {
		return Config{
			Name: s.name, Group: simGroup, Replicas: w.names, Durable: s.durable, Pending: 30, PendingBytes: 1 << 20,
			LogEntries: 10, LogBytes: 1 << 20, HeldBytes: 20_000, CompactBytes: 2000, Part: 100,
		}
	}
	w.make = func(s *simReplica) core {
		c := NewMajority(w.config(s), s.machine)
		if err := c.Load(s.disk); err != nil {
			t.Fatalf("%s cannot load: %v", s.name, err)
		}
		return c
	}
	w.stateful = func(s *simReplica) bool {
		c, ok := s.core.(*Majority)
		return ok && c.stateful || s.durable && strings.Contains(kinds(s.disk), "A")
	}
	w.resolved = func(s *simReplica, e Resolve) {
		switch {
		case strings.HasPrefix(e.ID, "sync"):
			if e.Outcome != Applied {
				break
			}
			have := map[string]bool{}
			for _, line := range s.machine.list {
				_, id, _ := strings.Cut(line, " ")
				have[id] = true
			}
			for _, id := range tot.ackedIn[:s.syncs[e.ID]] {
				if !have[id] {
					t.Fatalf("%s has synced and lacks %s, which was acknowledged before", s.name, id)
				}
			}
			w.steps["synced"]++
		case e.Outcome == Applied:
			if _, there := tot.ids[e.ID]; !there {
				t.Fatalf("%s was acknowledged and never applied", e.ID)
			}
			if e.Kept && string(e.Result) != "result of "+e.ID {
				t.Fatalf("%s has the result %q", e.ID, e.Result)
			}
			if !tot.acked[e.ID] {
				tot.acked[e.ID] = true
				tot.ackedIn = append(tot.ackedIn, e.ID)
			}
			w.steps["applied"]++
		case e.Outcome == Refused:
			if _, there := tot.ids[e.ID]; there {
				t.Fatalf("%s was refused and applied", e.ID)
			}
			tot.refused[e.ID] = true
			w.steps["refused"]++
		default:
			w.steps["unknown"]++
		}
	}
	return w
}

// kinds lists the kinds of records.
func kinds(b []byte) (s string) {
	r := &reader{b: b}
	for len(r.b) > 0 {
		s += string(rune(r.number(1)))
		r.bytes()
	}
	return s
}

// stable checks that every part with a majority goes on.
func (w *world) stable() {
	w.t.Helper()
	w.settle()
	for _, p := range w.parts() {
		var here []*simReplica
		with := 0
		for _, s := range w.replicas {
			if s.conn != nil && s.conn.joined && s.conn.daemon.part == p {
				here = append(here, s)
				with += b2i(s.core.(*Majority).stateful)
			}
		}
		ready := with >= len(w.replicas)/2+1 || len(here) == len(w.replicas)
		for _, s := range here {
			if st := s.core.Status(); st.Ready != ready || ready && !st.Current || !ready && st.Reason == "" {
				w.t.Fatalf("%s, one of %d replicas with %d states, is %+v %+v", s.name, len(here), with, st, s.core.(*Majority).view)
			}
			before := w.steps["applied"]
			w.submit(s)
			w.settle()
			if ready && w.steps["applied"] == before {
				w.t.Fatalf("%s: an update in a part with a majority was not applied", s.name)
			}
		}
	}
}

func majorityHistory(t *testing.T, seed uint64) *world {
	w := majorityWorld(t, seed, 1+int(seed%5))
	for _, s := range w.replicas {
		s.durable = seed%3 == 0 || seed%3 == 1 && w.r.IntN(2) == 0
	}
	w.churn = seed%2 == 0
	if seed%4 > 0 {
		w.heal() // else the first start is in the middle of it
	}
	for i := range 40 {
		for range 60 {
			w.step(true)
		}
		if i%10 == 9 {
			w.stable()
		}
	}
	w.heal()
	w.stable()
	tot := w.total
	for _, s := range w.replicas {
		if s.failed != "" {
			t.Fatalf("%s has failed: %s", s.name, s.failed)
		}
		if !slices.Equal(s.machine.list, tot.order) {
			t.Fatalf("%s has applied %d, and %d were", s.name, len(s.machine.list), len(tot.order))
		}
		if st := s.core.Status(); st.Pending > 0 {
			t.Fatalf("%s has still %d updates under way: %+v", s.name, st.Pending, s.core.(*Majority).pend.list[0])
		}
	}
	for id := range tot.acked {
		if _, there := tot.ids[id]; !there {
			t.Fatalf("%s was acknowledged and is lost", id)
		}
	}
	return w
}

func TestMajorityHistories(t *testing.T) {
	n := uint64(3000)
	if testing.Short() {
		n = 300
	}
	if more, err := strconv.ParseUint(os.Getenv(mutantVar), 10, 64); err == nil {
		n = more
	}
	steps := map[string]int{}
	for seed := range n {
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
			for k, v := range majorityHistory(t, seed).steps {
				steps[k] += v
			}
		})
		if !ok {
			return
		}
	}
	t.Log(steps)
	for _, k := range []string{"applied", "refused", "synced", "split", "merge", "crash", "rejoin", "compact"} {
		if steps[k] == 0 {
			t.Errorf("there was never a %s", k)
		}
	}
}

// A replica whose daemon has not noticed yet that the others have gone, and gone on,
// cannot sync with itself.
func TestSyncWhereTheOthersHaveGone(t *testing.T) {
	w := majorityWorld(t, 1, 3)
	w.heal()
	left, other := w.replicas[0], w.replicas[1]
	w.desert(left.conn.daemon.part, left.conn.daemon)
	w.rest()
	w.submit(other)
	w.rest()
	if w.steps["applied"] != 1 || !left.core.Status().Ready {
		t.Fatal("the others do not go on, or it has noticed")
	}
	w.sync(left)
	w.rest()
	if w.steps["synced"] != 0 {
		t.Fatal("it has synced")
	}
	w.heal()
	if w.steps["synced"] != 1 {
		t.Fatal("it has not synced at last")
	}
}

// An epoch that only one replica has heard of is not the epoch in which others go on.
func TestEpochOfOneAlone(t *testing.T) {
	w := majorityWorld(t, 1, 3)
	w.harsh = true
	w.heal()
	w.submit(w.replicas[0])
	w.settle()
	one, two, three := w.replicas[0], w.replicas[1], w.replicas[2]
	everything := func(s *simReplica, d *simDaemon) {
		for d.sequence() || w.deliver(d) || w.handle(s) || w.work(s) {
		}
	}
	d := three.conn.daemon
	d.queue = append(d.queue, &simMessage{from: d, sender: three.conn.name, kind: "leave"}, &simMessage{from: d, sender: three.conn.name, kind: "join"})
	for range 2 {
		d.sequence()
		for _, s := range w.replicas {
			w.deliver(s.conn.daemon)
		}
	}
	for _, s := range w.replicas { // all say what they have
		for w.handle(s) || w.work(s) || s.conn.daemon.sequence() {
		}
	}
	if one.conn.daemon == two.conn.daemon || one.conn.daemon == three.conn.daemon {
		t.Fatal("choose another seed")
	}
	everything(one, one.conn.daemon) // and one hears it
	for range 3 {
		w.submit(one)
		everything(one, one.conn.daemon)
		w.call(one, "flush")
	}
	w.separate(one.conn.daemon.part, []*simDaemon{one.conn.daemon}, false)
	w.settle()
	before := w.steps["applied"]
	w.submit(two)
	w.settle()
	if w.steps["applied"] != before+1 {
		t.Fatal("two do not go on")
	}
	w.heal()
	w.stable()
}
