package ring

import (
	"slices"
	"testing"

	"gospread/spread/internal/ringproto"
)

// Semantics D8: nothing ordered behind a gap.
func TestDeliverWaitsForGap(t *testing.T) {
	x := newMember(t, 3)
	x.gets(1, 2, 0, whole(FIFO, "two"))
	x.gets(3, 4, 0, whole(Agreed, "four"))
	x.expect("behind a gap")
	x.gets(1, 1, 0, whole(Causal, "one"))
	x.expect("up to the next gap", "one", "two")
	x.gets(3, 3, 0, whole(FIFO, "three"))
	x.gets(3, 3, 0, whole(FIFO, "three"))
	x.gets(1, 1, 0, whole(FIFO, "one"))
	x.expect("twice the same", "three", "four")
	if d := x.counts.Duplicates; d != 2 {
		t.Errorf("%d duplicates", d)
	}
}

// Semantics D19: loose messages wait for nothing, and come once.
func TestDeliverLoose(t *testing.T) {
	x := newMember(t, 3)
	x.gets(1, 3, 0, whole(Reliable, "loose"), whole(Unreliable, "too"))
	x.expect("behind a gap", "loose", "too")
	x.gets(1, 2, 0, whole(Safe, "safe"))
	x.gets(1, 1, 0, whole(FIFO, "one"))
	x.gets(1, 4, 0, whole(FIFO, "four"))
	x.expect("in front of it", "one")
	x.gets(3, 5, 4, whole(FIFO, "five"))
	x.expect("over it", "safe", "four", "five")
}

// Semantics D15, D18: what is behind a SAFE message waits with it, also in the same
// packet; the place is that of each message.
func TestDeliverSafe(t *testing.T) {
	x := newMember(t, 3)
	x.gets(1, 1, 0, whole(FIFO, "a"), whole(Safe, "b"), whole(FIFO, "c"), whole(Safe, "d"))
	x.gets(3, 2, 0, whole(FIFO, "e"))
	x.expect("unstable", "a")
	x.expect("again")
	x.acks(3, 2)
	x.expect("one has not said that it has it")
	x.acks(1, 1)
	x.expect("stable", "b", "c", "d", "e")
	if x.out.Stable != 1<<seqShift {
		t.Errorf("stable to %x", x.out.Stable)
	}
	x.gets(1, 3, 0, whole(Safe, "f"))
	x.expect("unstable")
	x.says(3, ringproto.Beat, 0, ringproto.Ring{Hop: x.ring.hop, Aru: 3, Stable: 3, High: 3}, nil)
	x.expect("told", "f")
}

// A message may come in parts, those of other senders between them; a SAFE one
// waits for its last part to be stable, its beginning holds up nobody.
func TestDeliverParts(t *testing.T) {
	x := newMember(t, 3)
	x.gets(1, 1, 0, whole(FIFO, "one"), part{Safe, true, false, "begin ", 14})
	x.gets(3, 2, 0, part{FIFO, true, false, "other ", 10})
	x.gets(1, 3, 0, part{Safe, false, false, "on ", 0})
	x.gets(3, 4, 0, part{FIFO, false, true, "ends", 0}, whole(FIFO, "four"))
	x.gets(1, 5, 4, part{Safe, false, true, "ended", 0}, whole(FIFO, "five"))
	x.expect("unstable", "one", "other ends", "four")
	x.gets(3, 6, 5, whole(FIFO, "six"))
	x.expect("stable", "begin on ended", "five", "six")
}

// A part that belongs to nothing, or that makes its message longer than announced,
// is dropped; the next message is not.
func TestDeliverOddParts(t *testing.T) {
	x := newMember(t, 3)
	x.gets(1, 1, 0, part{FIFO, false, true, "end of nothing", 0}, whole(FIFO, "one"))
	x.gets(1, 2, 0, part{FIFO, true, false, "long", 5})
	x.gets(1, 3, 0, part{FIFO, false, true, "longer", 0}, whole(FIFO, "three"))
	x.gets(1, 4, 0, part{FIFO, true, false, "short", 50})
	x.gets(1, 5, 0, part{FIFO, false, true, "er", 0}, whole(FIFO, "five"))
	x.gets(1, 6, 0, part{FIFO, true, false, "huge", maxMessage + 1})
	x.gets(1, 7, 0, part{FIFO, false, true, "r", 0}, whole(FIFO, "seven"))
	x.expect("odd", "one", "three", "five", "seven")
}

// Data that claims to be ours, of nobody, or that breaks the rules of chunks is not
// taken.
func TestMalformedData(t *testing.T) {
	x := newMember(t, 3)
	before := x.counts.Malformed
	x.gets(2, 1, 0, whole(FIFO, "ours"))
	x.gets(1, 1, 0)
	x.gets(1, 1, 0, whole(FIFO, "one"), part{FIFO, false, true, "end", 0})
	x.says(1, ringproto.Data, 0, ringproto.Ring{Hop: x.ring.hop, Aru: 1, High: 1}, []byte{0, 0, 0, 9, 2 | 8 | 16, 0, 0, 0})
	x.says(1, ringproto.Data, ringproto.Loose, ringproto.Ring{Hop: x.ring.hop, Aru: 1, High: 1}, []byte{0, 0, 0, 1, 2 | 8 | 16, 0, 0, 0})
	x.expect("malformed")
	// One that claims to be from ourselves is not looked at any further.
	if n := x.counts.Malformed - before; n != 4 {
		t.Errorf("%d malformed", n)
	}
	if x.ring.aru != 0 {
		t.Error("something was kept")
	}
}

// ended is the old configuration of member 2, which goes on with others.
func (x *member) ended(with ...uint32) []string {
	x.events = nil
	x.finish(&attempt{mine: &ringproto.OldRing{Members: with, Time: 77}, plan: &ringproto.PlanBody{New: ringproto.Config{Leader: with[0]}}})
	var said []string
	for _, e := range x.events {
		said = append(said, text(e))
	}
	return said
}

func TestFinish(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(x *member)
		want []string
	}{
		{"nothing is left", func(x *member) {}, []string{"signal [1 2]"}},
		{"SAFE in the middle of a packet", func(x *member) {
			x.gets(1, 1, 0, whole(FIFO, "a"), whole(Safe, "b"), whole(FIFO, "c"))
			x.gets(3, 2, 0, whole(FIFO, "d"))
		}, []string{"a", "signal [1 2]", "b", "c", "d"}},
		{"behind a gap only who is committed", func(x *member) {
			x.gets(1, 1, 0, whole(FIFO, "a"))
			x.gets(1, 3, 0, whole(Safe, "b"))
			x.gets(3, 4, 0, whole(FIFO, "lost"))
			x.gets(1, 5, 0, whole(FIFO, "c"))
		}, []string{"a", "signal [1 2]", "b", "c"}},
		{"loose ones come, gap or not", func(x *member) {
			x.state = recovering // on receipt they are not handed on then
			x.attempt = &attempt{mine: &ringproto.OldRing{}}
			x.attempt.missing.Add(1, 9)
			x.gets(3, 3, 0, whole(Reliable, "loose"))
			x.gets(1, 4, 0, whole(FIFO, "a"))
		}, []string{"signal [1 2]", "loose", "a"}},
		{"an end whose beginning is lost", func(x *member) {
			x.gets(3, 1, 0, part{FIFO, true, false, "be", 6})
			x.gets(1, 2, 0, part{FIFO, true, false, "be", 6})
			x.gets(1, 4, 0, part{FIFO, false, true, "gins", 0})
			x.gets(3, 5, 0, part{FIFO, false, true, "gins", 0}, whole(FIFO, "lost"))
		}, []string{"signal [1 2]", "begins"}},
		{"stable, then a gap", func(x *member) {
			x.gets(1, 1, 0, whole(Safe, "a"))
			x.gets(1, 2, 1, whole(FIFO, "b"))
			x.gets(1, 4, 1, whole(FIFO, "c"))
		}, []string{"a", "b", "signal [1 2]", "c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newMember(t, 3)
			x.ring.commit[1] = true
			c.do(x)
			if got := x.ended(1, 2); !slices.Equal(got, c.want) {
				t.Errorf("%q, not %q", got, c.want)
			}
		})
	}
}
