package ring

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gospread/spread/internal/ringproto"
	"gospread/spread/internal/seqset"
)

// sites makes two segments of three daemons, the first and the last three.
func sites(w *net) {
	w.segments = map[DaemonID]int{4: 1, 5: 1, 6: 1}
}

// Data crosses to another segment once, and its members acknowledge it to who sent it.
func TestRelay(t *testing.T) {
	w := running(t, 6, sites)
	across, near := make(map[DaemonID]int), 0
	w.drop = func(a, b DaemonID, data []byte) bool {
		if kindOf(data) == ringproto.Data {
			if w.segment(a) != w.segment(b) {
				across[b]++
			} else {
				near++
			}
		}
		return false
	}
	w.submit(2, Safe, "from afar")
	w.run(time.Second, w.got(1, w.ids...))
	if len(across) != 1 || across[4] != 1 || near != 4 {
		t.Errorf("across to each: %v; within segments: %d", across, near)
	}
	for i := range 30 {
		for _, id := range w.ids {
			w.submit(id, Agreed, fmt.Sprint(id, i))
		}
	}
	w.run(time.Second, w.got(1+30*6, w.ids...))
	for _, id := range w.ids {
		if c := w.nodes[id].counts; c.Asked > 0 || c.Installed != 1 {
			t.Errorf("%d has asked %d times for packets, and installed %d configurations", id, c.Asked, c.Installed)
		}
	}
	if w.nodes[1].counts.Relayed == 0 || w.nodes[4].counts.Relayed == 0 || w.nodes[5].counts.Relayed != 0 {
		t.Error("passed on:", w.nodes[1].counts.Relayed, w.nodes[4].counts.Relayed, w.nodes[5].counts.Relayed)
	}
}

// Whoever has got data through another daemon knows where the token is, and asks
// there for it.
func TestRelayShowsTheToken(t *testing.T) {
	w := running(t, 6, sites)
	w.submit(2, Agreed, "the token goes to two")
	w.run(time.Second, w.got(1, w.ids...))
	to := make(map[DaemonID]bool)
	w.drop = func(a, b DaemonID, data []byte) bool {
		if kindOf(data) == ringproto.Wake {
			to[b] = true
		}
		return false
	}
	w.submit(6, Agreed, "and to six")
	w.run(time.Second, w.got(2, w.ids...))
	if len(to) != 1 || !to[2] {
		t.Errorf("6 has asked %v for the token", to)
	}
}

// Where what is passed on gets lost, or who should do it has died, others are asked.
func TestRelayLost(t *testing.T) {
	for _, dead := range []bool{false, true} {
		w := running(t, 6, sites)
		w.drop = func(a, b DaemonID, data []byte) bool {
			h, _ := ringproto.ParseHeader(data)
			return h.Flags&ringproto.Relayed != 0
		}
		w.submit(1, Safe, "lost on its way")
		w.nodes[4].down = dead
		rest := []DaemonID{1, 2, 3, 5, 6}
		w.run(5*time.Second, w.got(1, rest...))
		if n := w.changes(5); n != 1 && !dead {
			t.Errorf("%d configurations", n)
		}
	}
}

// Single daemons in segments of their own get copies as ever.
func TestNoRelay(t *testing.T) {
	w := running(t, 4, func(w *net) { w.segments = map[DaemonID]int{3: 1, 4: 2} })
	if r := w.nodes[1].ring.relays; r.heads != nil {
		t.Errorf("%+v", r)
	}
	if r := w.nodes[3].ring.relays; fmt.Sprint(r.heads) != "[1 4]" {
		t.Errorf("of three: %+v", r)
	}
}

// What is asked for in the turn in which it is passed on does not change what is
// passed on: it still tells whose it is, and asks for acknowledgement.
func TestRelayAskedFor(t *testing.T) {
	w := running(t, 6, sites)
	var data []byte
	w.drop = func(a, b DaemonID, d []byte) bool {
		if kindOf(d) == ringproto.Data && a == 1 && b == 4 {
			data = d
			return true
		}
		return false
	}
	w.submit(1, Safe, "passed on")
	known, err := ringproto.ParseRing(data)
	if err != nil {
		t.Fatal(err)
	}
	var lacks seqset.Set
	lacks.Add(known.High, known.High)
	asks := w.nodes[6]
	asks.sendAck(asks.byID[4], 0, &lacks)
	n := w.nodes[4]
	n.Receive(w.now, data)
	n.Receive(w.now, asks.packets[len(asks.packets)-1].Data)
	n.out.Reset()
	n.Advance(w.now, &n.out)
	var flags []ringproto.Flags
	for _, p := range n.out.Packets {
		if h, _ := ringproto.ParseHeader(p.Data); h.Kind == ringproto.Data {
			flags = append(flags, h.Flags)
		}
	}
	if want := []ringproto.Flags{ringproto.Relayed | ringproto.AckMe, ringproto.Again}; !slices.Equal(flags, want) {
		t.Errorf("%b, not %b", flags, want)
	}
}

// When another configuration of daemons moves one to another segment, data gets there
// as before.
func TestRelayAfterReload(t *testing.T) {
	w := newNet(t, 4)
	epoch := func(digest uint32) Epoch {
		e := epochWith(digest, w.ids...)
		for i, p := range e.Peers {
			e.Peers[i].Segment = w.segment(p.ID)
		}
		return e
	}
	w.segments = map[DaemonID]int{3: 1, 4: 1}
	for _, id := range w.ids {
		w.startWith(id, epoch(first))
	}
	w.run(time.Second, w.together(w.ids...))
	w.segments = map[DaemonID]int{2: 1, 3: 1, 4: 1}
	w.offer(epoch(second), w.ids...)
	w.run(time.Second, w.inForce(second, w.ids...))
	w.run(time.Second, w.together(w.ids...))
	if !slices.ContainsFunc(w.ids, func(id DaemonID) bool { return slices.Contains(w.nodes[id].noted, Note{Kind: NoteRegroup}) }) {
		t.Error("nobody says why the membership has changed")
	}
	for i := range 20 {
		for _, id := range w.ids {
			w.submit(id, Agreed, fmt.Sprint(id, i))
			w.run(20*time.Millisecond, nil)
		}
	}
	for _, id := range w.ids {
		if c := w.nodes[id].counts; c.Asked > 0 {
			t.Errorf("%d has asked %d times for packets", id, c.Asked)
		}
	}
}
