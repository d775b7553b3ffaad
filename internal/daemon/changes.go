package daemon

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/ring"
)

// changes puts what the ring noted and the daemon membership that came of it into
// one line. It is used in turns of the engine only.
type changes struct {
	members map[ring.DaemonID]string // by name
	notes   []noteOf                 // since the last membership
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

// installed is the entry for a new membership: who is in it, who came, who went and
// why, and who is missing.
func (c *changes) installed(cfg *conf.Config, n *ring.Configuration) entry {
	c.expire()
	was := c.members
	c.members = make(map[ring.DaemonID]string)
	first := was == nil
	var in, joined, left, missing, because []string
	daemons := cfg.Daemons()
	for _, d := range daemons {
		id := ring.DaemonID(d.ID)
		note := c.of(id)
		_, before := was[id]
		now := slices.Contains(n.Members, id)
		delete(was, id)
		name := d.Name
		switch {
		case now && (!before && !first || note != nil && note.kind == ring.NoteRestarted):
			joined = append(joined, note.explain(name))
		case before && !now:
			left = append(left, note.explain(name))
		case !now:
			missing = append(missing, name)
		case note != nil:
			because = append(because, "daemon "+name+" "+note.text)
		}
		if now {
			c.members[id] = name
			in = append(in, name)
		}
	}
	for id, name := range was { // what the configuration does not have any more
		left = append(left, c.of(id).explain(name))
	}
	slices.Sort(left)
	if note := c.of(0); note != nil {
		because = append(because, note.text)
	}
	c.notes = c.notes[:0]

	text := fmt.Sprintf("Membership: %d of %d daemons: %s", len(in), len(daemons), strings.Join(in, ", "))
	fields := []slog.Attr{
		slog.String("membership", fmt.Sprintf("%d %d", int32(n.ID.Leader), n.ID.Time)),
		slog.Any("members", in),
		slog.Int("configured", len(daemons)),
	}
	reasons := make(map[string]string)
	for _, part := range []struct {
		name string
		list []string
	}{{"joined", joined}, {"left", left}, {"missing", missing}, {"because", because}} {
		if len(part.list) > 0 {
			text += "; " + part.name + ": " + strings.Join(part.list, ", ")
			if part.name != "because" {
				part.list = takeReasons(part.list, reasons)
			}
			fields = append(fields, slog.Any(part.name, part.list))
		}
	}
	if len(reasons) > 0 {
		fields = append(fields, slog.Any("reasons", reasons))
	}
	return entry{level: conf.LevelPrint, flags: conf.FlagMembership | conf.FlagPrint, text: text, fields: fields}
}

// explain adds what was noted of the daemon of that name.
func (n *noteOf) explain(name string) string {
	if n == nil {
		return name
	}
	return name + " (" + n.text + ")"
}

// takeReasons returns the names without what explain has added, which it puts into
// reasons. Names have no blanks.
func takeReasons(list []string, reasons map[string]string) []string {
	names := make([]string, len(list))
	for i, text := range list {
		name, why, found := strings.Cut(text, " (")
		if names[i] = name; found {
			reasons[name] = strings.TrimSuffix(why, ")")
		}
	}
	return names
}
