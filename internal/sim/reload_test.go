package sim

import (
	"fmt"
	"testing"
	"time"

	"gospread/spread/internal/ring"
)

// spares is a plan of n daemons on a local network, with traffic, and some more
// that are not in the configuration at first.
func spares(n, more int) *Plan {
	p := busy(Local(n), 100)
	p.Spare = more
	return p
}

// reloading is a script with four of six daemons in one configuration.
func reloading(t *testing.T) *Script {
	t.Helper()
	s := NewScript(t, spares(4, 2))
	s.Form()
	s.For(500 * ms)
	return s
}

// A daemon is added: there is one membership change, when it is there.
func TestReloadAdds(t *testing.T) {
	s := reloading(t)
	before := s.host("d2").log.config.ID
	for _, name := range []string{"d3", "d1", "d5", "d4"} {
		s.Reload(name, "d1 d2 d3 d4 d5")
		s.For(300 * ms)
		if s.host("d2").log.config.ID != before || s.InForce("d1", "d1 d2 d3 d4 d5") {
			t.Fatalf("something has happened with only a part of the reloads, by %s:\n%s", name, s.state())
		}
	}
	installed := s.Seen.Configurations
	s.Reload("d2", "d1 d2 d3 d4 d5")
	s.Wait("d1 d2 d3 d4 d5", time.Second)
	if n := s.Seen.Configurations - installed; n != 5 {
		t.Errorf("%d installations of the configuration with the new daemon, at 5 daemons", n)
	}
	s.Finish()
}

// A daemon is removed. It is not asked, and goes on alone; the others together.
func TestReloadRemoves(t *testing.T) {
	for _, name := range []string{"d1", "d3"} {
		t.Run(name, func(t *testing.T) {
			s := reloading(t)
			rest := "d2 d3 d4"
			if name == "d3" {
				rest = "d1 d2 d4"
			}
			s.Reload(rest, rest)
			t.Logf("the others go on after %v", s.Wait(rest, 2*time.Second))
			t.Logf("and it goes on %v later", s.Wait(name, 2*time.Second))
			if !s.InForce(name, "d1 d2 d3 d4") {
				t.Error("the removed daemon is in another configuration")
			}
			s.For(2 * time.Second)
			s.Finish()
		})
	}
}

// Two removed daemons go on together.
func TestReloadRemovesTwo(t *testing.T) {
	s := reloading(t)
	s.Reload("d2 d4", "d2 d4")
	s.Wait("d2 d4 | d1 d3", 3*time.Second)
	s.For(2 * time.Second)
	s.Reload("d1 d3", "d2 d4 d1 d3") // they come back
	s.Reload("d2 d4", "d2 d4 d1 d3")
	s.Wait("d1 d2 d3 d4", 3*time.Second)
	s.Finish()
}

// Two daemons are replaced by two others.
func TestReloadReplaces(t *testing.T) {
	s := reloading(t)
	s.Reload("d5 d6 d2 d4", "d6 d2 d5 d4")
	s.Wait("d2 d4 d5 d6", 3*time.Second)
	s.Leave("d1")
	s.PowerCut("d3")
	s.For(time.Second)
	s.Finish()
}

// The order changes. Nobody comes or goes.
func TestReloadReorders(t *testing.T) {
	s := reloading(t)
	for _, order := range []string{"d4 d3 d2 d1", "d2 d1 d3 d4", "d1 d2 d3 d4"} {
		s.Reload("d1 d2 d3 d4", order)
		s.For(2 * time.Second)
		s.Wait("d1 d2 d3 d4", time.Second)
		if !s.InForce("d1 d2 d3 d4", order) {
			t.Fatalf("%s is not in force", order)
		}
	}
	s.Finish()
}

// All but one have the new configuration: nothing happens, and nobody is cut off.
func TestReloadByAllButOne(t *testing.T) {
	for _, order := range []string{"d1 d2 d3 d4 d5", "d1 d2 d4", "d4 d1 d2 d3"} {
		for _, but := range []string{"d1", "d4"} {
			t.Run(order+" but "+but, func(t *testing.T) {
				s := reloading(t)
				s.Reload("", order)
				for _, i := range s.indices(order) {
					if s.slots[i].name != but {
						s.give(i, s.last)
					}
				}
				installed := s.Seen.Configurations
				alone := 0
				if order == "d1 d2 d3 d4 d5" {
					alone = 1 // the new one forms a configuration of its own
				}
				s.For(20 * time.Second)
				if n := s.Seen.Configurations - installed; n != alone || s.Seen.EpochsBegun > 0 {
					t.Errorf("%d configurations were installed, %d came into force", n, s.Seen.EpochsBegun)
				}
				if !s.together(s.indices("d1 d2 d3 d4")) {
					t.Errorf("they are not together:\n%s", s.state())
				}
				s.Finish()
			})
		}
	}
}

// A reload is taken back before all have it; then what is missing comes too late.
func TestReloadTakenBack(t *testing.T) {
	for _, wait := range []time.Duration{0, ms, 20 * ms, time.Second} {
		t.Run(fmt.Sprint(wait), func(t *testing.T) {
			s := reloading(t)
			s.Reload("d1 d2 d3", "d1 d2 d3 d4 d5")
			s.For(wait)
			s.Reload("d1 d2 d3", "d1 d2 d3 d4")
			s.For(wait)
			s.Reload("d4", "d1 d2 d3 d4 d5")
			s.For(3 * time.Second)
			if s.Seen.EpochsBegun > 0 {
				t.Errorf("%d came into force", s.Seen.EpochsBegun)
			}
			s.Finish()
		})
	}
}

// Another configuration is given before the one before has come into force.
func TestReloadsOverlap(t *testing.T) {
	for _, wait := range []time.Duration{0, 100 * time.Microsecond, ms, 20 * ms} {
		for n := range 4 {
			t.Run(fmt.Sprintf("%v/%d", wait, n), func(t *testing.T) {
				s := reloading(t)
				names := []string{"d1", "d2", "d3", "d4"}
				names = append(names[n:], names[:n]...)
				for _, name := range names {
					s.Reload(name, "d1 d2 d3 d4 d5")
					s.For(wait)
				}
				for _, name := range names {
					s.Reload(name, "d4 d3 d6 d2 d1")
					s.For(wait)
				}
				s.Reload("d6", "d4 d3 d6 d2 d1")
				s.Wait("d1 d2 d3 d4 d6", 5*time.Second)
				s.Finish()
			})
		}
	}
}

// The network is parted while the reload comes: each part goes over for itself, or
// not, and in the end all are together.
func TestReloadDuringPartition(t *testing.T) {
	const order = "d5 d1 d2 d4"
	for _, c := range []struct {
		first, then string // who gets it while parted, and who when all is whole
		parts       string // after the first
	}{
		{"d1 d2 d4 d5", "", "d1 d2 d5 | d3 | d4"},
		{"d1 d2", "d4 d5", "d1 d2 | d3 d4"},
		{"d4", "d1 d2 d5", "d1 d2 | d3 | d4"},
		{"d1 d4 d5", "d2", "d1 d2 | d3 | d4"},
	} {
		t.Run(c.first, func(t *testing.T) {
			s := reloading(t)
			s.Partition("d1 d2 d5 | d3 d4")
			s.Wait("d1 d2 | d3 d4", 3*time.Second)
			s.Reload(c.first, order)
			s.Wait(c.parts, 3*time.Second)
			s.Heal()
			s.For(2 * time.Second)
			s.Reload(c.then, order)
			s.Wait("d1 d2 d4 d5", 3*time.Second)
			s.For(time.Second)
			s.Finish()
		})
	}
}

// At each step of a membership change the last daemon gets the reload.
func TestReloadAtEachStep(t *testing.T) {
	for _, kind := range steps {
		for _, order := range []string{"d1 d2 d3 d4 d5", "d1 d2 d4", "d6 d4 d3 d2 d1", "d1 d2 d5"} {
			t.Run(fmt.Sprintf("%v/%s", kind, order), func(t *testing.T) {
				s := reloading(t)
				s.Partition("d1 d2 d5 d6 | d3 d4")
				s.Wait("d1 d2 | d3 d4", 3*time.Second)
				s.Reload("d1 d2 d4", "d1 d2 d3 d4 d5 d6")
				s.On(kind, "", 1, func(string) {
					s.after(0, func() {
						s.Reload(order, order)
					})
				})
				s.Heal()
				s.For(3 * time.Second)
				s.Finish()
			})
		}
	}
}

// A daemon that is away while the others go over to a new configuration is not
// stranded: it comes back with the old file, and joins when it has the new one.
func TestReloadMissed(t *testing.T) {
	s := reloading(t)
	s.PowerCut("d4")
	s.Wait("d1 d2 d3", 3*time.Second)
	s.Reload("d1 d2 d3 d5", "d1 d2 d3 d4 d5")
	s.Wait("d1 d2 d3 d5", 3*time.Second)
	s.World.Start(s.index("d4"))
	s.For(5 * time.Second)
	s.Wait("d1 d2 d3 d5 | d4", time.Second)
	s.Reload("d4", "d1 d2 d3 d4 d5")
	s.Wait("d1 d2 d3 d4 d5", 2*time.Second)
	s.Finish()
}

// The last offer waits for its place behind other messages; meanwhile the other
// daemons are given another configuration, which waits, too. What counts is what was
// offered in the order.
func TestReloadChangedWhileOffersWait(t *testing.T) {
	for _, n := range []int{10, 80, 99} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			p := Local(4)
			p.Windows.Global, p.Windows.Personal = 2, 1
			s := formed(t, p)
			s.Reload("d1 d2 d3", "d2 d3 d4 d1")
			s.For(20 * ms)
			s.Send("d1 d2 d3", "g0", ring.Agreed, 100, 1000)
			s.Send("d4", "g0", ring.Agreed, n, 1000)
			s.Reload("d4", "d2 d3 d4 d1")
			s.Reload("d1 d2 d3", "d4 d3 d2 d1")
			s.For(3 * time.Second)
			if !s.together(s.indices("d1 d2 d3 d4")) {
				t.Errorf("they are not together:\n%s", s.state())
			}
			s.Finish()
		})
	}
}

// A reload is taken back at the moment at which the last daemon offers it: it comes
// into force or not, and in the end the files are what counts.
func TestReloadTakenBackTooLate(t *testing.T) {
	begun := 0
	for i, last := range []string{"d1", "d2", "d3", "d4"} {
		others := []string{"d2 d3 d4", "d1 d3 d4", "d1 d2 d4", "d1 d2 d3"}[i]
		for _, holder := range []string{"d1", "d2", "d3", "d4"} {
			t.Run(last+" last, token at "+holder, func(t *testing.T) {
				s := formed(t, Local(4))
				s.Reload(others, "d2 d3 d4 d1")
				s.For(20 * ms)
				s.Send(holder, "g0", ring.Agreed, 1, 100)
				s.For(20 * ms)
				s.Reload(last, "d2 d3 d4 d1")
				s.Reload(others, "d1 d2 d3 d4")
				s.For(time.Second)
				s.Reload(last, "d1 d2 d3 d4")
				s.For(2 * time.Second)
				if !s.InForce("d1 d2 d3 d4", "d1 d2 d3 d4") {
					t.Error("what all files have is not in force")
				}
				begun += s.Seen.EpochsBegun
				s.Finish()
			})
		}
	}
	if begun == 0 {
		t.Fatal("it never came into force")
	}
}
