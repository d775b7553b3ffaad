package ringtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gospread/spread/internal/evscheck"
	"gospread/spread/internal/ring"
)

// recorder writes the trace of one life of a daemon.
type recorder struct {
	node    *Node
	trace   *evscheck.DaemonTrace
	epoch   *epoch
	scanned int // messages of the epoch
	stable  int
}

func message(m *ring.Message) evscheck.DaemonMessage {
	return evscheck.DaemonMessage{Seq: m.Seq, Digest: evscheck.Digest(m.Payload), Size: int32(len(m.Payload)),
		Sender: uint32(m.Sender), Service: evscheck.Service(m.Service), Loose: loose(m)}
}

func id(id ring.ID) evscheck.ConfigID {
	return evscheck.ConfigID{Leader: uint32(id.Leader), Time: id.Time}
}

// catchUp notes what has happened in the epoch since the last event.
func (r *recorder) catchUp() {
	if r.epoch == nil {
		return
	}
	for ; r.scanned < len(r.epoch.log); r.scanned++ {
		if m := &r.epoch.log[r.scanned]; m.Sender == r.node.ID {
			r.trace.Sequence(message(m))
		}
	}
	if h := r.epoch.holds[r.node]; h.stable > r.stable {
		r.stable = h.stable
		r.trace.StableTo(uint64(h.stable))
	}
}

func (r *recorder) apply(e *ring.Event) {
	r.catchUp()
	switch e.Kind {
	case ring.RegularConfiguration:
		r.trace.Install(id(e.Config.ID), evscheck.Members(e.Config.Members))
		r.epoch, r.scanned, r.stable = r.node.ring, 0, 0
	case ring.TransitionalConfiguration:
		r.trace.Signal(id(e.Config.ID), evscheck.Members(e.Config.Members))
	default:
		r.trace.Deliver(message(&e.Message))
	}
}

// randomRun drives the model through random traffic and faults, then heals it.
func randomRun(seed uint64) *evscheck.Run {
	r := rand.New(rand.NewPCG(seed, 3))
	m := New(0)
	run := &evscheck.Run{Unique: true, Quiet: true}
	var recorders []*recorder
	lives := make(map[int]int)
	start := func(i int) {
		lives[i]++
		rec := &recorder{trace: &evscheck.DaemonTrace{Daemon: uint32(i + 1), Life: lives[i]}}
		rec.node = m.Start(ring.DaemonID(i+1), i, rec.apply, func() bool { return false })
		recorders = append(recorders, rec)
		run.Traces = append(run.Traces, rec.trace)
	}
	for i := range 2 + r.IntN(5) {
		start(i)
	}
	m.FormAll(m.Alive()...)
	for step := range 300 {
		alive := m.Alive()
		n := alive[r.IntN(len(alive))]
		switch k := r.IntN(100); {
		case k < 30:
			payload := fmt.Sprint(step)
			if r.IntN(4) == 0 {
				payload += strings.Repeat(" ", LoosePacket)
			}
			n.Submit(ring.Service(r.IntN(6)), []byte(payload))
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
	for _, rec := range recorders {
		rec.catchUp()
		rec.trace.Ended = rec.node.Down()
	}
	return run
}

func TestModelKeepsTheRules(t *testing.T) {
	seeds := uint64(2000)
	if testing.Short() {
		seeds = 200
	}
	var total evscheck.Counts
	for seed := range seeds {
		run := randomRun(seed)
		report := evscheck.Check(run)
		for _, v := range report.Violations {
			t.Error(run.Context(v, 3))
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		total.Signals += report.Counts.Signals
		total.Deliveries += report.Counts.Deliveries
		total.SafeBefore += report.Counts.SafeBefore
		total.SafeAfter += report.Counts.SafeAfter
		total.Survivors += report.Counts.Survivors
	}
	t.Logf("%d seeds: %+v", seeds, total)
	if total.SafeBefore == 0 || total.SafeAfter == 0 || total.Survivors == 0 {
		t.Error("the runs do not reach what matters")
	}
}
