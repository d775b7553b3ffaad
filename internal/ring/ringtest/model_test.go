package ringtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"gospread/spread/internal/ring"
)

// life is what one life of a daemon went through.
type life struct {
	node    *Node
	periods []*period
}

// period is the time in one regular configuration.
type period struct {
	config, signal *ring.Configuration
	epoch          *epoch
	before, after  []*ring.Message // ordered ones, by the signal
	got            map[uint64]bool // all
}

func (p *period) all() []*ring.Message { return append(slices.Clip(p.before), p.after...) }

// sentBy lists what a node was given places for, as its epoch remembers.
func (p *period) sentBy(n *Node) map[uint64]bool {
	sent := make(map[uint64]bool)
	for i := range p.epoch.log {
		if m := &p.epoch.log[i]; m.Sender == n.ID && p.epoch.holds[n] != nil {
			sent[m.Seq] = true
		}
	}
	return sent
}

func (l *life) apply(t *testing.T, e *ring.Event) {
	var now *period
	if n := len(l.periods); n > 0 {
		now = l.periods[n-1]
	}
	switch {
	case e.Kind == ring.RegularConfiguration:
		if now != nil && now.signal == nil {
			t.Error("D1: two regular configurations in a row")
		}
		if !slices.Contains(e.Config.Members, l.node.ID) {
			t.Error("D2: not in its own configuration")
		}
		l.periods = append(l.periods, &period{config: e.Config, epoch: l.node.ring, got: make(map[uint64]bool)})
	case e.Kind == ring.TransitionalConfiguration:
		if now == nil || now.signal != nil {
			t.Fatal("D1: a transitional configuration out of turn")
		}
		now.signal = e.Config
	default:
		m := e.Message
		if now.got[m.Seq] {
			t.Errorf("D5: message %d delivered twice", m.Seq)
		}
		now.got[m.Seq] = true
		if loose(&m) {
			return
		}
		list := &now.before
		if now.signal != nil {
			list = &now.after
		}
		if n := len(*list); n > 0 && (*list)[n-1].Seq > m.Seq {
			t.Errorf("D7: message %d after %d", m.Seq, (*list)[n-1].Seq)
		}
		*list = append(*list, &m)
	}
}

func TestModelKeepsTheRules(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 3))
		m := New(0)
		var lives []*life
		start := func(i int) {
			l := &life{}
			lives = append(lives, l)
			l.node = m.Start(ring.DaemonID(i+1), i, func(e *ring.Event) { l.apply(t, e) }, func() bool { return false })
		}
		const nodes = 5
		for i := range nodes {
			start(i)
		}
		m.FormAll(m.Alive()...)
		for step := range 300 {
			alive := m.Alive()
			n := alive[r.IntN(len(alive))]
			switch k := r.IntN(100); {
			case k < 30:
				n.Submit(ring.Service(r.IntN(6)), []byte(fmt.Sprint(step)))
				n.Sequence()
			case k < 75:
				if missing := n.Missing(); len(missing) > 0 {
					n.Receive(missing[r.IntN(len(missing))])
				}
			case k < 90:
				n.Learn()
			case k < 97:
				part := slices.DeleteFunc(slices.Clone(alive), func(*Node) bool { return r.IntN(3) == 0 })
				m.Form(part, slices.DeleteFunc(slices.Clone(part), func(*Node) bool { return r.IntN(6) == 0 }))
			case len(alive) > 2:
				n.Crash()
				start(int(n.ID) - 1)
			}
		}
		m.FormAll(m.Alive()...)
		m.Settle()
		m.FormAll(m.Alive()...)
		checkLives(t, lives)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// checkLives compares what the daemons went through (D4, D8 to D16).
func checkLives(t *testing.T, lives []*life) {
	for _, l := range lives {
		for i, p := range l.periods {
			for _, m := range p.before {
				checkNoGap(t, p, m)
			}
			for _, o := range lives {
				for j, q := range o.periods {
					if o == l || q.config != p.config {
						continue
					}
					a, b := p.before, q.before
					for k := range min(len(a), len(b)) {
						if a[k].Seq != b[k].Seq {
							t.Errorf("D14: %d and %d before the signal", a[k].Seq, b[k].Seq)
						}
					}
					checkSafe(t, p, q, o.node)
					together := i+1 < len(l.periods) && j+1 < len(o.periods) && p.signal == q.signal &&
						l.periods[i+1].config == o.periods[j+1].config
					if together && (!same(p.before, q.before) || !same(p.after, q.after)) {
						t.Errorf("D13: %v and %v differ", p.all(), q.all())
					}
				}
			}
			checkOwn(t, l, p)
			if i+1 < len(l.periods) {
				for _, id := range p.signal.Members {
					if !slices.Contains(p.config.Members, id) || !slices.Contains(l.periods[i+1].config.Members, id) {
						t.Errorf("D4: %d is only in the transitional configuration", id)
					}
				}
			}
		}
	}
}

// checkNoGap: before the signal nothing ordered is missing below (D8).
func checkNoGap(t *testing.T, p *period, m *ring.Message) {
	if i := slices.Index(p.before, m); i > 0 {
		for seq := p.before[i-1].Seq + 1; seq < m.Seq; seq++ {
			if !p.got[seq] {
				t.Errorf("D8: message %d before the signal without %d", m.Seq, seq)
			}
		}
	}
}

// checkSafe: what p has as SAFE, q has too, if it goes on after that (D15, D16).
func checkSafe(t *testing.T, p, q *period, o *Node) {
	if q.signal == nil {
		return // crashed, or still there
	}
	for _, m := range p.before {
		if m.Service == ring.Safe && !q.got[m.Seq] {
			t.Errorf("D15: SAFE %d before the signal is not at %d", m.Seq, o.ID)
		}
	}
	for _, m := range p.after {
		if m.Service == ring.Safe && slices.Contains(p.signal.Members, o.ID) && !q.got[m.Seq] {
			t.Errorf("D16: SAFE %d after the signal is not at %d", m.Seq, o.ID)
		}
	}
}

func same(a, b []*ring.Message) bool {
	return slices.EqualFunc(a, b, func(x, y *ring.Message) bool { return x.Seq == y.Seq })
}

// checkOwn: who goes on has delivered all that it sent (D12).
func checkOwn(t *testing.T, l *life, p *period) {
	if p.signal == nil {
		return
	}
	for seq := range p.sentBy(l.node) {
		if !p.got[seq] {
			t.Errorf("D12: %d has not delivered its own %d", l.node.ID, seq)
		}
	}
}
