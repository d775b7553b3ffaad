package seal

import (
	"cmp"
	"slices"
	"time"
)

// Tools have no place in the configuration: many run at a time, for moments or for
// days, and all have the id 0. What they say may be a command, so that a replay must
// not pass even when the daemon has been restarted in between. So the life of a tool
// is short, and counts only near the time at which it begins.
const (
	toolID   = 0
	toolLife = 10     // seconds after which a tool begins another life
	toolSkew = 5 * 60 // seconds that clocks may differ, and that a life counts
	maxTools = 256    // lives of tools that are remembered
)

// tools are the lives of tools that have been heard.
type tools struct {
	clock   func() time.Time
	floor   uint32 // lives that began before are over: of before our start, or forgotten
	streams []*stream
}

func newTools(clock func() time.Time) tools {
	return tools{clock: clock, floor: seconds(clock())}
}

// check says whether a life may begin here.
func (t *tools) check(p *prefix) error {
	began := p.life().incarnation
	switch {
	case distance(began, seconds(t.clock())) > toolSkew:
		return ErrClock
	case began < t.floor, p.epoch() != 0:
		return ErrStale
	}
	return nil
}

// admit remembers a life, and forgets those that have had their time. Of too many it
// forgets the oldest; a tool that still runs begins another life soon.
func (t *tools) admit(st *stream) {
	now := seconds(t.clock())
	slices.SortFunc(t.streams, func(a, b *stream) int { return cmp.Compare(a.began(), b.began()) })
	for len(t.streams) > 0 && (len(t.streams) >= maxTools || uint64(t.streams[0].began())+toolSkew < uint64(now)) {
		t.floor = max(t.floor, t.streams[0].began()+1)
		t.streams = slices.Delete(t.streams, 0, 1)
	}
	t.streams = append(t.streams, st)
}

func (st *stream) began() uint32 { return st.prefix.life().incarnation }

// seconds is a time as lives have it, in seconds since 1970.
func seconds(t time.Time) uint32 { return uint32(t.Unix()) }

func distance(a, b uint32) uint32 { return max(a, b) - min(a, b) }
