package daemon

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"gospread/spread/internal/clientproto"
	"gospread/spread/internal/group"
	"gospread/spread/internal/ring"
	"gospread/spread/internal/session"
	"gospread/spread/internal/stats"
)

// snapshot is ring and groups at the end of a turn. It does not change.
type snapshot struct {
	at        time.Time
	ring      ring.Status
	state     group.State
	numGroups int
	version   uint64 // of the groups
	stopped   bool
	depths    stats.Histogram
	messages  [6]uint64  // of clients, delivered, by service
	groups    *groupList // nil in a plain one
}

// groupList is the groups of a snapshot, and which of them each local client is in.
type groupList struct {
	list *group.Listing
	once sync.Once
	of   map[clientproto.Name][]string
}

// sort makes ready what the turn has left to its readers.
func (g *groupList) sort() {
	g.once.Do(func() {
		g.list.Sort()
		g.of = make(map[clientproto.Name][]string)
		for i := range g.list.Groups {
			name := g.list.Groups[i].Name.String()
			for _, c := range g.list.Groups[i].Here {
				g.of[c] = append(g.of[c], name)
			}
		}
	})
}

// listed is how much of the groups a snapshot has at most: the turn that copies it
// takes a few milliseconds then.
func listed() group.Bounds { return group.Bounds{Groups: 10_000, Names: 20_000, Each: 1000} }

// What may be wanted of a turn.
const (
	wantNothing = iota
	wantPlain
	wantFull
)

const (
	// snapshotAge is how old a snapshot may be for those who ask for one.
	snapshotAge = 100 * time.Millisecond
	// turnWait is how long a turn of others is waited for.
	turnWait = 20 * time.Millisecond
	// lookPatience is how long a turn may take before nobody waits for it any more.
	lookPatience = time.Second
)

// lookout shows what is in the engine to those outside. They want a snapshot, and the
// next turn leaves one for all of them, so that they take no lock of the engine for
// longer than a session does, and the engine does nothing while nobody looks.
type lookout struct {
	wanted      atomic.Uint32
	plain, full atomic.Pointer[snapshot] // the last ones; never nil once the engine has begun
	bounds      group.Bounds

	mu    sync.Mutex
	shown chan struct{} // closed when what is wanted is there; nil: nothing is wanted
	since time.Time     // when it was first wanted
}

// want asks for a snapshot. first: nobody else had asked.
func (l *lookout) want(what uint32) (shown <-chan struct{}, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wanted.Store(max(l.wanted.Load(), what))
	if first = l.shown == nil; first {
		l.shown, l.since = make(chan struct{}), time.Now()
	}
	return l.shown, first
}

// take ends the wish, at the end of a turn that fulfills it.
func (l *lookout) take() (what uint32, shown chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	what, shown = l.wanted.Load(), l.shown
	l.wanted.Store(wantNothing)
	l.shown = nil
	return what, shown
}

// fresh is a snapshot that is recent enough, or nil.
func (l *lookout) fresh(what uint32) *snapshot {
	if s := l.last(what); s != nil && time.Since(s.at) < snapshotAge {
		return s
	}
	return nil
}

// last is the last snapshot of that kind.
func (l *lookout) last(what uint32) *snapshot {
	if what == wantFull {
		return l.full.Load()
	}
	return l.plain.Load()
}

// waiting is for how long no turn has ended although one is waited for.
func (l *lookout) waiting() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown == nil {
		return 0
	}
	return time.Since(l.since)
}

// look returns a snapshot that is recent, or, if ctx ends before there is one, the
// last.
func (e *engine) look(ctx context.Context, what uint32) *snapshot {
	l := &e.lookout
	if s := l.fresh(what); s != nil {
		return s
	}
	if l.waiting() > lookPatience {
		return l.last(what) // the engine hangs
	}
	shown, first := l.want(what)
	if first {
		e.hasten()
	}
	select {
	case <-shown:
	case <-ctx.Done():
	}
	return l.last(what)
}

// lookAtAll is look for a snapshot and its groups: those that were listed last, if they
// have not changed since.
func (e *engine) lookAtAll(ctx context.Context) (*snapshot, *groupList) {
	s := e.look(ctx, wantPlain)
	if last := e.lookout.full.Load(); last.version == s.version {
		return s, last.groups
	}
	s = e.look(ctx, wantFull)
	return s, s.groups
}

// hasten makes a turn if nobody does: at once if the engine is idle, else when those
// under way do not end soon.
func (e *engine) hasten() {
	if e.mu.TryLock() {
		touched := flushLists.Get().(*[]*session.Session)
		e.touched = (*touched)[:0]
		flushAll(e.leave(), touched)
		return
	}
	time.AfterFunc(turnWait, func() {
		if e.lookout.wanted.Load() != wantNothing {
			e.turn(func() {})
		}
	})
}

// show leaves a snapshot, at the end of a turn.
func (e *engine) show() {
	what, shown := e.lookout.take()
	s := &snapshot{at: time.Now(), ring: e.ring.Status(), state: e.groups.State(), numGroups: e.groups.NumGroups(), messages: e.groups.Counters().Messages,
		version: e.groups.Version(), stopped: e.stopped, depths: e.depths}
	if what == wantFull {
		s.groups = e.listGroups()
		e.lookout.full.Store(s)
	}
	e.lookout.plain.Store(s)
	if shown != nil {
		close(shown)
	}
}

// listGroups copies the groups, if they have changed since that was done last.
func (e *engine) listGroups() *groupList {
	version := e.groups.Version()
	if s := e.lookout.full.Load(); s != nil && s.version == version {
		return s.groups
	}
	return &groupList{list: e.groups.List(e.lookout.bounds)}
}
