package conformance

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"
)

// TestScenariosCanFail lets a driver play that says yes to everything and does
// nothing: a scenario that finds it good finds anything good.
func TestScenariosCanFail(t *testing.T) {
	t.Parallel()
	suite.reference.ready(t)
	for _, s := range suite.scenarios {
		if s.Port != 0 {
			continue // has a driver of its own
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			crew := newCrew(t)
			liar := &driver{language: "liar", features: s.Needs, spoil: func(object, object) object { return object{"ok": true} }}
			crew.drivers["/liar"] = liar
			if err := playWithin(t, crew, s, &language{Language: "liar"}, suite.reference, 300*time.Millisecond); err == nil {
				t.Error("a driver that does nothing passes")
			}
		})
	}
}

// TestSpoiledAnswers changes what the driver in Go answers; the scenario that is
// named must notice.
func TestSpoiledAnswers(t *testing.T) {
	t.Parallel()
	suite.reference.ready(t)
	field := func(name string, value any) func(object, object) object {
		return func(_, answer object) object {
			m, ok := answer["message"].(object)
			if _, has := m[name]; ok && has {
				m[name] = value
			}
			return answer
		}
	}
	top := func(name string, value any) func(object, object) object {
		return func(_, answer object) object {
			if _, has := answer[name]; has {
				answer[name] = value
			}
			return answer
		}
	}
	for _, c := range []struct {
		what, scenario string
		spoil          func(request, answer object) object
	}{
		{"every service is AGREED", "services", field("service", "agreed")},
		{"no type", "types", field("type", 0.0)},
		{"no sender", "private", field("sender", "")},
		{"no data", "bytes", field("data_b64", "")},
		{"self-discard is not told", "self-discard", field("self_discard", false)},
		{"the byte order is not told", "byte-order-sender", field("endian_mismatch", false)},
		{"the groups are lost", "multi-group", field("groups", []any{})},
		{"the groups are sorted", "multi-group", func(_, answer object) object {
			if m, ok := answer["message"].(object); ok {
				slices.SortFunc(m["groups"].([]any), func(a, b any) int { return len(b.(string)) - len(a.(string)) })
			}
			return answer
		}},
		{"every cause is a join", "views", field("cause", "join")},
		{"nobody changed", "views", field("changed", "")},
		{"ids are all the same", "partition", field("id", []any{1.0, 2.0, 3.0})},
		{"no sets", "views", field("sets", []any{})},
		{"the own set is the first", "three-sets", field("own_set", 0.0)},
		{"members are lost", "views", field("members", []any{})},
		{"rejects are joins", "reject", field("request", "join")},
		{"signals are views", "partition", field("kind", "membership")},
		{"every error is -8", "refused-not-unique", top("error", -8.0)},
		{"errors have no text", "connect-nobody", top("text", "")},
		{"nothing was sent", "sizes", top("sent", 0.0)},
		{"another order", "order", top("digest", "")},
		{"another version", "release-3", top("daemon_version", []any{5.0, 0.0, 1.0})},
		{"a message is dropped at a timeout", "split-message", func(request, answer object) object {
			if answer["error"] == "timeout" {
				return object{"ok": false, "error": -8.0, "text": "x"}
			}
			return answer
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(suite.scenarios, func(s *scenario) bool { return s.Name == c.scenario })
			if i < 0 {
				t.Skip("not chosen")
			}
			crew := newCrew(t)
			d, err := crew.get("", suite.reference)
			if err != nil {
				t.Fatal(err)
			}
			d.spoil = func(request, answer object) object { return c.spoil(request, maps.Clone(answer)) }
			if err := playWithin(t, crew, suite.scenarios[i], suite.reference, suite.reference, patience); err == nil || errors.As(err, new(unsupported)) {
				t.Errorf("%s does not notice: %v", c.scenario, err)
			}
		})
	}
}
