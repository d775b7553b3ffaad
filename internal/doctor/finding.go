package doctor

import (
	"fmt"
	"strings"
	"time"
)

// Level is how bad a finding is.
type Level int

// The levels.
const (
	OK Level = iota
	Warning
	Problem
)

// String is the word for a level in reports.
func (l Level) String() string { return [...]string{"ok", "warning", "problem"}[l] }

// MarshalText gives the same word.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Finding is the result of one check.
type Finding struct {
	// Check names what was checked and does not change between versions, such as
	// "ports.udp". What stands before the dot is the part of the report.
	Check string `json:"check"`
	// Daemon is the daemon that it is about, if it is about one.
	Daemon string `json:"daemon,omitempty"`
	Level  Level  `json:"level"`
	Found  string `json:"found"`
	// Means and Remedy are empty if all is well.
	Means  string `json:"means,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

// Matrix says who hears whom: Heard[i][j] is how Daemons[i] hears Daemons[j]. It is
// "self", "ok" (by unicast, and within a segment by what is sent to all), "unicast" or
// "all" (by nothing else), "nothing", or "unknown" if the doctor of i was not heard, or that of j by nobody.
type Matrix struct {
	Daemons []string   `json:"daemons"`
	Heard   [][]string `json:"heard"`
}

// Report is all that was found.
type Report struct {
	// Format is 1; it changes when members change their meaning or go away.
	Format   int       `json:"format"`
	Time     time.Time `json:"time"`
	File     string    `json:"file"`
	Daemon   string    `json:"daemon,omitempty"` // the own entry
	Hash     uint32    `json:"hash"`
	Findings []Finding `json:"findings"`
	Matrix   *Matrix   `json:"matrix,omitempty"`
	Warnings int       `json:"warnings"`
	Problems int       `json:"problems"`
}

func (r *Report) add(f Finding) {
	switch f.Level {
	case Warning:
		r.Warnings++
	case Problem:
		r.Problems++
	}
	r.Findings = append(r.Findings, f)
}

// subject is what findings are about.
type subject struct {
	r             *Report
	check, daemon string
}

func (r *Report) on(check, daemon string) subject { return subject{r, check, daemon} }

// ok notes that all is well.
func (s subject) ok(format string, args ...any) {
	s.r.add(Finding{Check: s.check, Daemon: s.daemon, Found: fmt.Sprintf(format, args...)})
}

// warning and problem note what was found, what it means, and what can be done.
func (s subject) warning(found, means, remedy string) {
	s.r.add(Finding{s.check, s.daemon, Warning, found, means, remedy})
}

func (s subject) problem(found, means, remedy string) {
	s.r.add(Finding{s.check, s.daemon, Problem, found, means, remedy})
}

// list names some things, and says how many more there are.
func list(names []string) string {
	const most = 8
	if len(names) == 0 {
		return "none"
	}
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
