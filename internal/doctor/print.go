package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// width is what a line has at most, unless a word is longer.
const width = 80

// parts are the headings of the report, by the first word of the checks.
var parts = []struct{ prefix, title string }{
	{"configuration", "Configuration"},
	{"machine", "This machine"},
	{"ports", "Ports"},
	{"limits", "Limits"},
	{"keys", "Keys"},
	{"daemons", "Daemons"},
	{"network", "Network"},
}

// WriteText writes the report for a person.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	who := r.Daemon
	if who == "" {
		who = "(no entry of this machine)"
	}
	fmt.Fprintf(&b, "spread doctor: %s in %s, hash %d\n", who, r.File, r.Hash)
	for _, p := range parts {
		first := true
		for i := range r.Findings {
			if f := &r.Findings[i]; strings.HasPrefix(f.Check, p.prefix+".") {
				if first {
					fmt.Fprintf(&b, "\n%s\n", p.title)
					first = false
				}
				f.write(&b)
			}
		}
	}
	if r.Matrix != nil {
		r.Matrix.write(&b)
	}
	fmt.Fprintf(&b, "\n%s\n", r.summary())
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) summary() string {
	if r.Warnings+r.Problems == 0 {
		return "All is well: " + count(len(r.Findings), "check") + "."
	}
	return count(r.Problems, "problem") + ", " + count(r.Warnings, "warning") + "."
}

// count is a number with its noun.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (f *Finding) write(b *strings.Builder) {
	level := f.Level.String()
	if f.Level == Problem {
		level = "PROBLEM"
	}
	found := f.Found
	if f.Daemon != "" {
		found = f.Daemon + ": " + found
	}
	wrap(b, fmt.Sprintf("  %-8s ", level), found)
	if f.Means != "" {
		wrap(b, "           means: ", f.Means)
	}
	if f.Remedy != "" {
		wrap(b, "           do:    ", f.Remedy)
	}
}

// wrap writes a text behind a head, and its further lines below its first.
func wrap(b *strings.Builder, head, text string) {
	indent := strings.Repeat(" ", utf8.RuneCountInString(head))
	line := head
	for word := range strings.FieldsSeq(text) {
		if n := utf8.RuneCountInString(line); n > len(indent) && n+1+utf8.RuneCountInString(word) > width {
			b.WriteString(line + "\n")
			line = indent
		}
		if utf8.RuneCountInString(line) > len(indent) {
			line += " "
		}
		line += word
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}

// cells are how the matrix shows who is heard how.
var cells = map[string]string{"self": "-", "ok": "ok", "unicast": "uni", "all": "all", "nothing": "NO", "unknown": "?"}

// widest is how many daemons a table for a terminal has.
const widest = 12

func (m *Matrix) write(b *strings.Builder) {
	if len(m.Daemons) > widest {
		fmt.Fprintf(b, "\nWho hears whom: %d daemons are too many for a table here; see --json\n", len(m.Daemons))
		return
	}
	fmt.Fprintf(b, "\nWho hears whom (a line hears the columns)\n")
	fmt.Fprintf(b, "  %-20s", "")
	for i := range m.Daemons {
		fmt.Fprintf(b, "%4d", i+1)
	}
	b.WriteString("\n")
	for i, name := range m.Daemons {
		fmt.Fprintf(b, "  %-20s", fmt.Sprintf("%d %s", i+1, name))
		for j := range m.Daemons {
			fmt.Fprintf(b, "%4s", cells[m.Heard[i][j]])
		}
		b.WriteString("\n")
	}
	wrap(b, "  ", "ok: well; uni: by unicast, and not what is sent to the whole segment; all: only that; "+
		"NO: not at all; ?: its doctor was not heard")
}

// WriteJSON writes the report for a program.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
