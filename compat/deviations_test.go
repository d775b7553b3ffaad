package compat

import (
	"sync/atomic"
	"testing"
)

// deviation is a rule where this module's daemon is unlike the original on purpose.
type deviation struct {
	ours, original string
	skip           bool // the original is not asked: it would end or never answer
	used           atomic.Bool
}

// deviations lists them all by rule. The tests hold each daemon to its column.
var deviations = map[string]*deviation{
	"12.1 GROUPS_MESS":             {ours: "the session is dropped", original: "the daemon ends", skip: true},
	"12.2 REJECT_MESS":             {ours: "the session is dropped", original: "a message of broken shape comes back", skip: true},
	"12.3 large bodies":            {ours: "delivered up to 143952 bytes", original: "memory is corrupted above 143151", skip: true},
	"12.4 groups beyond 43":        {ours: "routed", original: "the message goes nowhere"},
	"12.5 zero names":              {ours: "a join or leave without a name is ignored", original: "left-over memory is the name", skip: true},
	"12.6 three methods":           {ours: "all three are run", original: "refused with f7"},
	"12.7 silent connection":       {ours: "delays nobody", original: "delays the next client by a second"},
	"12.8 no choice":               {ours: "times out and frees name and slot", original: "keeps both for ever", skip: true},
	"12.9 fragmented hello":        {ours: "accepted", original: "closed without a byte"},
	"12.9 fragmented name":         {ours: "accepted", original: "refused with fb at once"},
	"12.9 bytes behind a name":     {ours: "read in their turn", original: "refused with fb"},
	"12.9 fragmented choice":       {ours: "accepted", original: "refused with f7 at once"},
	"12.12 group ids":              {ours: "never repeated", original: "a group that is made again repeats them"},
	"12.14 unix rule":              {ours: "lets clients of the Unix socket in", original: "they are refused in spite of it"},
	"12.14 blank line":             {ours: "skipped", original: "ends the rules"},
	"12.14 zero mask":              {ours: "matches every address", original: "matches none"},
	"12.15 restart":                {ours: "at once", original: "fails while connections are in TIME_WAIT"},
	"11 layout for 3.x clients":    {ours: "the 3.x layout of membership bodies", original: "the 5.x layout, which they misread"},
	"5.5 provisional ids":          {ours: "named by the daemon that leads the membership to come, which gives no id twice", original: "named by the first daemon that remains"},
	"7 SAFE from acknowledgements": {ours: "a daemon that is cut off may know from them that all hold a message: it comes before the signal", original: "only the token tells: it comes behind the signal"},
	"6.1 sessions":                 {ours: "MaxSessions sets the limit", original: "the limit is 997"},
}

// differs reports whether the daemon under test is the original, for a rule of
// the table, and skips the test if that one must not be asked.
func differs(t testing.TB, rule string) bool {
	t.Helper()
	d, ok := deviations[rule]
	if !ok {
		t.Fatalf("%q is not in the table of deviations", rule)
	}
	d.used.Store(true)
	if target.original && d.skip {
		t.Skipf("the original: %s; ours: %s", d.original, d.ours)
	}
	return target.original
}
