package echo

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gospread/spread/internal/link"
)

// network carries datagrams between doctors, in a bubble.
type network struct {
	mu    sync.Mutex
	ends  map[end]link.Handler
	drops func(from, to uint32, d *link.Datagram) bool
	delay time.Duration
	alter func(b []byte)
	sent  map[uint32]int // bytes
}

// end is a doctor's end at its daemon's ports, or the spare ones.
type end struct {
	id    uint32
	spare bool
}

type carrier struct {
	n *network
	e end
}

func newNetwork() *network {
	return &network{ends: map[end]link.Handler{}, delay: time.Millisecond, sent: map[uint32]int{}}
}

func (c carrier) Start(h link.Handler) {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	c.n.ends[c.e] = h
}

func (c carrier) Send(batch []link.Datagram) {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	for i := range batch {
		d := batch[i]
		c.n.sent[c.e.id] += len(d.Data)
		for e, h := range c.n.ends {
			if e.id == c.e.id || e.spare != c.e.spare || d.To != 0 && d.To != e.id || c.n.drops != nil && c.n.drops(c.e.id, e.id, &d) {
				continue
			}
			b := append([]byte{}, d.Data...)
			if c.n.alter != nil {
				c.n.alter(b)
			}
			time.AfterFunc(c.n.delay, func() {
				h.Receive([]link.Received{{From: c.e.id, Source: address(c.e.id), Token: !d.Bulk, Data: b}})
			})
		}
	}
}

func address(id uint32) netip.AddrPort {
	return netip.MustParseAddrPort(fmt.Sprintf("10.0.0.%d:4803", id))
}

// config is that of doctor id of n.
func (w *network) config(id, n uint32) Config {
	cfg := Config{
		Self: id, Auth: &Auth{}, Life: uint64(id) * 1000, Hash: 1, Text: 2, Sizes: []int{1400, 8900, 60000},
		Main: carrier{w, end{id, false}}, Spare: carrier{w, end{id, true}}, Wait: 10 * time.Second, Clock: time.Now,
	}
	for i := range n {
		if i+1 != id {
			cfg.Peers = append(cfg.Peers, Peer{ID: i + 1, Addr: address(i + 1), Near: true})
		}
	}
	return cfg
}

// run runs all at once, and returns what each found of the others and how long it
// took.
func run(t *testing.T, cfgs ...Config) (results [][]Result, took time.Duration) {
	t.Helper()
	began := time.Now()
	results = make([][]Result, len(cfgs))
	var wg sync.WaitGroup
	for i, cfg := range cfgs {
		wg.Go(func() {
			s := New(cfg)
			s.Run(t.Context())
			results[i] = s.Results()
		})
	}
	wg.Wait()
	took = time.Since(began)
	return results, took
}

func TestAllWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork()
		all, took := run(t, w.config(1, 3), w.config(2, 3), w.config(3, 3))
		if took > 6*time.Second {
			t.Errorf("it took %v", took)
		}
		for i, rs := range all {
			for _, r := range rs {
				for way := range Ways {
					if r.Sent[way] < measureTicks-1 || r.Answered[way] != r.Sent[way] || r.Probes[way] < measureTicks {
						t.Errorf("%d of %d, way %d: %d sent, %d answered, %d heard", i+1, r.ID, way, r.Sent[way], r.Answered[way], r.Probes[way])
					}
				}
				for _, z := range r.Sizes {
					if z.Sent < 5 || z.Answered != z.Sent {
						t.Errorf("%d of %d: %+v", i+1, r.ID, z)
					}
				}
				if r.Best != 2*time.Millisecond || r.Mean != r.Best || r.Ahead != 0 || !r.Heard || len(r.Rows) != 2 || r.Refusal != nil || r.Hash != 1 {
					t.Errorf("%d has found %+v", i+1, r)
				}
				if mine := r.Rows[uint32(i+1)]; mine.Addr != address(uint32(i+1)) || mine.Heards() == 0 {
					t.Errorf("row of %d: %+v", i+1, mine)
				}
			}
		}
	})
}

// What does not reach one side is seen on both, and ends in time.
func TestOneWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork()
		w.drops = func(from, to uint32, _ *link.Datagram) bool { return from == 1 && to == 2 }
		all, took := run(t, w.config(1, 3), w.config(2, 3), w.config(3, 3))
		if took > 16*time.Second {
			t.Errorf("it took %v", took)
		}
		r := all[0][0] // 1 of 2
		if !r.Heard || r.Sent[Data] == 0 || r.Answered[Data] != 0 || r.Best != 0 {
			t.Errorf("1 of 2: %+v", r)
		}
		if mine, ok := r.Rows[1]; !ok || mine.Heards() != 0 {
			t.Errorf("2 tells 1 of it %+v, %t", mine, ok)
		}
		r = all[1][0] // 2 of 1
		if r.Heard {
			t.Errorf("2 of 1: %+v", r)
		}
		if of1 := all[1][1].Rows[1]; of1.Heards() == 0 { // 2 knows from 3 that 1 is there
			t.Errorf("3 tells 2 of 1 %+v", of1)
		}
	})
}

func TestLossAndSizes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork()
		n := 0
		w.drops = func(from, to uint32, d *link.Datagram) bool {
			if len(d.Data) > 1500 {
				return true
			}
			n++
			return from == 1 && len(d.Data) == MinSize && d.Data[offKind] == byte(Probe) && n%4 == 0
		}
		all, _ := run(t, w.config(1, 2), w.config(2, 2))
		r := all[0][0]
		if loss, ok := r.Loss(Data); !ok || loss < 0.1 || loss > 0.6 {
			t.Errorf("loss %v, %t: %+v", loss, ok, r)
		}
		if z := r.Sizes; z[0].Answered != z[0].Sent || z[1].Answered != 0 || z[2].Answered != 0 {
			t.Errorf("sizes %+v", z)
		}
	})
}

func TestNoMulticast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork()
		w.drops = func(_, _ uint32, d *link.Datagram) bool { return d.To == 0 }
		all, _ := run(t, w.config(1, 2), w.config(2, 2))
		for _, rs := range all {
			all, _ := rs[0].Loss(All)
			data, _ := rs[0].Loss(Data)
			if all != 1 || data != 0 {
				t.Errorf("%+v", rs[0])
			}
		}
	})
}

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork()
		a, b := w.config(1, 2), w.config(2, 2)
		b.Clock = func() time.Time { return time.Now().Add(7 * time.Minute) }
		all, _ := run(t, a, b)
		if x, y := all[0][0].Ahead, all[1][0].Ahead; x != 7*time.Minute || y != -7*time.Minute {
			t.Errorf("ahead by %v and %v", x, y)
		}
	})
}

// A daemon there keeps its ports, and nothing is sent to it.
func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork()
		a, b := w.config(1, 2), w.config(2, 2)
		a.Peers[0].Busy, b.Main = true, nil
		w.drops = func(from, _ uint32, d *link.Datagram) bool {
			if from == 1 && Way(d.Data[offWay]) < SpareData {
				t.Errorf("to the daemon: kind %d, way %d", d.Data[offKind], d.Data[offWay])
			}
			return false
		}
		all, _ := run(t, a, b)
		if r := all[0][0]; r.Answered[SpareData] != r.Sent[SpareData] || r.Sent[SpareData] == 0 || r.Sent[Data] != 0 {
			t.Errorf("%+v", r)
		}
	})
}

func key(b byte) Key { return Key{Name: [3]byte{b, b, b}, Secret: []byte{b, b}} }

func TestKeys(t *testing.T) {
	none, one, other, both := &Auth{}, &Auth{Keys: []Key{key(1)}}, &Auth{Keys: []Key{key(2)}}, &Auth{Keys: []Key{key(2), key(1)}}
	forger := &Auth{Keys: []Key{{Name: key(1).Name, Secret: []byte("guess")}}}
	for _, c := range []struct {
		name           string
		a, b           *Auth
		ofB, ofA       error
		aHears, bHears bool
	}{
		{"the same", one, one, nil, nil, true, true},
		{"another", one, other, ErrOtherKey, ErrOtherKey, false, false},
		{"while they change", both, one, nil, ErrOtherKey, true, false},
		{"only one has", one, none, ErrUnkeyed, ErrKeyed, false, false},
		{"forged", one, forger, ErrForged, ErrForged, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newNetwork()
				a, b := w.config(1, 2), w.config(2, 2)
				a.Auth, b.Auth = c.a, c.b
				all, took := run(t, a, b)
				ra, rb := all[0][0], all[1][0]
				if ra.Refusal != c.ofB || rb.Refusal != c.ofA || ra.Heard != c.aHears || rb.Heard != c.bHears {
					t.Errorf("%v, %t and %v, %t", ra.Refusal, ra.Heard, rb.Refusal, rb.Heard)
				}
				if took > 9*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// Who is not there is waited for, and no longer.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork()
		a := w.config(1, 3)
		var missing []string
		a.Progress = func(ids []uint32) { missing = append(missing, fmt.Sprint(ids)) }
		b := w.config(2, 3)
		all, took := run(t, a, b)
		if took < 10*time.Second || took > 16*time.Second {
			t.Errorf("it took %v", took)
		}
		if r := all[0]; !r[0].Heard || r[1].Heard || fmt.Sprint(missing) != "[[2 3] [3]]" {
			t.Errorf("waited for %v", missing)
		}
	})
}

// A listener takes part until it is stopped, and one that is started again is
// measured again.
func TestListenAndRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork()
		ctx, cancel := context.WithCancel(t.Context())
		listener := w.config(2, 2)
		listener.Listen = true
		s := New(listener)
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		time.Sleep(time.Minute)
		for life := range uint64(2) {
			a := w.config(1, 2)
			a.Life = life + 1
			all, took := run(t, a)
			if r := all[0][0]; !r.Heard || r.Answered[All] == 0 || r.Rows[1].Heards() == 0 || took > 6*time.Second {
				t.Errorf("after %v: %+v", took, r)
			}
		}
		cancel()
		<-done
	})
}

// Nothing that comes makes a doctor send more than it was sent, and strangers get
// nothing.
func TestAnswersAreNoLonger(t *testing.T) {
	w := newNetwork()
	s := New(w.config(1, 2))
	for _, size := range []int{MinSize, 1400, MaxSize} {
		m := Message{Kind: Probe, Way: Data, From: 2, Life: 1, Size: size}
		b := m.Append(nil, &Auth{})
		if a := s.receive(&link.Received{From: 2, Data: b}, false); a == nil || len(a.Data) != len(b) || a.To != 2 {
			t.Errorf("%d bytes are answered by %v", size, a)
		}
		if a := s.receive(&link.Received{From: 0, Source: address(9), Data: b}, false); a != nil {
			t.Error("a stranger is answered")
		}
	}
	if r := s.Results()[0]; r.Elsewhere != address(9) {
		t.Errorf("elsewhere: %v", r.Elsewhere)
	}
	m := Message{Kind: Probe, Way: Data, From: 2, Life: 1, Size: MinSize}
	answers := 0
	for range 3 * answersInSecond {
		if s.receive(&link.Received{From: 2, Data: m.Append(nil, &Auth{})}, false) != nil {
			answers++
		}
	}
	if answers > answersInSecond {
		t.Errorf("%d answers in no time", answers)
	}
}

// Answers that nobody asked for are not counted.
func TestUnaskedAnswers(t *testing.T) {
	w := newNetwork()
	s := New(w.config(1, 2))
	for i := range 10 {
		for _, size := range []int{MinSize, 1400} {
			m := Message{Kind: Answer, Way: Data, From: 2, Life: 1, Seq: uint32(i), Size: size}
			s.receive(&link.Received{From: 2, Data: m.Append(nil, &Auth{})}, false)
		}
	}
	if r := s.Results()[0]; r.Answered[Data] != 0 || r.Sizes[0].Answered != 0 || r.Best != 0 {
		t.Errorf("%+v", r)
	}
}
