package ring

import (
	"testing"
	"time"
)

// What a machine tells of itself is what has happened in its ring, where every
// datagram takes 100 µs.
func TestStatus(t *testing.T) {
	w := newNet(t, 3)
	w.start(1, 2)
	w.run(time.Second, w.together(1, 2))
	s := w.nodes[1].Status()
	if s.State != "operational" || s.Config != w.nodes[1].Present() || s.Epoch != 0x5eed || len(s.Peers) != 3 {
		t.Fatalf("%+v", s)
	}
	if self, other, never := s.Peers[0], s.Peers[1], s.Peers[2]; self.Heard != 0 || !self.Alive ||
		other.Heard < 0 || other.Heard > 100*time.Millisecond || !other.Alive || other.Mismatch ||
		never.Heard >= 0 || never.Alive || never.RoundTrip != 0 {
		t.Errorf("peers %+v", s.Peers)
	}
	for i := range 10 {
		w.submit(1, Agreed, "agreed")
		w.submit(2, Safe, "safe")
		w.run(time.Second, w.got(2*i+2, 1, 2))
	}
	w.submit(2, Reliable, "loose")
	w.run(time.Second, w.got(21, 1, 2))
	w.run(200*time.Millisecond, nil)
	for id := DaemonID(1); id <= 2; id++ {
		s := w.nodes[id].Status()
		c := s.Counters
		if c.Delivered != 21 || c.ByService != [6]uint64{Agreed: 10, Safe: 10, Reliable: 1} || c.Packets+c.Received != c.DeliveredPackets {
			t.Errorf("%d: %+v", id, c)
		}
		if s.Aru != c.DeliveredPackets || s.Stable != s.High || s.High != s.Aru || s.Backlog != 0 {
			t.Errorf("%d: aru %d, stable %d, high %d", id, s.Aru, s.Stable, s.High)
		}
		if s.Window != firstWindow || s.Personal < 8 || s.Accelerated != defaultOverlap || s.Datagram != 1472 {
			t.Errorf("%d: windows %d %d %d, datagrams of %d", id, s.Window, s.Personal, s.Accelerated, s.Datagram)
		}
		if n := c.Tokens; s.Wait.Count != n || n < 5 {
			t.Errorf("%d: %d waits for %d tokens", id, s.Wait.Count, n)
		}
		// It was wanted from a rest on: a wish goes there, the token comes here.
		if s.Wait.Max < int64(200*time.Microsecond) || s.Wait.Max > int64(time.Millisecond) {
			t.Errorf("%d: waited up to %v", id, time.Duration(s.Wait.Max))
		}
	}
	// An AGREED message is delivered as soon as it has its number, a SAFE one when the
	// other has it.
	if d := w.nodes[1].Status().Delivery; d.Count == 0 || d.Max != 0 {
		t.Errorf("agreed: %d, up to %v", d.Count, time.Duration(d.Max))
	}
	if d := w.nodes[2].Status().Delivery; d.Count == 0 || d.Max < int64(200*time.Microsecond) || d.Max > int64(10*time.Millisecond) {
		t.Errorf("safe: %d, up to %v", d.Count, time.Duration(d.Max))
	}
}

// The rotation of the token is measured while daemons always want it, and not
// while it rests somewhere.
func TestStatusRotation(t *testing.T) {
	w := newNet(t, 3)
	w.windows = Windows{Global: 6, Personal: 1}
	w.start(1, 2, 3)
	w.run(time.Second, w.together(1, 2, 3))
	w.run(10*time.Second, nil)
	w.submit(2, Agreed, "one")
	w.run(time.Second, w.got(1, 1, 2, 3))
	w.run(10*time.Second, nil)
	for _, id := range w.ids {
		if r := w.nodes[id].Status().Rotation; r.Count != 0 {
			t.Errorf("%d: the token has rotated %d times for one message", id, r.Count)
		}
	}
	big := make([]byte, 1000)
	for range 50 {
		for _, id := range w.ids {
			w.nodes[id].Submit(Agreed, big)
		}
	}
	for _, id := range w.ids {
		w.turn(id)
	}
	w.run(time.Second, w.got(151, 1, 2, 3))
	for _, id := range w.ids {
		r := w.nodes[id].Status().Rotation
		if r.Count < 20 || r.Quantile(0.5) < 200e3 || r.Max > int64(20*time.Millisecond) {
			t.Errorf("%d: %d rotations, half of them within %v, all within %v", id, r.Count, time.Duration(r.Quantile(0.5)), time.Duration(r.Max))
		}
	}
}

// A daemon with another configuration is shown as such until it has ours.
func TestStatusMismatch(t *testing.T) {
	w := newNet(t, 2)
	w.start(1)
	o := Options{Self: 2, Incarnation: 2000, Datagram: w.datagram, Digest: 0xbad, Peers: []Peer{{ID: 1}, {ID: 2}}}
	w.nodes[2] = &node{Machine: New(o, w.now)}
	w.turn(2)
	w.run(2*time.Second, nil)
	for _, id := range w.ids {
		s := w.nodes[id].Status()
		if other := s.Peers[2-id]; !other.Mismatch || other.Alive {
			t.Errorf("%d: %+v", id, s.Peers)
		}
		if self := s.Peers[id-1]; self.Mismatch {
			t.Errorf("%d does not agree with itself", id)
		}
	}
	w.nodes[2].down = true
	w.run(time.Second, nil)
	w.start(2)
	w.run(5*time.Second, w.together(1, 2))
	if s := w.nodes[1].Status(); s.Peers[1].Mismatch || !s.Peers[1].Alive {
		t.Errorf("%+v", s.Peers)
	}
}

// Reading the status changes nothing, and what was read stays as it is.
func TestStatusIsACopy(t *testing.T) {
	w := newNet(t, 1)
	w.start(1)
	if s := w.nodes[1].Status(); s.State != "gathering" && s.Config == nil {
		t.Errorf("%+v", s)
	}
	w.run(time.Second, w.together(1))
	w.nodes[1].Hold(false)
	before := w.nodes[1].Status()
	w.submit(1, Agreed, "alone")
	after := w.nodes[1].Status()
	if before.Counters.Delivered != 0 || before.Delivery.Count != 0 || after.Counters.Delivered != 1 ||
		after.Counters.DeliveredPackets != 1 || after.Delivery.Count != 1 || after.Stable != 1 {
		t.Errorf("before %+v, after %+v", before, after)
	}
}
