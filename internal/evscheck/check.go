package evscheck

import (
	"fmt"
	"slices"
)

// Check returns what the traces show: the violations of the rules for daemons
// first, then those for clients. It does not change the traces.
//
// It takes about as many steps as there are events, times the number of daemons
// or of connections that share a configuration or a view.
func Check(r *Run) *Report {
	f := &finder{run: r, kept: make(map[string]int)}
	d := checkDaemons(f)
	checkClients(f, d)
	return &f.report
}

// finder collects what is found.
type finder struct {
	run    *Run
	report Report
	kept   map[string]int // violations by rule
}

func (f *finder) fail(rule, at string, places []Place, format string, args ...any) {
	if f.kept[rule] == MaxPerRule {
		f.report.Dropped++
		return
	}
	f.kept[rule]++
	v := Violation{Rule: rule, At: at, Text: fmt.Sprintf(format, args...)}
	for _, p := range places {
		if p.Event >= 0 && !slices.Contains(v.Places, p) {
			v.Places = append(v.Places, p)
		}
	}
	f.report.Violations = append(f.report.Violations, v)
}

// Has tells whether a violation of the rule was found.
func (r *Report) Has(rule string) bool {
	return slices.ContainsFunc(r.Violations, func(v Violation) bool { return v.Rule == rule })
}
