package seal

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// tool makes the Sealer of a tool with a clock that is off by so much.
func tool(t *testing.T, off time.Duration) *Sealer {
	t.Helper()
	s, err := newTool(ring(t, 1), func() time.Time { return time.Now().Add(off) })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTools: many at a time, for long, and both ways.
func TestTools(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := daemon(t, ring(t, 1), 1, 100)
		var all []*Sealer
		for range 5 {
			all = append(all, tool(t, 0))
		}
		for i := range 200 {
			for _, x := range all {
				sealed := x.Seal(nil, fmt.Append(nil, i))
				opens(t, d, sealed, fmt.Sprint(i))
				opens(t, d, sealed, ErrReplay)
				opens(t, x, d.Seal(nil, []byte("answer")), "answer")
			}
			time.Sleep(4 * time.Second)
		}
		if n := len(d.in.tools.streams); n > 5*(toolSkew/toolLife+2) {
			t.Errorf("%d lives are remembered", n)
		}
	})
}

// TestToolReplay: not while it is remembered, not when it is forgotten, not when the
// daemon has been restarted, not with a clock that is set back.
func TestToolReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := daemon(t, ring(t, 1), 1, 100)
		x := tool(t, 0)
		sealed, unheard := x.Seal(nil, []byte("stop")), tool(t, 0).Seal(nil, []byte("unheard"))
		opens(t, d, sealed, "stop")
		for range 2 * toolSkew / 5 {
			opens(t, d, sealed, ErrReplay)
			opens(t, d, tool(t, 0).Seal(nil, []byte("other")), "other")
			time.Sleep(5 * time.Second)
			if len(d.in.tools.streams) > 0 && d.in.tools.floor > prefixOf(sealed).life().incarnation {
				break
			}
		}
		opens(t, d, sealed, ErrClock)
		opens(t, d, unheard, ErrClock)
		d.in.tools.clock = func() time.Time { return time.Now().Add(-toolSkew * time.Second) }
		opens(t, d, sealed, ErrStale)

		opens(t, daemon(t, ring(t, 1), 1, 101), sealed, ErrClock)
		young := x.Seal(nil, []byte("young"))
		time.Sleep(time.Second)
		again := daemon(t, ring(t, 1), 1, 102)
		opens(t, again, young, ErrStale)
		time.Sleep(toolLife * time.Second)
		opens(t, again, x.Seal(nil, []byte("its next life")), "its next life")
	})
}

func TestToolClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := daemon(t, ring(t, 1), 1, 100)
		time.Sleep(2 * toolSkew * time.Second)
		for seconds, want := range map[int]any{
			0: "x", toolSkew: "x", -toolSkew: "x", toolSkew + 1: ErrClock, -toolSkew - 1: ErrClock,
		} {
			opens(t, d, tool(t, time.Duration(seconds)*time.Second).Seal(nil, []byte("x")), want)
		}
	})
}

// TestTooManyTools: what is remembered is bounded, and what is forgotten is over.
func TestTooManyTools(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := daemon(t, ring(t, 1), 1, 100)
		first := tool(t, 0)
		sealed := first.Seal(nil, []byte("first"))
		opens(t, d, sealed, "first")
		time.Sleep(time.Second)
		for range maxTools {
			opens(t, d, tool(t, 0).Seal(nil, []byte("x")), "x")
		}
		if n := len(*d.in.streams.Load()); n != maxTools {
			t.Errorf("%d streams", n)
		}
		opens(t, d, sealed, ErrStale)
		time.Sleep(toolLife * time.Second)
		opens(t, d, first.Seal(nil, []byte("again")), "again")
	})
}

func TestToolRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, x := daemon(t, ring(t, 1, 2), 1, 100), tool(t, 0)
		opens(t, d, x.Seal(nil, []byte("1")), "1")
		if err := x.SetKeys(ring(t, 2, 1)); err != nil {
			t.Fatal(err)
		}
		sealed := x.Seal(nil, []byte("2"))
		if prefixOf(sealed).keyID() != ring(t, 2).list[0].id {
			t.Error("sealed with the old key")
		}
		opens(t, d, sealed, "2")
	})
}

func prefixOf(sealed []byte) *prefix {
	p := prefix(sealed)
	return &p
}
