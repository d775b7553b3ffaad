package ring

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gospread/spread/internal/ringproto"
)

// epochWith is a configuration of these daemons.
func epochWith(digest uint32, ids ...DaemonID) Epoch {
	e := Epoch{Digest: digest}
	for _, id := range ids {
		e.Peers = append(e.Peers, Peer{ID: id})
	}
	return e
}

// startWith starts a daemon that has read a configuration.
func (w *net) startWith(id DaemonID, e Epoch) {
	o := Options{Self: id, Incarnation: uint32(1000 + w.now/time.Second), Datagram: w.datagram, Peers: e.Peers, Digest: e.Digest}
	w.nodes[id] = &node{Machine: New(o, w.now)}
	w.turn(id)
}

// of has the daemon offer a configuration.
func (w *net) offer(e Epoch, ids ...DaemonID) {
	for _, id := range ids {
		w.nodes[id].Offer(e)
		w.turn(id)
	}
}

const first, second, third = 0x5eed, 0xbeef, 0xcafe

func (w *net) inForce(digest uint32, ids ...DaemonID) func() bool {
	return func() bool {
		return !slices.ContainsFunc(ids, func(id DaemonID) bool { return w.nodes[id].epoch.Digest != digest })
	}
}

// share tells whether these, and nobody else, share a configuration. The order of an
// epoch that has come into force since holds from the next one on.
func (w *net) share(ids ...DaemonID) bool {
	want := slices.Sorted(slices.Values(ids))
	for _, id := range ids {
		n := w.nodes[id]
		if n.state != operational || n.config.ID != w.nodes[ids[0]].config.ID || !slices.Equal(slices.Sorted(slices.Values(n.config.Members)), want) {
			return false
		}
	}
	return true
}

func TestEpochAdds(t *testing.T) {
	w := newNet(t, 4)
	old, more := epochWith(first, 1, 2, 3), epochWith(second, 1, 2, 3, 4)
	for _, id := range []DaemonID{1, 2, 3} {
		w.startWith(id, old)
	}
	w.run(time.Second, w.together(1, 2, 3))
	w.startWith(4, more)
	w.offer(more, 1, 2)
	w.run(time.Second, nil)
	if !w.inForce(first, 1, 2, 3)() || !w.together(1, 2, 3)() {
		t.Fatal("it is in force without the third:", w.states())
	}
	before := w.changes(2)
	w.offer(more, 3)
	w.run(time.Second, w.inForce(second, 1, 2, 3))
	w.run(2*time.Second, w.together(1, 2, 3, 4))
	if n := w.changes(2) - before; n != 1 {
		t.Errorf("%d changes", n)
	}
}

func TestEpochRemoves(t *testing.T) {
	w := newNet(t, 3)
	old, less := epochWith(first, 1, 2, 3), epochWith(second, 2, 3)
	for _, id := range w.ids {
		w.startWith(id, old)
	}
	w.run(time.Second, w.together(1, 2, 3))
	w.offer(less, 3)
	w.run(100*time.Millisecond, nil)
	w.submit(2, Safe, "still three")
	w.run(time.Second, w.got(1, 1, 2, 3))
	w.offer(less, 2)
	w.run(2*time.Second, w.together(2, 3))
	w.run(3*time.Second, w.together(1))
}

// A leave of a daemon that was taken out and put back may come long after.
func TestLateLeave(t *testing.T) {
	w := newNet(t, 3)
	old, less := epochWith(first, 1, 2, 3), epochWith(second, 1, 2)
	for _, id := range w.ids {
		w.startWith(id, old)
	}
	w.run(time.Second, w.together(1, 2, 3))
	var late []flight
	w.drop = func(from, to DaemonID, b []byte) bool {
		if kindOf(b) == ringproto.Leave && to == 3 {
			late = append(late, flight{to: to, from: from, data: slices.Clone(b)})
			return true
		}
		return false
	}
	w.offer(less, 1, 2)
	w.run(2*time.Second, w.together(1, 2))
	w.offer(old, 1, 2)
	w.run(5*time.Second, func() bool { return w.share(1, 2, 3) })
	if len(late) == 0 {
		t.Fatal("nobody has taken leave of the one that was taken out")
	}
	before := w.changes(3)
	for _, f := range late {
		f.at = w.now
		heap.Push(&w.queue, f)
	}
	w.run(2*time.Second, nil)
	if !w.share(1, 2, 3) || w.changes(3) != before {
		t.Errorf("it ends the membership: %v", w.states())
	}
}

// The coordinator of an attempt reads a new configuration after it has proposed, and
// the others are in that when they answer.
func TestOfferInAttempt(t *testing.T) {
	w := newNet(t, 3)
	old, more := epochWith(first, 1, 2, 3), epochWith(second, 1, 2, 3, 4)
	w.drop = func(from, to DaemonID, _ []byte) bool { return (from == 1) != (to == 1) }
	for _, id := range w.ids {
		w.startWith(id, old)
	}
	w.run(5*time.Second, func() bool { return w.together(1)() && w.together(2, 3)() })
	proposed := false
	w.drop = func(from, _ DaemonID, b []byte) bool {
		held := from == 1 && kindOf(b) == ringproto.Propose
		proposed = proposed || held
		return held
	}
	w.run(5*time.Second, func() bool { return proposed })
	w.offer(more, 2, 3)
	w.run(time.Second, w.inForce(second, 2, 3))
	if w.nodes[1].coord == nil || len(w.nodes[1].coord.group) != 3 {
		t.Fatal("the attempt is over:", w.states())
	}
	w.offer(more, 1)
	w.drop = nil
	attempts := w.nodes[1].counts.Attempts
	w.run(time.Second, func() bool { return w.share(1, 2, 3) })
	if n := w.nodes[1].counts.Attempts - attempts; n != 0 {
		t.Errorf("%d new attempts", n)
	}
	if !w.share(1, 2, 3) || !w.inForce(second, 1, 2, 3)() {
		t.Error("they are not together:", w.states())
	}
}

func TestEpochTakenBack(t *testing.T) {
	w := newNet(t, 3)
	old, less := epochWith(first, 1, 2, 3), epochWith(second, 1, 2)
	for _, id := range w.ids {
		w.startWith(id, old)
	}
	w.run(time.Second, w.together(1, 2, 3))
	w.offer(less, 1)
	w.run(100*time.Millisecond, nil)
	w.offer(old, 1)
	w.run(100*time.Millisecond, nil)
	w.offer(less, 2)
	w.run(time.Second, nil)
	if !w.inForce(first, 1, 2, 3)() || !w.together(1, 2, 3)() {
		t.Error("what was taken back is in force:", w.states())
	}
}

// Offers come at any time and in any order, also while daemons are cut off, die and
// begin anew; when all who are there offer the same, it comes into force, and they
// are together.
func TestEpochsConverge(t *testing.T) {
	seeds := 300
	if testing.Short() {
		seeds = 40
	}
	all := []Epoch{epochWith(first, 1, 2, 3, 4), epochWith(second, 1, 2, 3, 4, 5), epochWith(third, 5, 2, 4, 1)}
	for seed := range uint64(seeds) {
		rng := rand.New(rand.NewPCG(seed, 21))
		w := newNet(t, 5)
		cut := DaemonID(0)
		w.drop = func(a, b DaemonID, _ []byte) bool { return cut != 0 && (a == cut) != (b == cut) || rng.IntN(100) == 0 }
		knows := func(e Epoch, id DaemonID) bool {
			return slices.ContainsFunc(e.Peers, func(p Peer) bool { return p.ID == id })
		}
		for _, id := range []DaemonID{1, 2, 3, 4} {
			w.startWith(id, all[0])
		}
		w.run(time.Duration(rng.IntN(300))*time.Millisecond, nil)
		for range 12 {
			id, e := w.ids[rng.IntN(5)], all[rng.IntN(3)]
			n := w.nodes[id]
			switch k := rng.IntN(6); {
			case k < 3:
				if n != nil && !n.down && knows(e, id) {
					w.offer(e, id)
				}
			case k == 3:
				cut = DaemonID(rng.IntN(6))
			case k == 4:
				if n != nil {
					n.down = true
				}
			case n == nil || n.down:
				if knows(e, id) {
					w.run(time.Second, nil) // for a new incarnation
					w.startWith(id, e)
				}
			}
			w.run(time.Duration(rng.IntN(400))*time.Millisecond, nil)
			if rng.IntN(2) == 0 {
				if x := w.nodes[1+DaemonID(rng.IntN(5))]; x != nil && !x.down {
					w.submit(x.self.id, Safe, fmt.Sprint(w.now))
				}
			}
		}
		cut = 0
		last := all[rng.IntN(3)]
		var want []DaemonID
		for _, p := range last.Peers {
			n := w.nodes[p.ID]
			if n == nil || n.down {
				continue
			}
			w.offer(last, p.ID)
			want = append(want, p.ID)
		}
		for _, id := range w.ids { // operators stop those who are not in it
			if n := w.nodes[id]; n != nil && !n.down && !knows(last, id) {
				n.down = true
			}
		}
		if len(want) == 0 {
			continue
		}
		for range 30 {
			w.run(time.Second, nil)
		}
		if !w.inForce(last.Digest, want...)() || !w.share(want...) {
			for _, id := range want {
				n := w.nodes[id]
				t.Logf("%d: in %x, offers %x, offered in its ring %x", id, n.epoch.Digest, n.offered(), n.ring.offers)
			}
			t.Fatalf("seed %d: %x for %v: %s", seed, last.Digest, want, w.states())
		}
	}
}
