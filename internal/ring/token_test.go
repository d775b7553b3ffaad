package ring

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gospread/spread/internal/ringproto"
)

// takesToken gives member 2 the token.
func (x *member) takesToken(from DaemonID, hop uint64, wanted ...uint64) {
	b := ringproto.TokenBody{Wanted: wanted}
	x.says(from, ringproto.Token, 0, ringproto.Ring{Hop: hop, Aru: x.ring.aru, High: x.ring.high}, b.Append(nil))
}

func hopOf(p Packet) uint64 {
	r, _ := ringproto.ParseRing(p.Data)
	return r.Hop
}

func TestTokenTwice(t *testing.T) {
	x := newMember(t, 3)
	hop := x.ring.hop + 1
	x.takesToken(1, hop)
	x.advance()
	if !x.ring.holding || len(x.sentOf(ringproto.Beat)) != 1 {
		t.Fatal("it does not show that it has the token")
	}
	x.out.Reset()
	x.takesToken(1, hop)
	x.advance()
	if a := x.sentOf(ringproto.Ack); len(a) != 1 || a[0].To != 1 || hopOf(a[0]) != hop {
		t.Errorf("the sender is not told that it has arrived: %v", a)
	}
	if x.counts.Tokens != 1 || !x.ring.holding {
		t.Errorf("%d tokens", x.counts.Tokens)
	}
}

// A token that shows no sign is sent again, less and less often, until it does.
func TestTokenSentAgain(t *testing.T) {
	for _, sign := range []string{"data", "beat", "ack", "later"} {
		t.Run(sign, func(t *testing.T) {
			x := newMember(t, 3)
			x.takesToken(1, x.ring.hop+1, 1<<2) // the third wants it
			x.advance()
			first := x.sentOf(ringproto.Token)
			if len(first) != 1 || first[0].To != 3 {
				t.Fatalf("the token goes to %v", first)
			}
			x.out.Reset()
			x.pass(100 * time.Millisecond)
			again := x.sentOf(ringproto.Token)
			if n := len(again); n < 3 || n > 30 {
				t.Errorf("it was sent again %d times", n)
			}
			for _, p := range again {
				if p.To != 3 || hopOf(p) != hopOf(first[0]) {
					t.Errorf("another token: %v, %d", p.To, hopOf(p))
				}
			}
			known := ringproto.Ring{Hop: hopOf(first[0])}
			switch sign {
			case "data":
				known.Aru, known.High = 1, 1
				x.says(3, ringproto.Data, 0, known, []byte{0, 0, 0, 3, 2 | 8 | 16, 0, 0, 0})
			case "beat":
				x.says(3, ringproto.Beat, ringproto.Resting, known, nil)
			case "ack":
				x.acks(3, 0)
			case "later": // another one has it already
				known.Hop++
				x.says(1, ringproto.Beat, ringproto.Resting, known, nil)
			}
			x.out.Reset()
			x.pass(50 * time.Millisecond)
			if n := len(x.sentOf(ringproto.Token)); n > 0 {
				t.Errorf("it is still sent, %d times", n)
			}
		})
	}
}

func TestWakes(t *testing.T) {
	wake := func(x *member, from DaemonID, hop uint64, who, left int) {
		w := ringproto.WakeBody{Member: who, Left: left}
		x.out.Reset()
		x.says(from, ringproto.Wake, 0, ringproto.Ring{Hop: hop}, w.Append(nil))
		x.advance()
	}
	t.Run("the token is here", func(t *testing.T) {
		x := newMember(t, 4)
		hop := x.ring.hop + 1
		x.takesToken(1, hop)
		x.advance()
		wake(x, 4, hop, 3, 3)
		if p := x.sentOf(ringproto.Token); len(p) != 1 || p[0].To != 4 {
			t.Errorf("it goes to %v", p)
		}
	})
	t.Run("whoever asks has had it since", func(t *testing.T) {
		x := newMember(t, 4)
		hop := x.ring.hop
		x.says(4, ringproto.Beat, ringproto.Resting, ringproto.Ring{Hop: hop + 1}, nil)
		x.takesToken(4, hop+2)
		x.advance()
		wake(x, 4, hop, 3, 0)
		if p := x.sentOf(ringproto.Token); len(p) != 0 {
			t.Errorf("it goes to %v", p)
		}
	})
	t.Run("it is elsewhere", func(t *testing.T) {
		x := newMember(t, 4)
		hop := x.ring.hop
		x.says(3, ringproto.Beat, ringproto.Resting, ringproto.Ring{Hop: hop + 1}, nil)
		for left, want := range []int{0, 1, 1} {
			wake(x, 4, hop, 3, left)
			p := x.sentOf(ringproto.Wake)
			if len(p) != want {
				t.Fatalf("left %d: %d passed on", left, len(p))
			}
			if want > 0 && (p[0].To != 3 || p[0].Data[ringproto.RingSize+1] != byte(left-1)) {
				t.Errorf("left %d: passed on to %d as %v", left, p[0].To, p[0].Data[ringproto.RingSize:])
			}
		}
		for _, from := range []DaemonID{3, 4} { // not back, and not to itself
			if wake(x, from, hop, 2, 3); len(x.sentOf(ringproto.Wake)) != 0 {
				t.Errorf("it goes back")
			}
		}
	})
	t.Run("of nobody", func(t *testing.T) {
		x := newMember(t, 4)
		before := x.counts.Malformed
		for _, who := range []int{1, 4, 255} {
			wake(x, 4, x.ring.hop, who, 3)
		}
		if n := x.counts.Malformed - before; n != 3 {
			t.Errorf("%d malformed", n)
		}
	})
}

// Who wants the token and hears nothing asks its holder, then everybody.
func TestAskForToken(t *testing.T) {
	x := newMember(t, 3)
	x.says(3, ringproto.Beat, ringproto.Resting, ringproto.Ring{Hop: x.ring.hop + 1}, nil)
	x.Submit(FIFO, []byte("hello"))
	x.out.Reset()
	x.pass(60 * time.Millisecond)
	w := x.sentOf(ringproto.Wake)
	if len(w) < 3 || w[0].To != 3 || w[1].To != 0 {
		t.Fatalf("%d wakes: %v", len(w), w)
	}
	if len(w) > 15 {
		t.Errorf("%d wakes in 60 ms", len(w))
	}
	x.takesToken(3, x.ring.hop+1)
	x.expect("with the token", "hello")
	x.pass(60 * time.Millisecond)
	if n := len(x.sentOf(ringproto.Wake)); n > 0 {
		t.Errorf("it has it, and asks %d times", n)
	}
}

// The token overtakes so many of the packets of its visit.
func TestAcceleration(t *testing.T) {
	for accelerated, want := range map[int]int{0: defaultOverlap, 3: 3, -1: 0} {
		x := newMember(t, 3, func(w *net) { w.windows = Windows{Global: 100, Personal: 50, Accelerated: accelerated} })
		for i := range 200 {
			x.Submit(FIFO, fmt.Appendf(nil, "%0700d", i))
		}
		x.takesToken(1, x.ring.hop+1, 1<<2)
		x.advance()
		at := slices.IndexFunc(x.out.Packets, func(p Packet) bool { return kindOf(p.Data) == ringproto.Token })
		if at < 0 {
			t.Fatal("no token")
		}
		if got := len(x.sentOf(ringproto.Data)) - at; got != want {
			t.Errorf("%d: %d packets follow the token, not %d", accelerated, got, want)
		}
	}
}
