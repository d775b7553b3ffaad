package sim

import (
	"testing"
	"time"

	"gospread/spread/internal/evscheck"
)

// installed counts the memberships of a daemon so far.
func (s *Script) installed(name string) (n int) {
	events := s.host(name).log.Events
	for i := range events {
		if events[i].Kind == evscheck.Installed {
			n++
		}
	}
	return n
}

// Those who come at the same time are merged with at once, although at first they
// have not heard of each other.
func TestMergeInOneGo(t *testing.T) {
	for _, c := range []struct {
		what   string
		apart  func(s *Script)
		parted string
	}{
		{"three singles", func(s *Script) { s.Partition("d1 | d2 | d3 d4 d5") }, "d1 | d2 | d3 d4 d5"},
		{"five singles", func(s *Script) { s.Partition("d1 | d2 | d3 | d4 | d5") }, "d1 | d2 | d3 | d4 | d5"},
		{"pairs", func(s *Script) { s.Partition("d1 d2 | d3 d4 | d5") }, "d1 d2 | d3 d4 | d5"},
		{"daemons that stood still", func(s *Script) {
			s.Pause("d2", 5*time.Second)
			s.For(2 * time.Second)
			s.Pause("d3", 3*time.Second)
			s.For(2 * time.Second)
		}, "d1 d4 d5"},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := formed(t, Local(5))
			c.apart(s)
			s.Wait(c.parted, 3*time.Second)
			s.For(345 * ms)
			before := s.installed("d1")
			s.Heal()
			s.Wait(s.all(), 1500*ms)
			if n := s.installed("d1") - before; n != 1 {
				t.Errorf("d1 had %d memberships until all were together", n)
			}
			s.Finish()
		})
	}
}
