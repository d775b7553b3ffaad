package conformance

import (
	"errors"
	"testing"
)

// TestConformance plays each scenario with each language.
func TestConformance(t *testing.T) {
	for _, l := range suite.languages {
		t.Run(l.Language, func(t *testing.T) {
			t.Parallel()
			l.ready(t)
			suite.reference.ready(t)
			crew := newCrew(t)
			for _, s := range suite.scenarios {
				t.Run(s.Name, func(t *testing.T) { check(t, crew, s, l, suite.reference) })
			}
		})
	}
}

// check plays a scenario and records the outcome.
func check(t *testing.T, crew *crew, s *scenario, subject, other *language) {
	t.Helper()
	err := play(t, crew, s, subject, other)
	var cannot unsupported
	switch {
	case err == nil:
		suite.results.add(subject.Language, s.Name, passed, "")
	case errors.As(err, &cannot):
		suite.results.add(subject.Language, s.Name, skipped, cannot.reason)
		t.Skip(cannot.reason)
	default:
		suite.results.add(subject.Language, s.Name, failed, err.Error())
		t.Error(err)
	}
}

// TestPairs lets each language send to each.
func TestPairs(t *testing.T) {
	crew := newCrew(t)
	for _, x := range suite.languages {
		for _, y := range suite.languages {
			t.Run(x.Language+"-"+y.Language, func(t *testing.T) {
				x.ready(t)
				y.ready(t)
				for _, s := range suite.scenarios {
					if !s.Pair {
						continue
					}
					if err := play(t, crew, s, x, y); err != nil {
						suite.results.pair(x.Language, y.Language, failed)
						t.Fatalf("%s: %v", s.Name, err)
					}
				}
				suite.results.pair(x.Language, y.Language, passed)
			})
		}
	}
}
