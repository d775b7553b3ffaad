package daemon

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/ring"
)

// TestMembershipInOneLine: who is there, who came, who went and why, who is missing.
func TestMembershipInOneLine(t *testing.T) {
	parse := func(daemons string) *conf.Config {
		cfg, err := conf.Parse([]byte("Spread_Segment 127.0.0.255:6000 { "+daemons+" }"), "", conf.Env{})
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	cfg := parse("a 127.0.0.1 VirtualID = 1 b 127.0.0.2 VirtualID = 2 c 127.0.0.3 VirtualID = 3")
	var c changes
	var explained []string
	for _, step := range []struct {
		notes   []ring.Note
		members []ring.DaemonID
		want    string
		cause   string
	}{
		{nil, []ring.DaemonID{1}, "1 of 3 daemons: a; missing: b, c", "this daemon has started"},
		{nil, []ring.DaemonID{1, 2, 3}, "3 of 3 daemons: a, b, c; joined: b, c", "daemons b, c were found"},
		{[]ring.Note{{Kind: ring.NoteSilent, Daemon: 3, For: 600 * time.Millisecond}, {Kind: ring.NoteFormFailed, Daemon: 3}},
			[]ring.DaemonID{1, 2}, "2 of 3 daemons: a, b; left: c (is silent for 600ms)", "daemon c is silent for 600ms"},
		{[]ring.Note{{Kind: ring.NoteRestarted, Daemon: 2}}, []ring.DaemonID{1, 2},
			"2 of 3 daemons: a, b; joined: b (has restarted); missing: c", "daemon b has restarted"},
		{[]ring.Note{{Kind: ring.NoteLeft, Daemon: 2}}, []ring.DaemonID{1, 3},
			"2 of 3 daemons: a, c; joined: c; left: b (has left)", "daemon b has left; daemon c was found"},
		{nil, []ring.DaemonID{1, 2}, "2 of 3 daemons: a, b; joined: b; left: c", "daemon b was found"},
		{nil, []ring.DaemonID{1, 2}, "2 of 3 daemons: a, b; missing: c", "another daemon began it"},
		{[]ring.Note{{Kind: ring.NoteTokenLost, For: time.Second}, {Kind: ring.NoteMovedOn, Daemon: 2}}, []ring.DaemonID{1, 2},
			"2 of 3 daemons: a, b; missing: c; because: daemon b has moved on to another membership, token is lost for 1s",
			"daemon b has moved on to another membership; token is lost for 1s"},
		{[]ring.Note{{Kind: ring.NoteOverslept, For: time.Second}, {Kind: ring.NoteRegroup}}, []ring.DaemonID{1, 2},
			"2 of 3 daemons: a, b; missing: c; because: the new configuration of daemons has other members, or another order",
			"the new configuration of daemons has other members, or another order"},
		{[]ring.Note{{Kind: ring.NoteMismatch, Daemon: 2}}, []ring.DaemonID{1, 2}, "2 of 3 daemons: a, b; missing: c",
			"another daemon began it"},
	} {
		for _, n := range step.notes {
			name := map[ring.DaemonID]string{2: "b", 3: "c"}[n.Daemon]
			c.noted(n, name)
		}
		now := c.installed(cfg, &ring.Configuration{ID: ring.ID{Leader: 1, Time: 5}, Members: step.members})
		e := now.entry()
		if v := now.view(time.Time{}); v.Cause != step.cause {
			t.Errorf("%s: cause %q, want %q", step.want, v.Cause, step.cause)
		}
		if got := strings.TrimPrefix(e.text, "Membership: "); got != step.want {
			t.Errorf("got  %s\nwant %s", got, step.want)
		}
		// In JSON names are names, and can be compared.
		for _, f := range e.fields {
			switch f.Key {
			case "joined", "left", "missing":
				if names := fmt.Sprint(f.Value.Any()); strings.Contains(names, "(") {
					t.Errorf("%s: %s", f.Key, names)
				}
			case "reasons":
				explained = append(explained, fmt.Sprint(f.Value.Any()))
			}
		}
	}
	if got := fmt.Sprint(explained); got != "[map[c:is silent for 600ms] map[b:has restarted] map[b:has left]]" {
		t.Errorf("reasons: %s", got)
	}
	c.noted(ring.Note{Kind: ring.NoteOverslept, For: time.Second}, "")
	c.notes[0].at = c.notes[0].at.Add(-2 * noteLife)
	c.epochBegins()
	alone := &ring.Configuration{Members: []ring.DaemonID{1}}
	now := c.installed(parse("a 127.0.0.1 VirtualID = 1"), alone)
	if text, cause := now.entry().text, now.cause(); text != "Membership: 1 of 1 daemons: a; left: b" || cause != "another configuration of daemons is in force" {
		t.Errorf("after the configuration has changed: %s: %s", text, cause)
	}
	if now = c.installed(cfg, alone); now.cause() != "another daemon began it" {
		t.Errorf("a configuration counts once: %s", now.cause())
	}
	for i := range 3 * mostNotes {
		c.noted(ring.Note{Kind: ring.NoteLeft, Daemon: ring.DaemonID(i + 1)}, "x")
	}
	if len(c.notes) > mostNotes {
		t.Errorf("%d notes are remembered", len(c.notes))
	}
}
