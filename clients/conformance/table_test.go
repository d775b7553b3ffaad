package conformance

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

type outcome int

const (
	passed outcome = iota + 1
	skipped
	failed
)

func (o outcome) String() string { return [...]string{"", "ok", "skip", "**FAIL**"}[o] }

// results are what came out.
type results struct {
	mu    sync.Mutex
	cells map[cell]result
	pairs map[[2]string]outcome
	rates map[string][2]float64 // received and sent per second, by language
}

type cell struct{ language, scenario string }

type result struct {
	outcome outcome
	reason  string // of a skip
}

func (r *results) add(language, scenario string, o outcome, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cells == nil {
		r.cells = map[cell]result{}
	}
	r.cells[cell{language, scenario}] = result{o, reason}
}

func (r *results) pair(x, y string, o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pairs == nil {
		r.pairs = map[[2]string]outcome{}
	}
	r.pairs[[2]string{x, y}] = o
}

func (r *results) rate(language string, in, out float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rates == nil {
		r.rates = map[string][2]float64{}
	}
	r.rates[language] = [2]float64{in, out}
}

// The marks between which a document has the table.
const (
	tableBegin = "<!-- table: made by go test ./clients/conformance -table FILE -->\n"
	tableEnd   = "<!-- end of table -->\n"
)

// publish prints the table, and writes it to a file if one is given.
func (r *results) publish(path string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.cells) == 0 && len(r.rates) == 0 {
		return nil
	}
	table := r.markdown()
	fmt.Print(table)
	if path == "" {
		return nil
	}
	path = filepath.Join(suite.root, path)
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	before, rest, marked := bytes.Cut(old, []byte(tableBegin))
	_, after, closed := bytes.Cut(rest, []byte(tableEnd))
	if !marked || !closed {
		before, after = nil, nil
	}
	text := slices.Concat(before, []byte(tableBegin), []byte(table), []byte(tableEnd), after)
	return os.WriteFile(path, text, 0o644)
}

// markdown is the table of scenarios and languages, the reasons of what was
// skipped, and the table of pairs.
func (r *results) markdown() string {
	var languages []string
	for _, l := range suite.languages {
		languages = append(languages, l.Language)
	}
	var b strings.Builder
	if len(r.cells) > 0 {
		r.scenarioTable(&b, languages)
	}
	if len(r.pairs) > 0 {
		b.WriteString("\n| sends \\ receives | " + strings.Join(languages, " | ") + " |\n|---|" + strings.Repeat("---|", len(languages)) + "\n")
		for _, x := range languages {
			fmt.Fprintf(&b, "| %s |", x)
			for _, y := range languages {
				fmt.Fprintf(&b, " %v |", r.pairs[[2]string{x, y}])
			}
			b.WriteString("\n")
		}
	}
	if len(r.rates) > 0 {
		fmt.Fprintf(&b, "\n| messages of %d bytes a second | %s |\n|---|%s\n", speedBytes, strings.Join(languages, " | "), strings.Repeat("---:|", len(languages)))
		for i, what := range []string{"received", "sent"} {
			fmt.Fprintf(&b, "| %s |", what)
			for _, l := range languages {
				fmt.Fprintf(&b, " %.0f |", r.rates[l][i])
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func (r *results) scenarioTable(b *strings.Builder, languages []string) {
	rows := []string{"tests", "checks"}
	titles := map[string]string{"tests": "the client's own tests", "checks": "checks of its packaging"}
	for _, s := range suite.scenarios {
		rows = append(rows, s.Name)
		titles[s.Name] = s.Title
	}
	var skips []string
	count := map[outcome]int{}
	b.WriteString("| scenario | what | " + strings.Join(languages, " | ") + " |\n|---|---|" + strings.Repeat("---|", len(languages)) + "\n")
	for _, row := range rows {
		fmt.Fprintf(b, "| `%s` | %s |", row, titles[row])
		for _, l := range languages {
			c := r.cells[cell{l, row}]
			count[c.outcome]++
			fmt.Fprintf(b, " %v |", c.outcome)
			if c.outcome == skipped && c.reason != "" {
				skips = append(skips, fmt.Sprintf("- `%s`, %s: %s\n", row, l, c.reason))
			}
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(b, "\n%d passed, %d failed, %d skipped.\n", count[passed], count[failed], count[skipped])
	if len(skips) > 0 {
		b.WriteString("\nSkipped:\n\n" + strings.Join(skips, ""))
	}
}
