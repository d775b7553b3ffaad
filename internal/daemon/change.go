package daemon

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/ring"
	"gospread/spread/internal/status"
)

// change is a daemon membership against the one before.
type change struct {
	id                    ring.ID
	members               []string
	configured            int // daemons of the configuration
	joined, left, missing []party
	because               []string // what else led to it
	first                 bool     // of the life of this daemon; then nobody has joined
	epoch                 bool     // another configuration is in force since the one before
}

// party is a daemon and what was noted of it, or "".
type party struct{ name, why string }

func (p party) String() string {
	if p.why == "" {
		return p.name
	}
	return p.name + " (" + p.why + ")"
}

// entry is the change in one line of the log.
func (c *change) entry() entry {
	text := fmt.Sprintf("Membership: %d of %d daemons: %s", len(c.members), c.configured, strings.Join(c.members, ", "))
	fields := []slog.Attr{
		slog.String("membership", fmt.Sprintf("%d %d", int32(c.id.Leader), c.id.Time)),
		slog.Any("members", c.members),
		slog.Int("configured", c.configured),
	}
	reasons := make(map[string]string)
	for _, part := range []struct {
		name    string
		parties []party
	}{{"joined", c.joined}, {"left", c.left}, {"missing", c.missing}} {
		if len(part.parties) == 0 {
			continue
		}
		texts := make([]string, len(part.parties))
		for i, p := range part.parties {
			texts[i] = p.String()
			if p.why != "" {
				reasons[p.name] = p.why
			}
		}
		text += "; " + part.name + ": " + strings.Join(texts, ", ")
		fields = append(fields, slog.Any(part.name, names(part.parties)))
	}
	if len(c.because) > 0 {
		text += "; because: " + strings.Join(c.because, ", ")
		fields = append(fields, slog.Any("because", c.because))
	}
	if len(reasons) > 0 {
		fields = append(fields, slog.Any("reasons", reasons))
	}
	return entry{level: conf.LevelPrint, flags: conf.FlagMembership | conf.FlagPrint, text: text, fields: fields}
}

// view is the change as the status has it: the first membership is joined by all of
// it.
func (c *change) view(now time.Time) status.View {
	v := status.View{At: now, ID: c.id.String(), Members: c.members, Joined: names(c.joined), Left: names(c.left), Cause: c.cause()}
	if c.first {
		v.Joined = c.members
	}
	return v
}

// cause is why the membership came about, in words.
func (c *change) cause() string {
	var causes, found []string
	for _, p := range slices.Concat(c.left, c.joined) {
		if p.why != "" {
			causes = append(causes, "daemon "+p.name+" "+p.why)
		}
	}
	causes = append(causes, c.because...)
	for _, p := range c.joined {
		if p.why == "" {
			found = append(found, p.name)
		}
	}
	switch {
	case c.first:
		causes = append(causes, "this daemon has started")
	case len(found) == 1:
		causes = append(causes, "daemon "+found[0]+" was found")
	case len(found) > 1:
		causes = append(causes, "daemons "+strings.Join(found, ", ")+" were found")
	}
	if c.epoch {
		causes = append(causes, "another configuration of daemons is in force")
	}
	if len(causes) == 0 {
		return "another daemon began it"
	}
	return strings.Join(causes, "; ")
}

func names(parties []party) (list []string) {
	for _, p := range parties {
		list = append(list, p.name)
	}
	return list
}
