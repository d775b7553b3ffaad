package daemon

import (
	"slices"
	"strings"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/ring"
)

// changes tells what each daemon membership changes, and what the ring noted before
// it. It is used in turns of the engine only.
type changes struct {
	members map[ring.DaemonID]string // by name
	notes   []noteOf                 // since the last membership
	epoch   bool                     // another configuration has come into force since then
}

// noteOf is what is said of a daemon, or of the ring if name is empty.
type noteOf struct {
	id   ring.DaemonID
	kind ring.NoteKind
	name string
	text string
	at   time.Time
}

// mostNotes bounds what is remembered between two memberships.
const mostNotes = 256

// noteLife is how long something noted can be why the membership changes.
const noteLife = time.Minute

// expire forgets what has led to nothing.
func (c *changes) expire() {
	c.notes = slices.DeleteFunc(c.notes, func(n noteOf) bool { return time.Since(n.at) > noteLife })
}

// noted remembers a note. The first one of a daemon stands: others follow from it.
func (c *changes) noted(n ring.Note, name string) {
	c.expire()
	if !mayEnd(n) || len(c.notes) >= mostNotes {
		return
	}
	text := n.Text(name)
	if n.Daemon == 0 {
		name = ""
	} else {
		text = strings.TrimPrefix(text, "daemon "+name+" ")
	}
	switch note, was := (noteOf{n.Daemon, n.Kind, name, text, time.Now()}), c.of(n.Daemon); {
	case was == nil:
		c.notes = append(c.notes, note)
	case was.kind == ring.NoteOverslept: // which may have led to nothing
		*was = note
	}
}

func (c *changes) of(id ring.DaemonID) *noteOf {
	for i := range c.notes {
		if c.notes[i].id == id {
			return &c.notes[i]
		}
	}
	return nil
}

// mayEnd tells whether what is noted may end a membership.
func mayEnd(n ring.Note) bool {
	switch n.Kind {
	case ring.NoteMismatch, ring.NoteSetBack:
		return false
	case ring.NoteOverslept:
		return n.For >= longNap
	}
	return true
}

// longNap is how long this daemon may not have run before others may do without it.
const longNap = 500 * time.Millisecond

// epochBegins: the membership may end because the configuration does not name all
// of it.
func (c *changes) epochBegins() { c.epoch = true }

// installed returns what a new membership changes: who is in it, who came, who went
// and why, and who is missing.
func (c *changes) installed(cfg *conf.Config, n *ring.Configuration) change {
	c.expire()
	was := c.members
	c.members = make(map[ring.DaemonID]string)
	daemons := cfg.Daemons()
	now := change{id: n.ID, configured: len(daemons), first: was == nil, epoch: c.epoch}
	for _, d := range daemons {
		id := ring.DaemonID(d.ID)
		note := c.of(id)
		_, before := was[id]
		in := slices.Contains(n.Members, id)
		delete(was, id)
		switch {
		case in && (!before && !now.first || note != nil && note.kind == ring.NoteRestarted):
			now.joined = append(now.joined, note.explain(d.Name))
		case before && !in:
			now.left = append(now.left, note.explain(d.Name))
		case !in:
			now.missing = append(now.missing, party{name: d.Name})
		case note != nil:
			now.because = append(now.because, "daemon "+d.Name+" "+note.text)
		}
		if in {
			c.members[id] = d.Name
			now.members = append(now.members, d.Name)
		}
	}
	for id, name := range was { // what the configuration does not have any more
		now.left = append(now.left, c.of(id).explain(name))
	}
	slices.SortFunc(now.left, func(a, b party) int { return strings.Compare(a.name, b.name) })
	if note := c.of(0); note != nil {
		now.because = append(now.because, note.text)
	}
	c.notes, c.epoch = c.notes[:0], false
	return now
}

// explain adds what was noted of the daemon of that name.
func (n *noteOf) explain(name string) party {
	if n == nil {
		return party{name: name}
	}
	return party{name, n.text}
}
