package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gospread/spread/internal/ring"
)

// How long until the others go on (the limits are those of the product).
func TestHowLongAChangeTakes(t *testing.T) {
	for _, traffic := range []float64{0, 200} {
		for _, c := range []struct {
			what string
			do   func(s *Script)
			want string
			most time.Duration
		}{
			{"crash of the first", func(s *Script) { s.Crash("d1") }, "d2 d3 d4 d5", 300 * ms},
			{"crash of the last", func(s *Script) { s.Crash("d5") }, "d1 d2 d3 d4", 300 * ms},
			{"crash of two", func(s *Script) { s.Crash("d2 d4") }, "d1 d3 d5", 300 * ms},
			{"power cut", func(s *Script) { s.PowerCut("d3") }, "d1 d2 d4 d5", 1200 * ms},
			{"power cut of the first", func(s *Script) { s.PowerCut("d1") }, "d2 d3 d4 d5", 1200 * ms},
			{"split", func(s *Script) { s.Partition("d1 d2 | d3 d4 d5") }, "d1 d2 | d3 d4 d5", 1200 * ms},
			{"cable out", func(s *Script) { s.Partition("d1 | d2 d3 d4 d5") }, "d1 | d2 d3 d4 d5", 1200 * ms},
			{"planned stop", func(s *Script) { s.Leave("d4") }, "d1 d2 d3 d5", 30 * ms},
			{"planned stop of the first", func(s *Script) { s.Leave("d1") }, "d2 d3 d4 d5", 30 * ms},
			{"restart at once", func(s *Script) { s.Crash("d2"); s.World.Start(1) }, "d1 d2 d3 d4 d5", 300 * ms},
		} {
			t.Run(fmt.Sprintf("%s/%v messages", c.what, traffic), func(t *testing.T) {
				p := Local(5)
				if traffic > 0 {
					busy(p, traffic)
				}
				s := formed(t, p)
				s.For(1234 * ms)
				if c.what == "restart at once" { // it must be a new configuration
					old := s.host("d1").log.config.ID
					c.do(s)
					from := s.now
					s.RunUntil(s.now+c.most, func() bool { return s.host("d1").log.config.ID != old })
					s.Wait(c.want, c.most-(s.now-from))
				} else {
					c.do(s)
					took := s.Wait(c.want, c.most)
					t.Logf("%v", took)
				}
				s.For(300 * ms)
				s.Finish()
			})
		}
	}
}

// A ring at rest asks its members now and then only; a change takes no longer than it may
// wherever between two of these times it comes.
func TestHowLongAChangeTakesAtRest(t *testing.T) {
	for _, c := range []struct {
		what  string
		do    func(s *Script, who string)
		worst time.Duration
	}{
		{"crash", (*Script).Crash, 300 * ms},
		{"power cut", (*Script).PowerCut, 1200 * ms},
	} {
		for _, all := range []string{"d1 d2", "d1 d2 d3", "d1 d2 d3 d4 d5"} {
			names := strings.Fields(all)
			for i, who := range names[:2] { // d1 has the token
				others := strings.Join(slices.Delete(slices.Clone(names), i, i+1), " ")
				var worst time.Duration
				for phase := time.Duration(0); phase < 200*ms; phase += 9 * ms {
					s := formed(t, Local(len(names)))
					s.For(time.Second + phase)
					c.do(s, who)
					worst = max(worst, s.Wait(others, 2*c.worst))
					s.Finish()
				}
				if t.Logf("%s of %s of %d daemons: %v at worst", c.what, who, len(names), worst); worst > c.worst {
					t.Errorf("that is more than %v", c.worst)
				}
			}
		}
	}
}

// How long until all are together again.
func TestHowLongAMergeTakes(t *testing.T) {
	for _, multicast := range []bool{true, false} {
		for _, traffic := range []float64{0, 200} {
			for _, c := range []struct {
				what     string
				do, undo func(s *Script)
				want     string
				most     time.Duration
			}{
				{"restart", func(s *Script) { s.Crash("d3") }, func(s *Script) { s.Start("d3") }, "d1 d2 d4 d5", 300 * ms},
				{"restart of the first", func(s *Script) { s.Crash("d1") }, func(s *Script) { s.Start("d1") }, "d2 d3 d4 d5", 300 * ms},
				{"cable in", func(s *Script) { s.Partition("d1 | d2 d3 d4 d5") }, (*Script).Heal, "d1 | d2 d3 d4 d5", 1500 * ms},
				{"healed split", func(s *Script) { s.Partition("d1 d2 | d3 d4 d5") }, (*Script).Heal, "d1 d2 | d3 d4 d5", 1500 * ms},
				{"healed in pieces", func(s *Script) { s.Partition("d1 | d2 | d3 | d4 | d5") }, (*Script).Heal, "d1 | d2 | d3 | d4 | d5", 1500 * ms},
			} {
				t.Run(fmt.Sprintf("%s/multicast %v/%v messages", c.what, multicast, traffic), func(t *testing.T) {
					p := Local(5)
					p.Multicast = multicast
					if traffic > 0 {
						busy(p, traffic)
					}
					s := formed(t, p)
					c.do(s)
					s.Wait(c.want, 3*time.Second)
					s.For(2345 * ms)
					c.undo(s)
					t.Logf("%v", s.Wait(s.all(), c.most))
					s.Finish()
				})
			}
		}
	}
}

// What must not throw anybody out.
func TestNoFalseSuspicion(t *testing.T) {
	for _, c := range []struct {
		what string
		do   func(s *Script)
	}{
		{"pauses of 400 ms", func(s *Script) {
			for i, o := range s.slots {
				s.after(time.Duration(i)*3*time.Second, func() { s.Pause(o.name, 400*ms) })
			}
		}},
		{"5 % loss", func(s *Script) {
			for i := range s.net.links {
				s.net.links[i].loss = 0.05
			}
		}},
		{"a slow daemon", func(s *Script) { s.host("d2").work = ms / 2 }},
		{"jitter of 20 ms", func(s *Script) {
			for i := range s.net.links {
				s.net.links[i].path.Jitter = 20 * ms
			}
		}},
		{"duplicates and disorder", func(s *Script) {
			for i := range s.net.links {
				s.net.links[i].dup, s.net.links[i].reorder, s.net.links[i].late = 0.2, 0.2, 0.05
			}
		}},
	} {
		for _, traffic := range []float64{0, 200} {
			t.Run(fmt.Sprintf("%s/%v messages", c.what, traffic), func(t *testing.T) {
				p := Local(5)
				if traffic > 0 {
					busy(p, traffic)
				}
				s := formed(t, p)
				before := s.Seen.Configurations
				c.do(s)
				s.For(20 * time.Second)
				if n := s.Seen.Configurations - before; n > 0 {
					t.Errorf("%d configurations were installed", n)
				}
				s.Finish()
			})
		}
	}
}

// Links that work in one direction only lead to configurations that stay.
func TestOneWayLinks(t *testing.T) {
	cuts := map[string][][2]string{
		"one":             {{"d1", "d2"}},
		"to the first":    {{"d3", "d1"}},
		"from the last":   {{"d4", "d2"}},
		"deaf":            {{"d1", "d3"}, {"d2", "d3"}, {"d4", "d3"}},
		"mute":            {{"d3", "d1"}, {"d3", "d2"}, {"d3", "d4"}},
		"deaf first":      {{"d2", "d1"}, {"d3", "d1"}, {"d4", "d1"}},
		"mute first":      {{"d1", "d2"}, {"d1", "d3"}, {"d1", "d4"}},
		"circle":          {{"d1", "d2"}, {"d2", "d3"}, {"d3", "d1"}},
		"two ways, apart": {{"d1", "d2"}, {"d2", "d1"}},
		"a chain":         {{"d1", "d3"}, {"d3", "d1"}, {"d1", "d4"}, {"d4", "d1"}, {"d2", "d4"}, {"d4", "d2"}},
	}
	for _, name := range sortedKeys(cuts) {
		for _, early := range []bool{false, true} {
			for _, traffic := range []float64{0, 100} {
				t.Run(fmt.Sprintf("%s/from the start %v/%v messages", name, early, traffic), func(t *testing.T) {
					p := Local(4)
					if traffic > 0 {
						busy(p, traffic)
					}
					s := NewScript(t, p)
					if !early {
						s.Form()
						s.For(time.Second)
					}
					for _, c := range cuts[name] {
						s.CutOneWay(c[0], c[1])
					}
					s.Start("")
					s.For(10 * time.Second)
					before := s.Seen.Configurations
					s.For(10 * time.Second)
					if n := s.Seen.Configurations - before; n > 0 {
						t.Errorf("%d configurations were installed in the last 10 of 20 seconds; now\n%s", n, s.state())
					}
					most := 0
					for _, o := range s.slots {
						h := o.host
						if h.log.config == nil || h.log.phase != ring.RegularConfiguration {
							t.Fatalf("%s is in no regular configuration", o.name)
						}
						most = max(most, len(h.log.config.Members))
					}
					want := 3
					if name == "circle" || name == "a chain" {
						want = 2 // there are no three of which all hear each other
					}
					// A link that is not used is not missed.
					if most < want || most > want && (traffic > 0 || early) {
						t.Errorf("%d are together at most, want %d:\n%s", most, want, s.state())
					}
					s.Finish()
				})
			}
		}
	}
}

// An idle ring sends next to nothing, and a first message does not wait.
func TestIdle(t *testing.T) {
	s := formed(t, Local(5))
	s.For(5 * time.Second)
	before := s.Seen.Packets
	s.For(10 * time.Second)
	t.Logf("an idle daemon sends %.1f datagrams a second", float64(s.Seen.Packets-before)/50)
	for i := range 5 {
		s.For(777 * ms)
		got := 0
		s.onEvent = append(s.onEvent[:0], func(_ *host, e *ring.Event) {
			if e.Kind == ring.Deliver {
				got++
			}
		})
		from := s.now
		s.Send(fmt.Sprintf("d%d", i+1), "g0", ring.Agreed, 1, 100)
		if !s.RunUntil(s.now+20*ms, func() bool { return got == 5 }) {
			t.Errorf("%d of 5 daemons have delivered a message of an idle ring after 20 ms", got)
		}
		t.Logf("agreed message of d%d at all daemons after %v", i+1, s.now-from)
	}
	s.Finish()
}
