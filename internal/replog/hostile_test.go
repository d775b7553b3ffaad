package replog

import (
	"bytes"
	"strings"
	"testing"
)

// prepared returns a replica in the middle of an epoch, and its view.
func prepared(t *testing.T, w *world) (s *simReplica, view, epoch string) {
	w.heal()
	w.submit(w.replicas[0])
	w.settle()
	s = w.replicas[1]
	switch c := s.core.(type) {
	case *Majority:
		return s, c.view.id, string(encode("", nil, c.view.epoch)[5:6])
	case *Everywhere:
		return s, c.view.id, ""
	}
	return nil, "", ""
}

// Whatever comes from members of the group, nothing breaks, and what is not a message
// is ignored.
func FuzzMessage(f *testing.F) {
	for _, m := range []string{
		"rp1 hello VIEW 1 5 5 9 9 0 x\n", "rp1 hello VIEW abc\n", "rp1 promise VIEW\n", "rp1 skip VIEW #r1#d1\n", "rp1 knows VIEW x\n", "rp1 state VIEW 1 1\nT",
		"rp1 got VIEW 99999\n", "rp1 update EPOCH id 0\ndata", "rp1 update VIEW id\ndata", "rp1 ack EPOCH 999999999999999999\n", "rp1 sync EPOCH 1\n", "rp1 synced EPOCH 1\n",
		"rp1 sync VIEW 1\n", "rp1 - \n", "rp1\n", "",
	} {
		f.Add([]byte(m), true)
		f.Add([]byte(m), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, anew bool) {
		majority := majorityWorld(t, 5, 3)
		everywhere, _, _ := everywhereWorld(t, 5, 3)
		for _, w := range []*world{majority, everywhere} {
			w.resolved = func(*simReplica, Resolve) {}
			s, view, epoch := prepared(t, w)
			s.machine.w = nil // it no longer checks anything
			if anew {
				view = "again"
				w.call(s, "view", view, s.conn.daemon.table)
			}
			m := bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("VIEW"), []byte(view)), []byte("EPOCH"), []byte(epoch))
			for _, from := range append([]string{"#stranger#d0", "", "#"}, s.conn.daemon.table...) {
				w.call(s, "message", from, m)
			}
			w.call(s, "flush")
			s.core.Status()
		}
	})
}

// Whatever stands in a store, nothing breaks.
func FuzzLoad(f *testing.F) {
	w := majorityWorld(&testing.T{}, 3, 3)
	for _, s := range w.replicas {
		s.durable = true
	}
	w.heal()
	for range 30 {
		w.submit(w.replicas[0])
	}
	w.settle()
	for _, s := range w.replicas {
		f.Add(s.disk)
	}
	f.Fuzz(func(t *testing.T, disk []byte) {
		c := NewMajority(Config{Name: "a", Group: "g", Replicas: []string{"a"}, Durable: true, Part: 100}, &simMachine{})
		if c.Load(disk) != nil {
			return
		}
		c.Connected("#a#d")
		c.View("v", []string{"#a#d"})
		c.Flush()
	})
}

// A second process under a name is told, and the first one goes on.
func TestTwoProcessesOfOneName(t *testing.T) {
	w := majorityWorld(t, 1, 3)
	w.heal()
	one := w.replicas[0]
	other := &simReplica{name: one.name, home: w.daemons[2], life: 7}
	for other.conn == nil || other.conn.daemon == one.conn.daemon {
		other.conn = nil
		w.start(other)
	}
	w.replicas = append(w.replicas, other)
	w.settle()
	if !strings.Contains(other.failed, "another process takes part as") || one.failed != "" {
		t.Fatalf("%q %q", one.failed, other.failed)
	}
	if !w.replicas[1].core.Status().Ready {
		t.Fatal("the others do not go on")
	}
}

// Who cannot keep up with what comes while it gets the state starts over.
func TestHeldIsBounded(t *testing.T) {
	w := majorityWorld(t, 1, 3)
	config := w.config
	w.config = func(s *simReplica) Config {
		c := config(s)
		c.HeldBytes, c.LogEntries = 500, 0
		return c
	}
	w.heal()
	for range 10 {
		w.submit(w.replicas[0])
		w.settle()
	}
	last := w.replicas[2]
	w.crash(last)
	w.settle()
	w.start(last)
	fetching := func() bool {
		v := last.core.(*Majority).view
		return v != nil && v.phase == active && !v.adopted
	}
	for n := 0; !fetching(); n++ {
		if n == 1000 {
			t.Fatal("it never fetches the state")
		}
		for _, s := range w.replicas {
			if !fetching() {
				w.handle(s)
				w.work(s)
			}
		}
		for _, d := range w.daemons {
			d.sequence()
			w.deliver(d)
		}
	}
	for range 6 {
		w.call(last, "message", w.replicas[0].conn.name, encode("update", nil, last.core.(*Majority).view.epoch, "x", uint64(0)))
	}
	if last.core.Status().Ready {
		t.Fatal("it takes any number")
	}
	w.heal()
	if w.steps["rejoin"] != 1 {
		t.Fatal("it does not join again")
	}
	w.stable()
}
