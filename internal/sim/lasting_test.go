package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gospread/spread/internal/ring"
	"gospread/spread/internal/ringproto"
)

// What a daemon has sent before its planned stop arrives at all others.
func TestLeaveLosesNothing(t *testing.T) {
	for _, n := range []int{1, 20, 200} {
		for _, loss := range []float64{0, 0.1} {
			t.Run(fmt.Sprintf("%d messages/%v loss", n, loss), func(t *testing.T) {
				s := formed(t, Local(4))
				got := make(map[string]int)
				s.onEvent = append(s.onEvent, func(h *host, e *ring.Event) {
					if e.Kind == ring.Deliver && len(e.Message.Payload) > 500 {
						got[h.slot.name]++
					}
				})
				for i := range s.net.links {
					s.net.links[i].loss = loss
				}
				s.Send("d2", "g0", ring.FIFO, n, 1000)
				s.Leave("d2")
				s.Wait("d1 d3 d4", time.Second)
				for _, name := range []string{"d1", "d3", "d4"} {
					if got[name] != n {
						t.Errorf("%s has %d of %d messages", name, got[name], n)
					}
				}
				s.Finish()
			})
		}
	}
}

// A datagram of a former attempt comes during the next one: what is first sent of a
// kind is kept until the next proposal is on its way, or has arrived.
func TestLateDatagramsOfAnAttempt(t *testing.T) {
	for _, kind := range []ringproto.Kind{ringproto.Propose, ringproto.State, ringproto.Plan, ringproto.Ready, ringproto.Install} {
		for _, d := range []time.Duration{0, 200 * time.Microsecond, ms, 5 * ms, 350 * ms} {
			for _, then := range []string{"d1 d2 d3 d4", "d1 d2 d3 | d4", "d1 d4 | d2 d3", "d2 d3 d4 | d1"} {
				if kind == ringproto.Install && then == "d1 d2 d3 d4" {
					continue // nobody needs it: any datagram of the new membership says so, too
				}
				t.Run(fmt.Sprintf("%v/%v/%s", kind, d, then), func(t *testing.T) {
					s := NewScript(t, busy(Local(4), 200))
					s.Form()
					s.Partition("d1 d2 | d3 d4")
					s.Wait("d1 d2 | d3 d4", 3*time.Second)
					var kept []func()
					late := 0
					s.onCopy = append(s.onCopy, func(x *Datagram) Verdict {
						if late > 0 || ringproto.Kind(x.Kind()) != kind {
							return Pass
						}
						if len(kept) == 0 {
							s.after(0, func() { s.Partition(then) })
						}
						one := *x
						p := *x.Packet
						p.To, p.Near, p.Via = s.slots[x.To].id, false, nil
						one.Packet = &p
						kept = append(kept, s.net.hold(&one))
						return Drop
					})
					attempts := 0
					s.onSend = append(s.onSend, func(x *Datagram) Verdict {
						if ringproto.Kind(x.Kind()) != ringproto.Propose {
							return Pass
						}
						if attempts++; attempts > 1 && len(kept) > 0 {
							late += len(kept)
							for _, f := range kept {
								s.after(d, f)
							}
							kept = nil
						}
						return Pass
					})
					s.Heal()
					s.For(3 * time.Second)
					if late == 0 {
						t.Fatalf("no %v came late", kind)
					}
					s.Heal()
					s.For(2 * time.Second)
					s.Finish()
				})
			}
		}
	}
}

// Daemons that end while the ring is loaded, and stay away: the others go on soon,
// and their number does not matter.
func TestStayAwayUnderLoad(t *testing.T) {
	for _, gone := range []string{"d1", "d3", "d5", "d1 d2", "d1 d3 d5", "d2 d3 d4 d5"} {
		for _, silent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/silent %v", gone, silent), func(t *testing.T) {
				p := Local(5)
				p.Traffic = Traffic{Clients: 2, Groups: 2, Burst: 100, Large: 0.3, Safe: 0.4, Every: 50 * ms, Most: 8 << 20}
				p.Duration = 5 * time.Second
				s := NewScript(t, p)
				s.Form()
				s.For(time.Second)
				var rest string
				for _, o := range s.slots {
					if !slices.Contains(s.indices(gone), o.index) {
						rest += " " + o.name
					}
				}
				if silent {
					s.PowerCut(gone)
				} else {
					s.Crash(gone)
				}
				t.Logf("%v", s.Wait(rest, 2*time.Second))
				s.For(2 * time.Second)
				s.Wait(rest, 0)
				s.Finish()
			})
		}
	}
}

// The last table of a state exchange comes behind something that is lost with its
// sender, so it is delivered behind the next signal.
func TestExchangeEndsBehindSignal(t *testing.T) {
	late := 0
	for _, lost := range []string{"d2", "d4"} {
		for _, wait := range []time.Duration{2 * ms, 10 * ms, 100 * ms} {
			t.Run(fmt.Sprintf("%s/%v", lost, wait), func(t *testing.T) {
				s := formed(t, Local(4))
				s.Partition("d1 d2 | d3 d4")
				s.Wait("d1 d2 | d3 d4", 3*time.Second)
				s.Send("d1 d3", "g0", ring.Agreed, 2, 100)
				s.Reload(lost, "d1 d2 d4 d3") // it tells that as soon as they are together
				s.last = 0
				s.For(100 * ms)
				merged := false
				s.onEvent = append(s.onEvent, func(_ *host, e *ring.Event) {
					merged = merged || e.Kind == ring.RegularConfiguration && len(e.Config.Members) == 4
				})
				s.onCopy = append(s.onCopy, func(d *Datagram) Verdict {
					if merged && ringproto.Kind(d.Kind()) == ringproto.Data && s.is(lost, d.From) {
						return Drop
					}
					return Pass
				})
				s.Heal()
				s.Delay(ringproto.Wake, "d3", "d1", 2, 2*ms) // the token goes to the other first
				s.RunUntil(s.now+3*time.Second, func() bool { return merged })
				s.For(wait)
				s.PowerCut(lost)
				s.For(2 * time.Second)
				s.Finish()
				late += s.Seen.FinishedLate
			})
		}
	}
	if late == 0 {
		t.Fatal("no exchange ended behind a signal")
	}
}
