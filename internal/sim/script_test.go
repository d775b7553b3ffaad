package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gospread/spread/internal/ring"
	"gospread/spread/internal/ringproto"
)

const ms = time.Millisecond

// busy gives the clients of a plan something to do until the end.
func busy(p *Plan, messages float64) *Plan {
	p.Traffic = Traffic{Clients: 2, Groups: 2, Burst: 3, Large: 0.02, Safe: 0.4, Churn: 0.05}
	p.Traffic.Every = time.Duration(float64(time.Second) * float64(2*p.Daemons) * 2 / messages)
	return p
}

// formed is a script whose daemons are in one configuration, with clients in
// groups if the plan has them idle.
func formed(tb testing.TB, p *Plan) *Script {
	tb.Helper()
	s := NewScript(tb, p)
	s.Form()
	if p.Traffic.Every == 0 {
		s.Join(s.all(), "g0 g1")
		s.For(50 * ms)
	}
	return s
}

// All daemons start at once, or one after the other.
func TestForm(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 8, 12, 20} {
		for _, stagger := range []time.Duration{0, 100 * ms, 2 * time.Second} {
			t.Run(fmt.Sprintf("%d daemons within %v", n, stagger), func(t *testing.T) {
				p := Local(n)
				p.Stagger = stagger
				s := NewScript(t, p)
				s.Begin()
				s.For(stagger)
				s.Wait(s.all(), time.Second)
				s.Join(s.all(), "g0")
				s.Send(s.all(), "g0", ring.Safe, 3, 100)
				s.Finish()
			})
		}
	}
}

func TestFormWide(t *testing.T) {
	for _, n := range []int{2, 5, 12} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s := NewScript(t, busy(Wide(n), 20))
			s.Start("")
			s.Wait(s.all(), 6*time.Second)
			s.For(5 * time.Second)
			s.Finish()
		})
	}
}

// 60 daemons form one ring and keep order while one datagram in a hundred is
// lost; 128 form.
func TestMany(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	for _, c := range []struct {
		daemons  int
		loss     float64
		messages float64
	}{{60, 0.01, 100}, {128, 0, 0}} {
		t.Run(fmt.Sprint(c.daemons), func(t *testing.T) {
			t.Parallel()
			p := Local(c.daemons)
			p.Near.Loss, p.Stagger = c.loss, 500*ms
			if c.messages > 0 {
				busy(p, c.messages)
			}
			s := NewScript(t, p)
			s.Begin()
			s.Wait(s.all(), 10*time.Second)
			installed := s.Seen.Configurations
			s.For(2 * time.Second)
			if n := s.Seen.Configurations - installed; n > 0 {
				t.Errorf("%d configurations after that of all", n)
			}
			s.Finish()
		})
	}
}

// steps are the datagrams of a membership change.
var steps = []ringproto.Kind{
	ringproto.Join, ringproto.Propose, ringproto.State, ringproto.Plan, ringproto.Ready, ringproto.Install,
	ringproto.Data, ringproto.Token, ringproto.Ack,
}

// A membership change begins; when a datagram of some kind is sent, something
// happens to its sender or to another.
func TestEachStep(t *testing.T) {
	begins := map[string]func(s *Script){
		"crash": func(s *Script) { s.Crash("d5") },
		"merge": func(s *Script) { s.Heal() },
		"split": func(s *Script) { s.Partition("d1 d2 | d3 d4 d5") },
	}
	happens := map[string]func(s *Script, from string){
		"sender crashes":       func(s *Script, from string) { s.Crash(from) },
		"sender loses power":   func(s *Script, from string) { s.PowerCut(from) },
		"first crashes":        func(s *Script, _ string) { s.Crash("d1") },
		"third crashes":        func(s *Script, _ string) { s.Crash("d3") },
		"sender sleeps":        func(s *Script, from string) { s.Pause(from, 1500*ms) },
		"network parts":        func(s *Script, _ string) { s.Partition("d1 d4 | d2 d3 d5") },
		"sender is heard by 2": func(s *Script, from string) { deaf(s, from) },
		"fifth starts": func(s *Script, _ string) {
			s.after(0, func() { s.Start("d5") })
		},
	}
	for _, begin := range []string{"crash", "merge", "split"} {
		for _, kind := range steps {
			for _, what := range sortedKeys(happens) {
				t.Run(fmt.Sprintf("%s/%v/%s", begin, kind, what), func(t *testing.T) {
					t.Parallel()
					s := NewScript(t, busy(Local(5), 150))
					s.Form()
					s.For(200 * ms)
					if begin == "merge" {
						s.Partition("d1 d2 d3 | d4 d5")
						s.Wait("d1 d2 d3 | d4 d5", 3*time.Second)
						s.For(200 * ms)
					}
					n := 1 + rand.New(rand.NewPCG(uint64(kind), uint64(len(what)))).IntN(3)
					if kind == ringproto.Propose || kind == ringproto.Plan || kind == ringproto.Install {
						n = 1 // a change that is not disturbed has no more
					}
					fired := false
					begins[begin](s)
					s.On(kind, "", n, func(from string) {
						happens[what](s, from)
						fired = true
					})
					s.For(2 * time.Second)
					if !fired {
						t.Fatalf("no %v was sent %d times", kind, n)
					}
					s.Finish()
				})
			}
		}
	}
}

// deaf lets only the first two others hear what a daemon sends.
func deaf(s *Script, from string) {
	heard := 0
	for _, o := range s.slots {
		if o.name == from {
			continue
		}
		if heard++; heard > 2 {
			s.CutOneWay(from, o.name)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func TestMerges(t *testing.T) {
	for _, c := range []struct {
		name   string
		before []string
		after  string
	}{
		{"two", []string{"d1 d2 | d3 d4 d5"}, "heal"},
		{"three", []string{"d1 d2 | d3 d4 | d5"}, "heal"},
		{"five", []string{"d1 | d2 | d3 | d4 | d5"}, "heal"},
		{"crossing", []string{"d1 d2 | d3 d4 d5"}, "d1 d3 | d2 d4 d5"},
		{"and back", []string{"d1 d2 | d3 d4 d5", "d1 d3 | d2 d4 d5", "d5 | d1 d2 d3 d4"}, "heal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewScript(t, busy(Local(5), 300))
			s.Form()
			for _, parts := range c.before {
				s.Partition(parts)
				s.Wait(parts, 3*time.Second)
				s.For(300 * ms)
			}
			if c.after == "heal" {
				s.Heal()
				s.Wait(s.all(), 3*time.Second)
			} else {
				s.Partition(c.after)
				s.Wait(c.after, 3*time.Second)
			}
			s.For(300 * ms)
			s.Finish()
		})
	}
}

// While two parts merge, a third comes, or one of them parts again.
func TestMergeDuringMerge(t *testing.T) {
	for _, kind := range steps {
		for _, then := range []string{"d1 d2 d3 d4 d5", "d1 d2 | d3 d4 d5", "d1 d3 d5 | d2 d4", "d1 | d2 d3 d4 d5"} {
			t.Run(fmt.Sprintf("%v/%s", kind, then), func(t *testing.T) {
				s := NewScript(t, busy(Local(5), 300))
				s.Form()
				s.Partition("d1 d2 | d3 d4 | d5")
				s.Wait("d1 d2 | d3 d4 | d5", 3*time.Second)
				s.Partition("d1 d2 d3 d4 | d5")
				fired := false
				s.On(kind, "", 1, func(string) {
					s.Partition(then)
					fired = true
				})
				s.For(3 * time.Second)
				if !fired {
					t.Fatalf("no %v was sent", kind)
				}
				s.Wait(then, 3*time.Second)
				s.Finish()
			})
		}
	}
}

// The state exchange of a merge is interrupted: what was on its way then must not
// come back later.
func TestGhostsAfterInterruptedExchange(t *testing.T) {
	// What is sent of the exchange: the tables of the parts.
	for n := 1; n <= 2; n++ {
		for _, then := range []string{"d1 d2 | d3", "d1 | d2 d3", "d1 d3 | d2", "d1 | d2 | d3"} {
			t.Run(fmt.Sprintf("%d/%s", n, then), func(t *testing.T) {
				s := formed(t, Local(3))
				s.Partition("d1 d2 | d3")
				s.Wait("d1 d2 | d3", 3*time.Second)
				s.Send("d1 d2 d3", "g0", ring.Agreed, 2, 100)
				s.For(100 * ms)
				before := s.Seen.Interrupted
				s.Heal()
				exchanging, left := false, n
				s.onEvent = append(s.onEvent, func(_ *host, e *ring.Event) {
					exchanging = exchanging || e.Kind == ring.RegularConfiguration && len(e.Config.Members) == 3
				})
				s.onSend = append(s.onSend, func(d *Datagram) Verdict {
					if exchanging && ringproto.Kind(d.Kind()) == ringproto.Data {
						if left--; left == 0 {
							s.Partition(then)
						}
					}
					return Pass
				})
				s.For(100 * ms)
				s.Send("d1 d2 d3", "g0", ring.Reliable, 1, 100)
				s.For(3 * time.Second)
				if s.Seen.Interrupted == before {
					t.Fatal("the exchange was not interrupted")
				}
				s.Heal()
				s.Wait(s.all(), 3*time.Second)
				s.Send("d1 d2 d3", "g0", ring.Safe, 1, 100)
				s.Finish()
			})
		}
	}
}

// Every second data packet does not reach one daemon: its holes are more than a
// datagram can list. Then the membership changes.
func TestMoreHolesThanADatagramLists(t *testing.T) {
	p := Local(3)
	p.Datagram = 576
	s := formed(t, p)
	n := 0
	s.onCopy = append(s.onCopy, func(d *Datagram) Verdict {
		if n++; ringproto.Kind(d.Kind()) == ringproto.Data && d.To == 1 && n%2 == 0 {
			return Drop
		}
		return Pass
	})
	for range 40 {
		s.Send("d1 d3", "g0", ring.FIFO, 1, 30_000)
		s.Send("d2", "g0", ring.Safe, 1, 100)
		s.For(5 * ms)
	}
	s.Crash("d3")
	s.For(2 * time.Second)
	if s.Seen.MoreHoles == 0 {
		t.Fatal("the holes have always fitted a datagram")
	}
	s.Finish()
}

// A message of many packets is under way when the membership changes. It is
// delivered once and whole, in the old configuration or in the new one.
func TestFragmentsAcrossView(t *testing.T) {
	for _, event := range []string{"crash of a receiver", "crash of the sender", "split", "merge"} {
		for n := 1; n < 120; n += 17 {
			t.Run(fmt.Sprintf("%s/%d", event, n), func(t *testing.T) {
				s := formed(t, Local(3))
				if event == "merge" {
					s.Partition("d1 d2 | d3")
					s.Wait("d1 d2 | d3", 3*time.Second)
				}
				fired := false
				s.On(ringproto.Data, "d2", n, func(string) {
					fired = true
					switch event {
					case "crash of a receiver":
						s.Crash("d3")
					case "crash of the sender":
						s.Crash("d2")
					case "split":
						s.Partition("d1 | d2 d3")
					case "merge":
						s.Heal()
					}
				})
				s.Send("d2", "g0", ring.Agreed, 2, 100_000)
				s.Send("d1", "g0", ring.Safe, 3, 1000)
				s.For(2 * time.Second)
				if !fired {
					t.Fatalf("%d packets were not sent", n)
				}
				s.Finish()
			})
		}
	}
}

// SAFE messages are under way when the network parts: who holds them, and who
// knows that, is different at each daemon.
func TestSafeUnderWay(t *testing.T) {
	for _, c := range []struct {
		kind ringproto.Kind
		most int // so many are sent until all is delivered
	}{{ringproto.Data, 6}, {ringproto.Token, 2}, {ringproto.Ack, 6}} {
		for n := 1; n <= c.most; n++ {
			for _, then := range []string{"d1 d2 | d3", "d1 | d2 | d3", "d2 | d1 d3"} {
				t.Run(fmt.Sprintf("%v/%d/%s", c.kind, n, then), func(t *testing.T) {
					s := formed(t, Local(3))
					left := 9 * 3 // deliveries
					s.onEvent = append(s.onEvent, func(_ *host, e *ring.Event) {
						if e.Kind == ring.Deliver && len(e.Message.Payload) > 500 {
							left--
						}
					})
					underWay := 0
					s.On(c.kind, "", n, func(string) {
						s.Partition(then)
						underWay = left
					})
					s.Send("d1 d2 d3", "g0", ring.Safe, 3, 500)
					s.For(2 * time.Second)
					if underWay == 0 {
						t.Fatal("the network has not parted while something was under way")
					}
					s.Finish()
				})
			}
		}
	}
}
