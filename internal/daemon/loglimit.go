package daemon

import (
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Of entries with the same key, so many in so much time are written; how many more
// there were is said when the time is over. The limit is far above what a person
// could follow, and keeps whoever makes the daemon log from filling the disk.
const (
	logBurst  = 100
	logWindow = 10 * time.Second
	// logKeys is how many keys are watched at once. Entries with others are written.
	logKeys = 256
)

// limiter counts entries by their keys. It belongs to the logger's lock.
type limiter struct {
	due   func() // called, without the lock, when report has something to say
	keys  map[string]*repetition
	timer *time.Timer
}

// repetition is what came of one key since a time.
type repetition struct {
	since   time.Time
	written int
	counted int
	last    entry // of those counted
}

// admits tells whether an entry is to be written. If not, it is counted.
func (m *limiter) admits(e *entry, now time.Time) bool {
	if e.key == "" {
		return true
	}
	r := m.keys[e.key]
	if r == nil {
		if len(m.keys) >= logKeys && !m.forget(now) {
			return true
		}
		if m.keys == nil {
			m.keys = make(map[string]*repetition)
		}
		r = &repetition{since: now}
		m.keys[e.key] = r
	}
	if now.Sub(r.since) >= logWindow && r.counted == 0 {
		*r = repetition{since: now}
	}
	if r.written < logBurst {
		r.written++
		return true
	}
	r.counted++
	r.last = *e
	if m.timer == nil {
		m.timer = time.AfterFunc(r.since.Add(logWindow).Sub(now), m.due)
	}
	return false
}

// forget drops the keys of which nothing has come for a while; false if there are
// none.
func (m *limiter) forget(now time.Time) (some bool) {
	for key, r := range m.keys {
		if now.Sub(r.since) >= logWindow && r.counted == 0 {
			delete(m.keys, key)
			some = true
		}
	}
	return some
}

// report hands over an entry for each key whose time is over and of which entries
// were counted; with all, for each that has some.
func (m *limiter) report(now time.Time, all bool, write func(*entry)) {
	if m.timer != nil {
		m.timer.Stop()
		m.timer = nil
	}
	var over []*repetition
	next := time.Duration(-1)
	for _, r := range m.keys {
		switch left := logWindow - now.Sub(r.since); {
		case r.counted == 0:
		case left <= 0 || all:
			over = append(over, r)
		case next < 0 || left < next:
			next = left
		}
	}
	slices.SortFunc(over, func(a, b *repetition) int { return a.since.Compare(b.since) })
	for _, r := range over {
		e := r.last
		took := now.Sub(r.since).Round(time.Second)
		if more := r.counted - 1; more > 0 {
			e.text = fmt.Sprintf("%s (%d more like this in the last %v were not logged)", e.text, more, took)
			e.fields = append(slices.Clip(e.fields), slog.Int("not_logged", more))
		}
		*r = repetition{since: now}
		write(&e)
	}
	if next >= 0 {
		m.timer = time.AfterFunc(next, m.due)
	}
}
